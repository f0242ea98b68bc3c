"""The route's policy: what becomes of the good rows of a file with bad ones."""

from __future__ import annotations

import polars as pl

from gateway.model import KEY, KEY_SEPARATOR, LINE, ROW
from gateway.pipeline.setup import RouteSetup
from gateway.routes import Policy
from gateway.spool import STATE, RunFolder, read_block
from gateway.wording import filled


class Judging:
    """Applies the policy of a route to one file; `bad` counts its faulty rows, `more` those taken along so far.

    `grouped`: rows are summed into records. `product`: the contract's group where the mapping fills it, else None.
    """

    def __init__(
        self, setup: RouteSetup, folder: RunFolder, *, bad: int, rows: int, grouped: bool, product: str | None
    ) -> None:
        self._policy = setup.route.policy
        self._key = setup.contract.key
        self._folder = folder
        self._bad = bad
        self._rows = rows
        self._grouped = grouped
        self._product = product
        self.over_limit = over_limit(self._policy, bad, rows)
        self.more = 0

    def judge(self, states: pl.DataFrame, issues: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return late states (LATE_SCHEMA) and issues with those of the rows that are taken along."""
        if self._bad == 0:
            return states, issues
        if self._grouped:
            # A record that sums several rows goes whole or not at all: a part of a level would be a wrong level.
            states, issues = self._take_along(states, issues, KEY, ("", KEY_SEPARATOR * (len(self._key) - 1)))
        if self._policy.rows == "groups" and self.over_limit is None and self._product is not None:
            states, issues = self._take_along(states, issues, self._product)
        if self._policy.rows == "all" or self.over_limit is not None:
            detail = self.over_limit or f"{self._bad + self.more:,} of {self._rows:,} rows are faulty"
            states, issues = self._reject_rest(states, issues, "POLICY", pl.lit(detail), None)
        return states, issues

    def _take_along(
        self, states: pl.DataFrame, issues: pl.DataFrame, name: str, nothing: tuple[str, ...] = ("",)
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Reject the good rows that share the text of column `name` with a faulty one; `nothing` is no such text."""
        late = states[ROW].implode()
        faulty = [
            b.filter((pl.col(STATE) == "rejected") | pl.col(ROW).is_in(late)).select(name, pl.col(ROW).alias("first"))
            for b in (read_block(p, [ROW, STATE, name]) for p in self._folder.paths())
        ]
        known = pl.col(name).is_not_null() & ~pl.col(name).is_in(nothing)
        groups = pl.concat(faulty).filter(known).unique(name, keep="first")
        if not groups.height:
            return states, issues
        return self._reject_rest(states, issues, "GROUP_REJECTED", filled("row {}", "first"), (name, groups))

    def _reject_rest(
        self,
        states: pl.DataFrame,
        issues: pl.DataFrame,
        code: str,
        detail: pl.Expr,
        only: tuple[str, pl.DataFrame] | None,
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        found: list[pl.DataFrame] = []
        for path in self._folder.paths():
            columns = [ROW, LINE, STATE] if only is None else [ROW, LINE, STATE, only[0]]
            block = read_block(path, columns)
            block = block.filter(pl.col(STATE).is_null() & ~pl.col(ROW).is_in(states[ROW].implode()))
            if only is not None:
                block = block.join(only[1], on=only[0], how="inner", maintain_order="left")
            found.append(block.select(ROW, LINE, pl.lit(code).alias("code"), detail.alias("detail")))
        rest = pl.concat(found)
        self.more += rest.height
        more = rest.select(ROW, pl.lit("rejected").alias("state"))
        told = pl.concat([issues, rest], how="diagonal").select(issues.columns).sort(ROW, maintain_order=True)
        return pl.concat([states, more]).sort(ROW), told


def over_limit(policy: Policy, bad: int, rows: int) -> str | None:
    """Say why a file with so many faulty rows is not sent at all, or None."""
    if policy.reject_above is not None and bad > policy.reject_above:
        return f"{bad:,} rows are faulty, the limit is {policy.reject_above:,}"
    if policy.reject_share is not None and rows and bad / rows > policy.reject_share:
        return f"{bad / rows:.1%} of the rows are faulty, the limit is {policy.reject_share:.1%}"
    return None
