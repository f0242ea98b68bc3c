"""Sage 50 as destination: batch files into one folder, one unread file per scope at a time, answers from another.

Only the latest file of a scope is kept by the platform (Sage 50 Cloud API documentation, guides; verified), so a file
that was not taken yet must never be followed by another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import polars as pl

from gateway.destinations import _folder
from gateway.destinations.sage import answers, article, batches, known, picture, product, promotion, stock
from gateway.destinations.sage.results import Found, Results
from gateway.destinations.sage.settings import SageSettings
from gateway.errors import Busy, SettingsError, Unreachable
from gateway.model import (
    ABSENT,
    UNKNOWN,
    Batch,
    Clock,
    Facts,
    Operation,
    Receipt,
    Reference,
    RowState,
    Sent,
    Spec,
    Verdict,
    no_issues,
)
from gateway.transport.http import Transport

_MARKS = ".gateway"
"""Folder inside the outbox with one small file per batch put there: what tells `taken` from `never written`."""
_MARK_DAYS = 60.0
_TIDY_EVERY = 200


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a kind of record brings: rules across rows, what tells its records apart, and the shape of its files."""

    check: Callable[[pl.DataFrame, SageSettings], pl.DataFrame]
    record: Callable[[str], pl.Expr]
    shape: Callable[[SageSettings], batches.Shape]


def _no_more(records: pl.DataFrame, settings: SageSettings) -> pl.DataFrame:
    """Say nothing beyond the contract and what is required."""
    del records, settings
    return no_issues()


_KINDS = {
    product.OPERATION: _Kind(product.check, article.row_key, product.shape),
    stock.OPERATION: _Kind(_no_more, article.record, stock.shape),
    promotion.OPERATION: _Kind(_no_more, promotion.record, promotion.shape),
    picture.OPERATION: _Kind(_no_more, picture.record, picture.shape),
}


def _operations(settings: SageSettings) -> tuple[Operation, ...]:
    written = (
        *stock.operations(settings),
        product.operation(settings),
        promotion.operation(settings),
        picture.operation(settings),
    )
    alone = settings.dedupe == "refuse"
    return tuple(replace(one, record=_KINDS[one.name].record(settings.separator), alone=alone) for one in written)


