"""What comes in between: a person, another lane's thread or a kill, at the worst of all moments."""

import pytest

from gateway.delivery import forming
from gateway.testing.hostile import read_log
from gateway.testing.texts import mapping
from gateway.testing.wanted import TERMS

HEADER = "sku,quantity\n"
PRICES = mapping("price", 'sku = "sku"\nprice = "price"\nprice_basis = { constant = "gross" }\n')
WANTED = {
    "contract": "price", "fields": ("sku", "price"), "wanted": "base", "prices": TERMS, "mapping": PRICES,
}  # fmt: skip


def rows(*pairs):
    return HEADER + "".join(f"{sku},{quantity}\n" for sku, quantity in pairs)


def sent(rig):
    """Records of all calls, in order."""
    return [record for entry in read_log(rig.destination._settings.log) for record in entry.get("effects", ())]


class TestCancelledWhileItsConsignmentIsFormed:
    @pytest.fixture
    def cancelled(self, monkeypatch):
        """Cancel a run once the rows of its consignment are decided."""

        def of(rig, run):
            stopped, left = forming.stopped, [run]

            def cancel(*args, **options):
                if left:
                    rig.operations.cancel(left.pop())
                return stopped(*args, **options)

            monkeypatch.setattr(forming, "stopped", cancel)

        return of

    @pytest.mark.parametrize(
        ("settings", "content"), [({}, rows(("a", 1))), (WANTED, "sku,price\na,9.90\n")], ids=["stock", "wanted"]
    )
    def test_none_of_its_rows_is_sent(self, rigs, cancelled, settings, content):
        rig = rigs(**settings)
        run = rig.drop("a.csv", content)
        cancelled(rig, run)
        rig.advance(2)
        assert sent(rig) == []
        assert rig.states(run) == {"skipped": 1}
        assert rig.operations.run(run).state == "settled"

    def test_the_other_run_of_the_consignment_goes(self, rigs, cancelled):
        rig = rigs()
        first = rig.drop("a.csv", rows(("a", 1)))
        rig.clock.advance(5)
        second = rig.drop("b.csv", rows(("b", 1)))
        cancelled(rig, first)
        rig.advance(2)
        assert [record["sku"] for record in sent(rig)] == ["b"]
        assert (rig.states(first), rig.states(second)) == ({"skipped": 1}, {"applied": 1})

    def test_a_run_the_guard_would_hold_stays_cancelled(self, rigs, cancelled):
        rig = rigs(route={"mode": "full", "absent": "end"})
        rig.drop("a.csv", rows(*((f"k{n}", 1) for n in range(30))))
        rig.advance()
        rig.clock.advance(5)
        run = rig.drop("b.csv", rows(("k1", 1)))
        cancelled(rig, run)
        rig.advance(2)
        assert rig.operations.run(run).state == "settled"
        assert len(sent(rig)) == 30
