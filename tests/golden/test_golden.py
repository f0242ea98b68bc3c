"""Golden cases: a case is a folder and needs no code.

case.toml      what is dropped when, through which route to which destination, and what that answers
mapping.toml   the partner's mapping, with its lookup files beside it; or `shipped` names one of the project's
...            the files dropped, the answers given; or `sample` names one of the project's samples
expected/      everything that came out, compared byte for byte; UPDATE_GOLDEN=1 writes it anew
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest

from gateway.contracts import contracts
from gateway.destinations import destinations
from gateway.issues import CATALOGUE
from gateway.mapping import load_mapping
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig
from gateway.transport.http import Response

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
CASES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
LEFT_OUT = (".report.html", ".progress.json")
PAUSE = 60.0
MOST_STEPS = 100


class Recorded:
    """A transport that gives a case's answers in order and keeps what was asked, one text per call."""

    def __init__(self, case: Path, answers: list[dict]):
        self.case, self.answers, self.calls = case, list(answers), []

    def send(self, request):
        query = "&".join(f"{name}={value}" for name, value in request.query)
        upload = (request.body or b"" if request.upload is None else request.upload.content).decode()
        self.calls.append(f"{request.method} {request.path}{'?' if query else ''}{query}\n{upload}")
        assert self.answers, f"the case has no answer to {self.calls[-1]}"
        answer = self.answers.pop(0)
        body = (self.case / answer["file"]).read_bytes() if "file" in answer else json.dumps(answer["json"]).encode()
        return Response(answer.get("status", 200), {}, body)

    def close(self):
        pass


class Play:
    """One case on a rig with a clock that stands still until somebody waits."""

    def __init__(self, case: Path, root: Path):
        self.case, self.root = case, root
        self.script = tomllib.loads((case / "case.toml").read_text("utf-8"))
        self.clock = FakeClock()
        self.transport = Recorded(case, self.script.get("answer", []))
        self.taken: dict[str, bytes] = {}
        shipped = self.script.get("shipped")
        mapping = case / "mapping.toml" if shipped is None else PROJECT / "mappings" / shipped
        root.mkdir()
        for path in load_mapping(mapping).sources[1:]:
            shutil.copy(path, root / path.name)
        text = mapping.read_text("utf-8")
        self.rig = Rig(root, self._destination(), self.clock, mapping=text, **self.script.get("route", {}))

    def _destination(self):
        table = dict(self.script["destination"])
        made = destinations()[table.pop("kind")]
        for name in ("folder", "outbox", "results", "archive"):
            if name in table:
                table[name] = self.root / table[name]
                table[name].mkdir(parents=True)
        settings = made.SPEC.settings(**table)
        return made(settings, transport=self.transport, clock=self.clock, account="there", name="there")

    def run(self) -> dict[str, bytes]:
        """Drop file after file, each when the one before has settled; return what came out."""
        for drop in self.script["drop"]:
            path = PROJECT / "samples" / drop["sample"] if "sample" in drop else self.case / drop["file"]
            self.rig.drop(drop.get("name", path.name), path.read_bytes(), drop.get("time"))
            self._settle()
            self.clock.advance(PAUSE)
        assert not self.transport.answers, "answers that nobody asked for"
        self.rig.close()
        return self._found()

    def _settle(self) -> None:
        for _ in range(MOST_STEPS):
            at = self.rig.advance()
            self._other_side()
            if at is None or not self.rig.operations.runs(state="waiting"):
                return
            self.clock.advance(max(0.001, (at - self.clock.now()).total_seconds()))
        pytest.fail("the runs do not settle")

    def _other_side(self) -> None:
        """Take batch files out of the outbox and put the case's answers to them into the results."""
        folder = self.script["destination"].get("outbox")
        if folder is None:
            return
        for path in sorted((self.root / folder).glob("*.json")):
            self.taken[path.name] = path.read_bytes()
            path.unlink()
            for answer in sorted(self.case.glob(f"answer-{path.stem}*.json")):
                name = answer.name.removeprefix("answer-")
                shutil.copy(answer, self.root / self.script["destination"]["results"] / name)

    def _found(self) -> dict[str, bytes]:
        found = {f"requests/{name}": body for name, body in self.taken.items()}
        for number, call in enumerate(self.transport.calls, start=1):
            found[f"requests/{number:02d}.txt"] = call.encode()
        for path in (self.root / "outbox" / "acme").glob("*"):
            if not path.name.endswith(LEFT_OUT):
                found[path.name] = path.read_bytes()
        folder = self.script["destination"].get("folder")
        for path in (self.root / folder).glob("[!.]*") if folder else ():
            found[f"written/{path.name}"] = path.read_bytes()
        return {name: essential(name, body) for name, body in found.items()}


def essential(name: str, body: bytes) -> bytes:
    """Leave out of a summary what every release changes."""
    if not name.endswith(".summary.json"):
        return body
    facts = json.loads(body)
    del facts["versions"]
    return json.dumps(facts, indent=2, ensure_ascii=False).encode() + b"\n"