class SageDestination:
    """One exchange folder. What it remembers in memory only spares reading the same answers again."""

    SPEC: ClassVar[Spec] = Spec(
        name="sage",
        title="Sage 50 (batch files in a folder)",
        settings=SageSettings,
        operations=_operations,
    )

    places: ClassVar[tuple[str, ...]] = ("sku", "product_id", *article.VARIANTS)
    """Fields that say which article it is, and of which product and variants."""

    def __init__(
        self, settings: SageSettings, *, transport: Transport | None = None, clock: Clock, account: str, name: str
    ) -> None:
        del transport
        self._settings = settings
        self._clock = clock
        self._account = account
        self._name = name
        self._operations = self.SPEC.operations(settings)
        self._results = None if settings.results is None else Results(settings.results)
        self._told: dict[int, str] = {}
        self._submits = 0
        self._facts: Facts | None = None
        self.strays: tuple[str, ...] = ()
        """Answer files of the last look that belong to no batch asked about; they stay where they are."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Products, stock, special prices and pictures; a price alone can't be written, products go whole."""
        return self._operations

    @property
    def account(self) -> str:
        """The exchange folder's account name."""
        return self._account

    def remember(self, facts: Facts) -> None:
        """Keep in `facts` under which product and variants articles were written."""
        self._facts = facts

    def named(self, family: str) -> pl.DataFrame:
        """Return articles that Sage has under the id of their product, as far as their catalog rows went this way."""
        del family
        return known.read(self._kept()).select("sku", pl.col("product_id").alias("id"))

    def moved(self, operation: str, records: pl.DataFrame) -> pl.Series:
        """Return where articles were written before, as row keys have it; null where that is what the record says."""
        separator, after = self._settings.separator, operation != product.OPERATION
        there = known.read(self._kept())
        found = known.elsewhere(records, there, separator, whole=not after)
        if not after and found.null_count() < found.len():  # a place that another article takes is not left behind
            taken = known.occupied(records, there, separator)
            return found.set(found.is_in(taken.implode()).fill_null(value=False), None)
        if after:
            former = known.read(self._kept(known.MOVING))
            here = records.select("sku").join(former, on="sku", how="left", maintain_order="left")
            place = article.row_key(separator)
            moving = here.select(pl.when(pl.col("product_id").is_not_null()).then(place)).to_series()
            found = pl.select(pl.coalesce(found, moving)).to_series()
        return found

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Nothing can be read there: what is known of an article is how its own catalog row was written."""
        del operation, records
        return Reference(self._clock.now(), {known.FACT: known.read(self._kept())})

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Return issues of rules across rows; before special prices are written, of what they are reckoned from."""
        del today
        if reference.taken_at is None:
            return self._kind(operation).check(records, self._settings)
        if operation != promotion.OPERATION:
            return self._check_articles(operation, records, reference)
        articles = reference.facts[known.FACT]
        whole = promotion.check_whole(records, articles, self._settings)
        sent = promotion.check_sent(records, articles, self._settings)
        one = promotion.check_one_record(records, articles, self._settings)
        placed = known.placed_wholes(records, articles)
        return pl.concat([whole, one, promotion.check_one_rate(placed, self._settings), sent])

    def _check_articles(self, operation: str, records: pl.DataFrame, reference: Reference) -> pl.DataFrame:
        """Return issues of levels and pictures that only show beside what is known of their articles."""
        articles, separator = reference.facts[known.FACT], self._settings.separator
        found = [no_issues()]
        if operation == stock.OPERATION:
            found.append(known.check_levels(records, articles))
        if self._settings.dedupe == "refuse" and operation in {stock.OPERATION, picture.OPERATION}:
            key = article.row_key(separator) if operation == stock.OPERATION else picture.row_key(separator)
            found.append(known.check_apart(records, articles, key))
        return pl.concat(found)

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield one file per batch; the slot is one per scope."""
        if known.FACT in reference.facts:
            records = self._placed(operation, records, reference.facts[known.FACT])
        shape = self._kind(operation).shape(self._settings)
        return batches.encode(records, shape, f"{self._account}:{shape.scope}", self._settings)

    def _placed(self, operation: str, records: pl.DataFrame, articles: pl.DataFrame) -> pl.DataFrame:
        """Return the records with where their articles are; of special prices first those that end.

        One that goes on may be the same record by another name, and holds.
        """
        if operation != promotion.OPERATION:
            return known.placed(records, articles)
        placed = known.placed_wholes(records, articles)
        return placed if placed is records else placed.sort(~article.ended(), maintain_order=True)

    def _kind(self, operation: str) -> _Kind:
        if operation not in _KINDS:
            known = ", ".join(_KINDS)
            raise SettingsError(f"Destination {self._name} has no operation {operation!r}; it has: {known}.")
        return _KINDS[operation]

    def submit(self, batch: Batch) -> Receipt:
        """Put the file into the outbox. Raises Busy while an earlier file of the scope is neither taken nor answered.

        The very same file lying there unread counts as sent.
        """
        name, outbox = batch.memo["file"], self._settings.outbox
        if _folder.read(outbox / name, len(batch.body)) == batch.body:
            return self._receipt(name)
        unread = self._unread(outbox, _scope_of(name))
        if unread:
            raise Busy(
                f"{self._name}: the file {unread[0]} in {outbox} was not taken yet.",
                fix="The next file follows once it has vanished or been answered.",
                after=self._settings.look_interval,
            )
        _folder.write_temporary(outbox, name, batch.body)
        self._learn(batch)
        self._mark(name, batch.memo["batch"])
        _folder.publish(outbox, name)
        return self._receipt(name)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Read the answers once for all batches asked about."""
        if self._results is None:
            return {item.batch_id: self._unanswered(item) for item in sent if item.ticket is not None}
        found = self._results.look()
        asked = {item.memo["batch"] for item in sent}
        self.strays = tuple(one.name for one in found if one.answer is None or not one.answer.batches & asked)
        return {item.batch_id: self._settle(item, found) for item in sent}

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Look for the file, for an answer, then for our mark: taken, certainly never put there, or no way to tell."""
        name, outbox = sent.memo["file"], self._settings.outbox
        if not outbox.is_dir():
            return UNKNOWN
        mark = self._marked(name)
        begun = mark is not None and mark.at >= sent.intent_at
        if (outbox / name).exists() or (begun and self._naming(sent.memo["batch"], mark)):
            return self._receipt(name)
        if begun and not _folder.temporary(outbox, name).exists():
            # The mark is written before the rename and the temporary file is gone: it was renamed, and then taken.
            return self._receipt(name)
        return ABSENT

    def probe(self) -> str:
        """Look whether both folders can be used."""
        outbox, results = self._settings.outbox, self._settings.results
        _folder.writable(outbox)
        unread = sum(len(self._unread(outbox, scope)) for scope in self._settings.scopes)
        answered = "no answers are expected" if results is None else f"{len(_folder.names(results, '.json'))} answers"
        return f"{self._name}: {outbox} can be written to, {unread} files unread, {answered}"

    def close(self) -> None:
        """Nothing is held open."""

    def _kept(self, name: str = known.FACT) -> str | None:
        return None if self._facts is None else self._facts.get(name)

    def _learn(self, batch: Batch) -> None:
        """Keep what a file of products calls its articles; its scope has one file under way at a time."""
        if batch.operation != product.OPERATION or self._facts is None:
            return
        text, told = self._kept(), known.told(batch)
        before = known.read(text)
        self._keep(known.MOVING, known.moving(known.read(self._kept(known.MOVING)), before, told))
        self._keep(known.FACT, known.learnt(before, told))

    def _keep(self, name: str, articles: pl.DataFrame) -> None:
        text, fresh = self._kept(name), known.written(articles)
        if self._facts is not None and fresh != text and (articles.height or text):
            self._facts.put(name, fresh)

    def _receipt(self, name: str) -> Receipt:
        return Receipt(ticket=name, after=self._settings.look_interval)

    def _unanswered(self, item: Sent) -> Receipt:
        """Where nobody answers, a file that was taken is all that is ever known of it: what comes after it may follow.

        Our mark lies beside the file: without it the folder itself is not there.
        """
        name = item.memo["file"]
        if (self._settings.outbox / name).exists() or self._marked(name) is None:
            return self._receipt(name)
        why = "the file was taken, and nobody answers here"
        return Receipt(item.ticket, closed=True, rest=RowState.ACCEPTED, code="DEST_NOT_CONFIRMED", message=why)

    # ---------------------------------------------------------------- the outbox

    def _unread(self, outbox: Path, scope: str) -> list[str]:
        start = f"{self._settings.profile}_{scope}_"
        waiting = [name for name in _folder.names(outbox, ".json") if name.startswith(start)]
        if not waiting or self._settings.results is None:
            return waiting
        return [name for name in waiting if not self._naming(_batch_of(name), self._marked(name))]

    def _mark(self, name: str, batch: str) -> None:
        """Note when the file was begun and which answers to an identical earlier file lie there already."""
        folder = self._settings.outbox / _MARKS
        lying = [] if self._results is None else self._results.look()
        earlier = [one.stamp for one in lying if one.may_answer(batch)]
        text = json.dumps({"at": self._clock.now().isoformat(), "earlier": earlier})
        try:
            folder.mkdir(exist_ok=True)
            if self._submits % _TIDY_EVERY == 0:
                self._tidy(folder)
        except OSError as error:
            raise Unreachable(
                f"The folder {folder} can't be used: {error.strerror or error}.", fix="Check its permissions."
            ) from error
        self._submits += 1
        _folder.write_temporary(folder, name, text.encode())
        _folder.publish(folder, name)

    def _tidy(self, folder: Path) -> None:
        oldest = (self._clock.now() - timedelta(days=_MARK_DAYS, seconds=self._settings.deadline)).timestamp()
        for path in folder.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def _marked(self, name: str) -> _Mark | None:
        body = _folder.read(self._settings.outbox / _MARKS / name, 1024 * 1024)
        if body is None:
            return None
        data = json.loads(body)
        return _Mark(datetime.fromisoformat(data["at"]), frozenset(data["earlier"]))

    # ---------------------------------------------------------------- the answers

    def _naming(self, batch: str, mark: _Mark | None) -> list[Found]:
        """Answers that name the batch and did not lie there before it was begun."""
        if self._results is None:
            return []
        return [one for one in _later(self._results.look(), mark) if one.answers(batch)]

    def _settle(self, item: Sent, found: Sequence[Found]) -> Receipt:
        batch, name = item.memo["batch"], item.memo["file"]
        later = _later(found, self._marked(name))
        ours = [one.answer for one in later if one.answer is not None and one.answers(batch)]
        trouble = next((one.trouble for one in later if one.trouble != "" and one.may_answer(batch)), "")
        rows = batches.unpack(item.memo["rows"]) if "rows" in item.memo else None
        settled = answers.settle(ours, self._settings.states, rows, item.memo.get("tail", ""))
        closed = settled.final >= item.records
        news = self._news(item, ours, closed=closed)
        return Receipt(
            ticket=item.ticket,
            closed=closed,
            rest=RowState.ACCEPTED if closed else None,
            code="DEST_NOT_CONFIRMED" if closed else "",
            message=self._notes(settled, ours, self._settings.outbox / name),
            outcomes=settled.outcomes if news else None,
            after=None if closed else self._settings.look_interval,
            raw=self._results.raw(ours) if news and self._results is not None else (),
            trouble="" if closed else trouble,
        )

    def _notes(self, settled: answers.Settled, ours: Sequence[answers.Answer], file: Path) -> str:
        notes = []
        if settled.strange:
            notes.append(f"{len(settled.strange)} unknown in answers: {', '.join(settled.strange[:3])}")
        faulty = sum(answer.faulty for answer in ours)
        if faulty:
            notes.append(f"{faulty} entries of answers are not of the agreed shape")
        if file.exists():
            notes.append("the file was not taken yet")
        elif not ours:
            notes.append("taken, not answered yet")
        return "; ".join(notes)

    def _news(self, item: Sent, ours: Sequence[answers.Answer], *, closed: bool) -> bool:
        """Whether the answers differ from those told last: repeating them would only fill the spool."""
        told = " ".join(f"{answer.name}:{len(answer.rows)}:{hash(answer)}" for answer in ours)
        if self._told.get(item.batch_id, "") == told and not closed:
            return False
        self._told[item.batch_id] = told
        if closed:
            del self._told[item.batch_id]
        return bool(ours)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What was noted before a file was put into the outbox: when, and the answers to an identical one before it."""

    at: datetime
    earlier: frozenset[str]


def _later(found: Sequence[Found], mark: _Mark | None) -> list[Found]:
    """Answers that did not lie there before what was marked was begun."""
    return [one for one in found if mark is None or one.stamp not in mark.earlier]


def _scope_of(name: str) -> str:
    return name.rsplit("_", 3)[-3]


def _batch_of(name: str) -> str:
    return name.rsplit("_", 2)[-2]
