"""Rules of files that belong together, and how their parts are dropped and answered."""

from __future__ import annotations

from gateway.routes import SetRules

PARTS = SetRules(parts=r"(?P<set>.+)_part(?P<part>\d+)of(?P<of>\d+)")
QUIET = SetRules(quiet=30)
ONE, TWO, THREE = "sku,quantity\na,1\nb,2\n", "sku,quantity\nc,3\n", "sku,quantity\nd,x\ne,5\n"


def answer(rig, name, kind):
    (found,) = (rig.folder / "outbox/acme").glob(f"{name}.*.{kind}")
    return found