def unpacked(name: str, body: bytes) -> dict[str, bytes]:
    """Members of a workbook: how well they are packed depends on the machine."""
    if not name.endswith(".xlsx"):
        return {"": body}
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {member: archive.read(member) for member in archive.namelist()}


@pytest.mark.parametrize("name", CASES)
def test_golden(name, tmp_path):
    case = HERE / name
    found = Play(case, tmp_path / "rig").run()
    expected = case / "expected"
    if UPDATE:
        shutil.rmtree(expected, ignore_errors=True)
        for file, body in found.items():
            (expected / file).parent.mkdir(parents=True, exist_ok=True)
            (expected / file).write_bytes(body)
    wanted = {p.relative_to(expected).as_posix(): p.read_bytes() for p in expected.rglob("*") if p.is_file()}
    assert sorted(found) == sorted(wanted)
    for file, body in sorted(found.items()):
        assert unpacked(file, body) == unpacked(file, wanted[file]), file


# ---------------------------------------------------------------- together: every code a row of stock can get

OF_OTHERS = ("B-", "P-", "R-", "SP-", "T-", "PRICE_", "TAX_", "ROW_PICTURE")
"""Beginnings of codes that only rows of other contracts get, besides those their rules tell."""
NOT_OF_STOCK = {
    "NOT_A_DAY": "no field of stock is a day",
    "NOT_A_FLAG": "no field of stock is a flag",
    "NOT_A_GTIN": "no field of stock is a barcode",
    "NOT_A_CURRENCY": "no field of stock is a currency",
    "NOT_AN_ADDRESS": "no field of stock is a web address",
    "HTML_ACTIVE": "no field of stock has markup",
    "TOO_LARGE_FILE": "no field of stock is a file",
    "PROMOTION_OVER": "a row of stock has no window",
    "PROMOTION_BASE": "a row of stock has no price",
    "PROMOTION_RUNS": "a row of stock has no window",
    "PROMOTION_GONE": "a row of stock has no window",
    "DEST_AFTER": "a row of stock waits for no other",
    "DEST_NO_OFFER": "it is told of prices",
    "DEST_NOT_SENT": "it is told of discounts",
    "DEST_PART_SENT": "it is told of pictures",
    "DISCOUNT_KEPT": "it is told of discounts",
    "DEST_DISCOUNT": "it is told of discounts",
    "CELL_DATE": "a row of stock has no size",
    "DEST_PRICE": "it is told of prices beside discounts",
    "DEST_NOT_THERE": "it takes an offer that is gone",
    "DEST_ENDS_ALONG": "it takes an offer that ends",
    "DEST_ONE_PER_KEY": "a row of stock is one effect, of the contract's own key",
    "DEST_MOVED": "it is told of products and their variants",
    "DEST_SAID": "no two articles of stock are one record",
    "DEST_TOGETHER": "no two articles of stock are one record",
    "DEST_GOES_ON": "of stock only one row is about what the destination holds",
    "DEST_COMMAND": "every destination of stock can end an article",
    "HELD": "a held run has no result until it is released",
    "CANCELLED": "somebody has to cancel",
    "SCHEDULED": "the result waits until the day has come",
    "DEST_UNCERTAIN": "it takes a lost answer",
    "DEST_REFUSED_BATCH": "it takes an error report that never comes",
    "UNCHANGED": "stock drifts: it is sent again unless the route trusts it",
    "ABSENT": "it takes a full file, and is told of a key without a row",
    "EFFECT": "it takes rows of several effects, of which one did not come about",
    "KEY_FOREIGN": "it takes two owners of one account, which settings tell apart",
    "MAP_FRACTION": "a row of stock has no rate",
    "V-REF": "it is told of pictures",
    "MAP_FUNCTION": "it takes a function of one's own",
    "ROW_CELL_SIZE": "it takes a cell of more than a million characters",
    "CELL_TWICE": "no spreadsheet program writes a cell twice",
    "ROW_ENCODING": "a byte that does not belong spoils the file's encoding as a whole unless it is rare",
}


def told(case: str) -> set[str]:
    codes = set()
    for path in (HERE / case / "expected").glob("*.csv"):
        if path.name.endswith((".result.csv", ".issues.csv")):
            codes |= {row["code"] for row in csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))}
    return codes - {""}


def of_others() -> set[str]:
    """Codes that rules of other contracts tell and those of stock don't."""
    rules = {
        one.name: {rule.code for rule in (*one.rules_at(FakeClock().now()), *one.rows_rules)} for one in contracts()
    }
    return set().union(*rules.values()) - rules["stock"]


def test_every_code_a_row_of_stock_can_get_is_in_a_case():
    rows = {code for code in CATALOGUE if not code.startswith(("FILE_", *OF_OTHERS))} - of_others()
    assert rows - set().union(*map(told, CASES)) == set(NOT_OF_STOCK)
