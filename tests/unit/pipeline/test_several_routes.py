"""Files that several routes take."""

from __future__ import annotations

from dataclasses import replace

import orjson
from support.stock_rows import GOOD, HEADER

from gateway.testing.rig import MAPPING


class TestSeveralRoutes:
    def two(self, rig, mapping, **route):
        """Give the rig's source a second route with another mapping."""
        (first,) = rig.intake._routes("drop")
        path = rig.folder / "other.toml"
        path.write_text(mapping, "utf-8")
        other = replace(first, route=first.route.model_copy(update={"name": "other", **route}), mapping=path)
        rig.intake._routes = lambda _: [first, other]

    def found(self, rig):
        return {row.route: row.state for row in rig.operations.runs()}

    def test_a_file_goes_through_all_of_them(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING)
        rig.drop("1.csv", GOOD)
        rig.advance(2)
        assert self.found(rig) == {"stock": "settled", "other": "settled"}
        assert rig.endings() == {"1.csv": "archive"}

    def test_its_answers_say_which_route_they_are_of(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING)
        rig.drop("1.csv", HEADER + "a,1\nb,x\n")
        rig.advance(2)
        runs_of = {row.route: row.id for row in rig.operations.runs()}
        names = {path.name for path in (rig.folder / "outbox/acme").iterdir()}
        for route, run in runs_of.items():
            kinds = ("ack.json", "result.csv", "errors.csv", "issues.csv", "summary.json", "report.html")
            assert {f"1.csv.{route}.{run}.{kind}" for kind in kinds} <= names
            page = (rig.folder / "outbox/acme" / f"1.csv.{route}.{run}.report.html").read_text("utf-8")
            assert f"1.csv · through {route} to there" in page
            assert f'href="1.csv.{route}.{run}.result.csv"' in page
        assert len(names) == 12
        rig.clock.advance(60)
        (errors,) = (rig.folder / "outbox/acme").glob("1.csv.other.*.errors.csv")
        rig.drop(errors.name, errors.read_text("utf-8").replace(",x\n", ",7\n"))
        rig.advance(2)
        assert {row.route for row in rig.operations.runs() if row.file == errors.name} == {"other"}

    def test_a_file_refused_by_several_is_answered_for_each(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING)
        rig.drop("1.csv", "")
        names = {path.name.rsplit(".", 3)[0] for path in (rig.folder / "outbox/acme").iterdir()}
        assert names == {"1.csv.stock", "1.csv.other"}

    def test_a_file_one_route_can_not_use_is_archived_when_another_took_it(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING.replace('sku = "sku"', 'sku = "Artikel"'))
        rig.drop("1.csv", GOOD)
        rig.advance()
        assert self.found(rig) == {"stock": "settled", "other": "rejected"}
        assert rig.endings() == {"1.csv": "archive"}
        acks = [orjson.loads(p.read_bytes())["taken"] for p in (rig.folder / "outbox/acme").glob("*.ack.json")]
        assert sorted(acks) == [False, True]

    def test_it_is_not_archived_before_the_last_run_has_ended(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING.replace('sku = "sku"', 'sku = "Artikel"'))
        rig.drop("1.csv", GOOD)
        assert rig.endings() == {"1.csv": None}

    def test_a_file_no_route_can_use_is_rejected(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING.replace('sku = "sku"', 'sku = "Artikel"'))
        rig.drop("1.csv", "Something,else\n1,2\n")
        assert self.found(rig) == {"stock": "rejected", "other": "rejected"}
        assert rig.endings() == {"1.csv": "reject"}

    def test_a_name_that_fits_one_route_goes_through_that_one(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING, files=("weekly*.csv",))
        rig.drop("1.csv", GOOD)
        assert self.found(rig) == {"stock": "waiting"}

    def test_a_duplicate_on_both_routes_has_two_answers(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING)
        rig.drop("1.csv", GOOD)
        rig.clock.advance(60)
        rig.drop("2.csv", GOOD)
        assert len(list((rig.folder / "outbox/acme").glob("2.csv.*.ack.json"))) == 2
