"""Time of the other feeds: catalog and promotion as CSV, check and whole way; the catalog as document and workbook."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from bench import articles, data
from bench.formats import calamine, sheet, visit
from bench.measure import Broken, Line, Options, Watch, taken
from bench.stock import YARDSTICK, bare
from bench.way import WARM_UP, Way, checked

ARTICLES = 200_000
PROMOTIONS = 100_000
SHEET = 50_000


def lines(options: Options, progress: Callable[[str], None]) -> list[Line]:
    """Measure every feed in interleaved rounds of its own."""
    catalog = _Feed("catalog", data.articles_csv, data.CATALOG_MAPPING, options.sized(ARTICLES), "articles x 24")
    promotion = _Feed(
        "promotion", articles.promotions_csv, articles.PROMOTION_MAPPING, options.sized(PROMOTIONS), "promotions x 13"
    )
    found = [line for feed in (catalog, promotion) for line in feed.lines(options, progress)]
    return [*found, _xml(options, progress), _xlsx(options, progress)]


class _Feed:
    """One contract's CSV file: its check, and its whole way to a destination that takes everything in one call."""

    def __init__(self, agreed: str, make: Callable[[Path, int], Path], mapping: str, rows: int, what: str) -> None:
        self._agreed = agreed
        self._make = make
        self._mapping = mapping
        self._rows = rows
        self._what = what
        self._fields = tuple(tomllib.loads(mapping)["fields"])
        """What the destination is sent: the fields that the mapping fills."""

    def lines(self, options: Options, progress: Callable[[str], None]) -> list[Line]:
        progress(f"writing {self._what}")
        file, few = self._make(options.data, self._rows), self._make(options.data, WARM_UP)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            mapping = data.mapping(Path(folder), self._mapping)
            checked(few, mapping)
            self._way(few, few, Watch(lambda: bare(few)))
            watch = Watch(lambda: bare(file))
            for number in range(options.rounds):
                progress(f"{self._what}, round {number + 1} of {options.rounds}")
                seen, bad = watch.time("check", lambda: checked(file, mapping))
                if seen != self._rows or not 0 < bad < self._rows // 20:
                    raise Broken(f"{self._rows} rows went in, check saw {seen}, {bad} of them bad")
                self._way(file, few, watch)
        return [
            Line(f"check of {self._rows:,} {self._what}", "x", 2.0, YARDSTICK, watch.ratio("check")),
            Line(
                f"the same {self._rows:,} {self._what.split(' ')[0]}, whole way",
                "x",
                4.0,
                YARDSTICK,
                watch.ratio("whole"),
            ),
        ]

    def _way(self, file: Path, few: Path, watch: Watch) -> None:
        with Way(self._mapping, few=few, contract=self._agreed, fields=self._fields) as way:
            run = watch.time("whole", lambda: way.go(file))
            states = way.rig.states(run)
            if way.rows(run) != sum(states.values()) or set(states) - {"applied", "rejected"}:
                raise Broken(f"rows ended otherwise than applied or rejected: {states}")


def _xml(options: Options, progress: Callable[[str], None]) -> Line:
    rows = options.sized(SHEET)
    progress("writing a document of articles")
    file, few = articles.articles_xml(options.data, rows), articles.articles_xml(options.data, WARM_UP // 10)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        mapping = data.mapping(Path(folder), articles.xml_mapping())
        visit(few)
        checked(few, mapping)
        watch = Watch(lambda: taken(lambda: visit(file))[1])
        for number in range(options.rounds):
            progress(f"articles as XML, round {number + 1} of {options.rounds}")
            seen, _ = watch.time("check", lambda: checked(file, mapping))
            if seen != rows:
                raise Broken(f"{seen} of {rows} articles were read")
    return Line(f"XML {rows:,} articles x 24, check", "x", 1.8, "bare iterparse", watch.ratio("check"))


def _xlsx(options: Options, progress: Callable[[str], None]) -> Line:
    rows = options.sized(SHEET)
    progress("writing a workbook of articles")
    file, few = articles.articles_xlsx(options.data, rows), articles.articles_xlsx(options.data, WARM_UP // 10)
    calamine(few)
    sheet(few)
    watch = Watch(lambda: taken(lambda: calamine(file))[1])
    for number in range(options.rounds):
        progress(f"articles as XLSX, round {number + 1} of {options.rounds}")
        if (seen := watch.time("read", lambda: sheet(file))) != rows:
            raise Broken(f"{seen} of {rows} articles were read")
    return Line(f"XLSX {rows:,} articles x 24, reading", "x", 1.6, "calamine", watch.ratio("read"))
