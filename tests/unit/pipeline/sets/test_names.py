"""Names of files that belong together."""

from __future__ import annotations

import pytest
from support.file_sets import PARTS, QUIET

from gateway.errors import FileError
from gateway.pipeline.sets import Seat, lacking, seat_of
from gateway.routes import SetRules


class TestNames:
    @pytest.mark.parametrize(
        ("path", "seat"),
        [
            ("stock_part1of3.csv", Seat("stock.csv", 1, 3)),
            ("in/Stock_PART02of10.csv.gz", Seat("in/Stock.csv", 2, 10)),
            ("stock_part3of3.tar.ZIP", Seat("stock.tar", 3, 3)),
            ("stock.csv", None),
            ("stock_part1of3_old.csv", None),
            ("stock_part1of3", Seat("stock", 1, 3)),
        ],
    )
    def test_of_counted_parts(self, path, seat):
        assert seat_of(path, PARTS) == seat

    def test_an_ending_may_be_part_of_the_pattern(self):
        rules = SetRules(parts=r"(?P<set>.+)\.csv\.(?P<part>\d)-(?P<of>\d)")
        assert seat_of("stock.csv.2-3", rules) == Seat("stock", 2, 3)

    @pytest.mark.parametrize("name", ["a_part4of3.csv", "a_part0of3.csv", "a_part1of99999.csv"])
    def test_of_parts_that_can_not_be(self, name):
        with pytest.raises(FileError, match="says it is part") as caught:
            seat_of(name, PARTS)
        assert caught.value.code == "FILE_SET_PART"

    def test_all_of_a_quiet_route_belong_together(self):
        assert seat_of("b/any.csv", QUIET) == Seat("", 1, None)

    def test_what_lacks_is_said_in_bounds(self):
        assert lacking(3, [1]) == "parts 2, 3"
        assert lacking(3, [3, 1]) == "part 2"
        assert lacking(100, []).endswith("19, 20 and 80 more")
