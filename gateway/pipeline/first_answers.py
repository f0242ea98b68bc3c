"""What a partner is told when files came: that they were taken, or why not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Row

from gateway.errors import FileError
from gateway.issues import CATALOGUE
from gateway.journal import Journal, names, refusals, runs
from gateway.outbox import Outbox, answer_name, answer_of
from gateway.pipeline.bundle import Bundle, kept_listing
from gateway.pipeline.setup import RouteSetup
from gateway.reports.answers import write_ack, write_refusal
from gateway.reports.verdict import failed
from gateway.spool import Spool

_NOTHING = "Nothing to do."


class FirstAnswers:
    """Writes acknowledgements and refusals. `returns` says whom a source belongs to, and whether answers go back."""

    def __init__(
        self, journal: Journal, spool: Spool, outbox: Outbox, returns: Callable[[str], tuple[str, bool]]
    ) -> None:
        self._journal = journal
        self._spool = spool
        self._outbox = outbox
        self._returns = returns

    def acknowledge(self, run: str, setup: RouteSetup) -> None:
        """Say that a run took its file; saying it twice is once."""
        with self._journal.read() as tx:
            row = runs.get_run(tx, run)
            linked = None if row is None else runs.first_of(tx, row.first_run, row.partner)
        if row is None:
            return
        calls, finish = row.counts.get("calls", 0), row.counts.get("finish")

        def write(out: Path) -> bool:
            write_ack(
                out, run=run, partner=row.partner, route=row.route, file_name=row.file, size=row.size,
                sha256=row.sha256, received_at=row.received_at, rows=row.rows, calls_expected=calls,
                finish_expected=datetime.fromisoformat(finish) if finish else None, linked_run=linked,
                files=kept_listing(self._spool.run(run)), notes=row.notes,
            )  # fmt: skip
            return True

        self._outbox.publish(
            row.partner, answer_of(row, "ack.json"), write, run=run, kind="ack.json",
            source=setup.route.source if setup.route.answers else None,
        )  # fmt: skip

    def duplicate(self, bundle: Bundle, first: Row[Any], purpose: str, *, route: str | None) -> None:
        """Refuse bytes that the run `first` took, and say how its faulty rows go again; more at `refuse`."""
        said = f"The same content was already taken as run {first.id} ({first.file}); nothing is sent again."
        blameless = first.counts.get("blameless", 0)
        bad = failed(first.counts.get("states", {})) - blameless
        fix = "The operator sends the refused rows again: nothing is to be mended in them." if blameless else _NOTHING
        if bad:
            answer = answer_of(first, first.counts.get("errors", "errors.csv"))
            fix = f"Its faulty rows ({bad:,}) go again mended, by {answer}, or by this file once its mapping is mended."
        error = FileError("FILE_DUPLICATE", said, fix=fix)
        self.refuse(bundle, error, purpose=purpose, route=route)

    def refuse(
        self,
        bundle: Bundle,
        error: FileError,
        *,
        run: str | None = None,
        purpose: str = "",
        named: str | None = None,
        route: str | None = None,
    ) -> None:
        """Refuse files. `run`: the run that ends by it; else `named` stands for one in the answer's name.

        Without either it is what belongs to `purpose`, which of the answers to the file this is: after a crash the
        answer gets the same name again. `route`: is part of that name.
        """
        arrival = bundle.arrival
        partner, returned = self._returns(arrival.source)
        now = self._journal.clock.now()
        told = {"code": error.code, "message": error.message, "fix": error.fix or CATALOGUE[error.code].fix}

        def write(out: Path) -> bool:
            write_refusal(
                out, file_name=arrival.name, size=arrival.size, sha256=bundle.sha256, at=now, line=error.line, run=run,
                **told,
            )  # fmt: skip
            return True

        with self._journal.begin() as tx:
            name = run or named or names.answer_id(tx, bundle.id, purpose, bundle.claimed_at)
            if run is None:  # else the end of the run says it
                refusals.add(tx, name, arrival=bundle.id, file=arrival.name, at=now, **told)
                self._journal.note(tx, f"arrival {bundle.id}", "refused", f"{arrival.name}: {error}")
        self._outbox.publish(
            partner, answer_name(arrival.name, name, "ack.json", route=route), write, run=run, kind="ack.json",
            source=arrival.source if returned else None,
        )  # fmt: skip
