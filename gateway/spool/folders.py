"""The folders of a run and a consignment: Parquet files named by the journal; it knows no format and no destination."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from gateway.model import KEY, LINE, ROW, no_issues
from gateway.recent import Recent
from gateway.spool.disk import Keeping, durable, read_block, write_block, write_frame

STATE = "@state"
"""Final state given at intake (`rejected`, `skipped`), null where the row may be sent (String)."""

LARGE = 16 << 20
"""Bytes of a file from which on its blocks are too many to be held in memory."""
MANY = 150_000
"""Rows from which on their effects are."""
_CALLS = 16 << 20
"""Bytes of calls that are kept in memory until they are sent."""

LATE_SCHEMA: dict[str, type[pl.DataType]] = {ROW: pl.Int64, "state": pl.String}


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Rows and issues of one run in file order, block by block.

    rows: `@row`, `@line`, `@key`, `@state`, then contract fields in canonical text (null: missing). `recent`: where
    blocks are remembered; None: nowhere. `keeping`: makes them durable beside the work; None: nothing is.
    """

    root: Path
    recent: Recent[pl.DataFrame] | None = field(default=None, compare=False, repr=False)
    keeping: Keeping | None = field(default=None, compare=False, repr=False)

    @property
    def file(self) -> Path:
        """Folder with the partner's bytes as they came."""
        return self.root / "file"

    @property
    def pinned(self) -> Path:
        """Folder with the mapping and its lookups as they were when the run began."""
        return self.root / "pinned"

    @property
    def raw(self) -> Path:
        """Folder with reports of the destination as received."""
        return self.root / "raw"

    def begin(self) -> None:
        """Make the folders; what an interrupted reading left is dropped."""
        if self.recent is not None:
            self.recent.drop(self.root)
        for name in ("rows", "issues", "cells"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            (self.root / name).mkdir(parents=True)
        (self.root / "late.parquet").unlink(missing_ok=True)
        for folder in (self.file, self.pinned, self.raw):
            folder.mkdir(parents=True, exist_ok=True)

    def expect(self, size: int) -> None:
        """Keep no blocks in memory of a file of so many bytes where that would be in vain."""
        if self.recent is not None and size > LARGE:
            self.recent.refuse(self.root)

    def keep_headers(self, headers: tuple[str, ...]) -> None:
        """Remember the headers of the partner's file."""
        (self.root / "cells" / "headers.json").write_bytes(orjson.dumps(headers))

    def headers(self) -> tuple[str, ...]:
        """Return the headers of the partner's file."""
        path = self.root / "cells" / "headers.json"
        return tuple(orjson.loads(path.read_bytes())) if path.exists() else ()

    def kept(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the cells of rejected rows: `@row`, `@line`, `c0`..., and kinds `k0`... if typed; None: all columns."""
        for path in sorted((self.root / "cells").glob("*.arrow")):
            yield self._block(path, columns)

    def add(self, number: int, rows: pl.DataFrame, issues: pl.DataFrame, cells: pl.DataFrame | None = None) -> None:
        """Write block `number` (from 0); `cells` are those of its rejected rows as they came."""
        name = f"{number:06d}.arrow"
        if cells is not None and cells.height:
            self._write(cells, self.root / "cells" / name)
        self._write(rows, self.root / "rows" / name)
        if issues.height:
            self._write(issues, self.root / "issues" / name)

    def _write(self, frame: pl.DataFrame, path: Path) -> None:
        write_block(frame, path)
        self.keep(path)
        if self.recent is not None:
            self.recent.put(self.root, path.relative_to(self.root).as_posix(), frame)

    def keep(self, *paths: Path) -> None:
        """Begin to make files durable that are not written again."""
        if self.keeping is not None:
            self.keeping.begin(paths)

    def make_durable(self) -> None:
        """Have all of the run on the disk, before the journal says that it is there. Raises OSError."""
        (self.keeping or Keeping()).finish(self.root)

    def _block(self, path: Path, columns: list[str] | None = None) -> pl.DataFrame:
        """Return a block, or some of its columns."""
        held = None
        if self.recent is not None:
            held = self.recent.get(self.root, path.relative_to(self.root).as_posix())
        if held is None:
            return read_block(path, columns)
        return held if columns is None else held.select(columns)

    def add_late(self, states: pl.DataFrame, issues: pl.DataFrame) -> None:
        """Write what rules across rows and the policy decided: `@row`, `state`, and its issues."""
        if states.height:
            write_frame(states, self.root / "late.parquet", sync=False)
        if issues.height:
            write_block(issues, self.root / "issues" / "late.arrow")

    def late(self) -> pl.DataFrame:
        """Return states decided after reading (frame of LATE_SCHEMA)."""
        path = self.root / "late.parquet"
        return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=LATE_SCHEMA)

    def keep_told(self, codes: npt.NDArray[np.uint8]) -> None:
        """Remember the states (codes, by `@row`) as the answers told them; durable, and never half of them."""
        path = self.root / "states.npy"
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as out:
            np.save(out, codes)
        durable(part)
        part.replace(path)

    def told(self) -> npt.NDArray[np.uint8]:
        """Return the states as the answers told them; nothing where none did, or the run was cleared away."""
        path = self.root / "states.npy"
        codes: npt.NDArray[np.uint8] = np.load(path) if path.exists() else np.zeros(0, dtype=np.uint8)
        return codes

    def paths(self) -> list[Path]:
        """Return the row files in order."""
        return sorted((self.root / "rows").glob("*.arrow"))

    def columns(self) -> list[str]:
        """Return the columns of the rows; none where there is no row."""
        paths = self.paths()
        return self._columns(paths[0]) if paths else []

    def _columns(self, path: Path) -> list[str]:
        held = None if self.recent is None else self.recent.get(self.root, path.relative_to(self.root).as_posix())
        return list(pl.read_ipc_schema(path)) if held is None else held.columns

    def last_row(self) -> int:
        """Return the highest `@row`, 0 where there is none."""
        paths = self.paths()
        return int(self._block(paths[-1], [ROW])[ROW][-1]) if paths else 0

    def blocks(self, columns: Iterable[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the rows block by block with late states applied; `columns` beyond the origin ones, None: all.

        A column that a block does not have is left out.
        """
        wanted = None if columns is None else list(dict.fromkeys([ROW, LINE, KEY, STATE, *columns]))
        yield from self._read(wanted)

    def states(self) -> Iterator[pl.DataFrame]:
        """Yield `@row` and `@state` only, block by block with late states applied."""
        yield from self._read([ROW, STATE])

    def _read(self, wanted: list[str] | None) -> Iterator[pl.DataFrame]:
        late = self.late()
        for path in self.paths():
            have = None if wanted is None else set(self._columns(path))
            frame = self._block(path, None if have is None or wanted is None else [c for c in wanted if c in have])
            yield _with_late(frame, late) if late.height else frame

    def issues(self) -> pl.DataFrame:
        """Return the issues of rules across rows and the policy only (ISSUE_SCHEMA)."""
        path = self.root / "issues" / "late.arrow"
        return read_block(path) if path.exists() else no_issues()

    def issue_codes(self) -> frozenset[str]:
        """Return the codes of all issues."""
        paths = sorted((self.root / "issues").glob("*.arrow"))
        return frozenset(code for path in paths for code in self._block(path, ["code"])["code"].unique())

    def issue_block(self, number: int) -> pl.DataFrame:
        """Return the issues of block `number` (ISSUE_SCHEMA)."""
        path = self.root / "issues" / f"{number:06d}.arrow"
        return self._block(path) if path.exists() else no_issues()


def _with_late(frame: pl.DataFrame, late: pl.DataFrame) -> pl.DataFrame:
    if not frame.height:
        return frame
    rows = frame[ROW]
    here = late.filter(pl.col(ROW).is_between(rows[0], rows[-1]))
    here = here.filter(pl.col(ROW).is_in(rows.implode()))
    if not here.height:
        return frame
    states = frame[STATE].scatter(rows.search_sorted(here[ROW]), here["state"])  # rows are sorted
    return frame.with_columns(states.alias(STATE))


EFFECT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "effect": pl.UInt32,
    "run": pl.UInt32,
    ROW: pl.Int64,
    KEY: pl.String,
    "seq": pl.Int64,
    "digest": pl.UInt64,
    "measure": pl.String,
    "ended": pl.Boolean,
    "derived": pl.Boolean,
    "batch": pl.UInt32,
    "line": pl.Int64,
}
"""Effects of a consignment: `run` is the position in its list of runs; `@row` is null for derived effects;
`batch` is the batch's number within the consignment, `line` its place inside the batch."""

MEMBER_SCHEMA: dict[str, type[pl.DataType]] = {"effect": pl.UInt32, ROW: pl.Int64}
"""Further rows of an effect that sums several rows of one key."""

DECISION_SCHEMA: dict[str, type[pl.DataType]] = {
    ROW: pl.Int64,
    "state": pl.String,
    "code": pl.String,
    "detail": pl.String,
    "field": pl.String,
}
"""Rows that a consignment ended without sending: unchanged, superseded, refused; a code where there is a detail.

`field`: the contract field it is about, null where it is the effect as a whole.
"""


@dataclass(frozen=True, slots=True)
class ConsignmentFolder:
    """Files of one consignment: effects per part, decisions per run and part, bodies, outcomes.

    `recent`: where effects are remembered; `calls`: where calls are, by the place where they begin.
    """

    root: Path
    recent: Recent[pl.DataFrame] = field(compare=False, repr=False)
    calls: Recent[bytes] = field(compare=False, repr=False)

    def begin(self) -> bool:
        """Make the folder; False when the name is taken: another lane forms a consignment at the same moment."""
        self.drop()
        try:
            self.root.mkdir(parents=True)
        except FileExistsError:
            return False
        return True

    def expect(self, rows: int) -> None:
        """Keep neither effects nor calls in memory of so many rows where that would be in vain."""
        if rows > MANY:
            self.recent.refuse(self.root)
            self.calls.refuse(self.root)

    def remove(self) -> None:
        """Remove it: nobody was told of it."""
        self.drop()
        shutil.rmtree(self.root)

    def drop(self) -> None:
        """Keep nothing of it in memory any more."""
        self.recent.drop(self.root)
        self.calls.drop(self.root)

    @property
    def bodies(self) -> Path:
        """All batches one after another; the journal knows offset and length."""
        return self.root / "bodies"

    def keep_call(self, begins: int, body: bytes) -> None:
        """Keep a call in memory for its sending, by the place where it begins among the bodies."""
        self.calls.put(self.root, str(begins), body)

    def kept_call(self, begins: int) -> bytes | None:
        """Return a call that was kept, and keep it no longer; None where it is on the disk alone."""
        return self.calls.take(self.root, str(begins))

    def make_durable(self) -> None:
        """Have calls, and the names of all files, on the disk; what else is in them is already. Raises OSError."""
        for path in (self.bodies, self.root, self.root.parent):
            durable(path)

    def add_effects(self, part: int, effects: pl.DataFrame, members: pl.DataFrame) -> None:
        """Write the effects of one part (EFFECT_SCHEMA) and the rows summed into them (MEMBER_SCHEMA)."""
        path = self.root / f"effects-{part:04d}.arrow"
        write_block(effects, path)
        durable(path)
        self.recent.put(self.root, path.name, effects)
        if members.height:
            write_frame(members, self.root / f"members-{part:04d}.parquet")

    def add_decisions(self, part: int, run: str, decisions: pl.DataFrame) -> None:
        """Write rows of a run that end without being sent (DECISION_SCHEMA)."""
        if decisions.height:
            write_frame(decisions, self.root / f"decisions-{run}-{part:04d}.parquet")

    def add_outcomes(self, batch: int, number: int, outcomes: pl.DataFrame) -> None:
        """Write what a receipt said of single effects of a batch (OUTCOME_SCHEMA)."""
        write_frame(outcomes, self.root / f"outcomes-{batch:06d}-{number:03d}.parquet")

    def effects(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield effects part by part (EFFECT_SCHEMA)."""
        for path in sorted(self.root.glob("effects-*.arrow")):
            held = self.recent.get(self.root, path.name)
            if held is None:
                yield read_block(path, columns)
            else:
                yield held if columns is None else held.select(columns)

    def members(self) -> pl.DataFrame:
        """Return rows summed into effects (MEMBER_SCHEMA)."""
        paths = sorted(self.root.glob("members-*.parquet"))
        return pl.concat([pl.read_parquet(p) for p in paths]) if paths else pl.DataFrame(schema=MEMBER_SCHEMA)

    def decisions(self, run: str) -> Iterator[pl.DataFrame]:
        """Yield decisions about a run's rows (DECISION_SCHEMA)."""
        for path in sorted(self.root.glob(f"decisions-{run}-*.parquet")):
            yield pl.read_parquet(path)

    def outcomes(self, batch: int, count: int) -> list[pl.DataFrame]:
        """Return the outcome frames the journal knows of a batch, oldest first."""
        return [pl.read_parquet(self.root / f"outcomes-{batch:06d}-{n:03d}.parquet") for n in range(count)]


@dataclass(frozen=True, slots=True)
class Spool:
    """Where everything lies below the state folder; `recent` and `calls`: what of it is still in memory."""

    root: Path
    recent: Recent[pl.DataFrame] = field(default_factory=Recent, compare=False, repr=False)
    calls: Recent[bytes] = field(default_factory=lambda: Recent(_CALLS), compare=False, repr=False)

    def run(self, run: str, keeping: Keeping | None = None) -> RunFolder:
        """Folder of a run; `keeping` where it is to be made durable beside its writing."""
        return RunFolder(self.root / "runs" / run, self.recent, keeping)

    def consignment(self, identity: str) -> ConsignmentFolder:
        """Folder of a consignment."""
        return ConsignmentFolder(self.root / "consignments" / identity, self.recent, self.calls)

    @property
    def claims(self) -> Path:
        """Bytes of claimed files until their runs have begun."""
        return self.root / "claims"

    @property
    def segments(self) -> Path:
        """Baseline segments of all lanes."""
        return self.root / "segments"

    @property
    def books(self) -> Path:
        """Base prices and promotions of lanes that compute what is wanted."""
        return self.root / "books"

    def sweep(self, folder: Path, named: Collection[str]) -> None:
        """Remove what a crash left in a folder: files that nothing names, and folders in which rows were folded."""
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in named:
                path.unlink(missing_ok=True)

    def make(self) -> None:
        """Create the folders."""
        for name in ("runs", "consignments", "claims", "segments", "books", "answers"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
