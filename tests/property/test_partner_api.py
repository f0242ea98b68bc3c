"""Cutting of calls to the Partner API: whatever rows are at fault, each row is sent, and said to be what it is."""

from __future__ import annotations

import csv
import json
import math
from types import SimpleNamespace

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings, items
from gateway.model import EACH, KEY, Reference
from gateway.testing.clock import FakeClock
from gateway.testing.drive import as_sent
from gateway.transport.http import Response

COUNT = 40


class Platform:
    """Refuses calls with a bad product (400) or with too many (413); its logs say that the others were taken."""

    def __init__(self, bad, most):
        self.bad, self.most, self.calls, self.jobs = bad, most, 0, {}

    def send(self, request):
        if request.method == "PUT":
            self.calls += 1
            skus = [one["sku"] for one in json.loads(request.body)["products"]]
            if len(skus) > self.most or self.bad & set(skus):
                return Response(413 if len(skus) > self.most else 400, {}, b'{"message":"no"}')
            self.jobs[f"j{self.calls}"] = skus
            return Response(202, {}, json.dumps({"job_id": f"j{self.calls}"}).encode())
        job = request.path.rsplit("/", 1)[1]
        if "/jobs/" in request.path:
            return Response(200, {}, json.dumps({"status": "COMPLETED", "download_url": f"/log/{job}"}).encode())
        return Response(
            200, {}, "\n".join(["sku,state,errors", *(f"{one},OK,null" for one in self.jobs[job])]).encode()
        )

    def close(self):
        self.jobs.clear()


def destination(platform, **limits):
    chosen = PartnerApiSettings(
        brand="foodpanda", channel="rest", chain_id="c", tokens={"all": SecretStr("t")},
        vendors={"V1": {}, "V2": {}}, keys={"rest": {"limits": limits}},
    )  # fmt: skip
    return PartnerApiDestination(chosen, transport=platform, clock=FakeClock(), account="a", name="panda")


def records(pairs):
    frame = pl.DataFrame({"sku": [sku for sku, _ in pairs], EACH: [vendor for _, vendor in pairs]})
    return frame.with_columns(
        pl.lit("3").alias("quantity"),
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str("sku", EACH, separator="\x1f").alias(KEY),
    )


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, COUNT - 1)), st.integers(1, COUNT), st.integers(1, 8))
def test_exactly_the_rows_at_fault_are_refused(bad, most, floor):
    platform = Platform({f"S{n}" for n in bad}, most)
    made = destination(platform, max_products=COUNT, floor_products=floor)
    rows = records([(f"S{n}", "V1") for n in range(COUNT)])
    (batch,) = made.encode("stock", rows, Reference())
    receipt, found, clock = made.submit(batch), {}, FakeClock()
    while True:
        if receipt.outcomes is not None:
            found |= {line: state for line, _, state, *_ in receipt.outcomes.rows()}
        if receipt.closed:
            break
        receipt = made.poll([as_sent(batch, receipt, intent_at=clock.now())])[1]
    small = most >= min(floor, COUNT)
    if small:
        alone = {skus[0] for skus in platform.jobs.values() if len(skus) == 1}  # of these no level was sent
        taken = {n: "accepted" if f"S{n}" in alone else "applied" for n in range(COUNT)}
        assert found == {n + 1: "refused" if n in bad else taken[n] for n in range(COUNT)}
    assert set(found) == set(range(1, COUNT + 1))
    assert platform.calls <= 2 * COUNT + (len(bad) + 1) * 2 * math.ceil(math.log2(COUNT))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.text('AB"\\é☃,\u2028', min_size=1, max_size=30), st.sampled_from(["V1", "V2"])),
        unique=True,
        max_size=60,
    ),
    st.integers(1, 7),
    st.integers(1, 3),
)
def test_calls_keep_their_limits_and_lose_no_row(pairs, most, kib):
    made = destination(SimpleNamespace(close=lambda: None), max_products=most, max_body_kib=kib)
    rows = records(pairs) if pairs else records([("A", "V1")]).clear()
    batches = list(made.encode("stock", rows, Reference()))
    assert sorted(effect for one in batches for effect in one.effects["effect"]) == list(range(len(pairs)))
    keys = dict(zip(rows["effect"], zip(rows["sku"], rows[EACH], strict=True), strict=True))
    for one in batches:
        sent = [item["sku"] for item in json.loads(one.body)["products"]]
        assert len(sent) <= most
        assert len(one.body) <= kib * 1024 or len(sent) == 1
        assert [keys[effect] for effect in one.effects["effect"]] == [(sku, one.memo["vendor"]) for sku in sent]
        assert [json.loads(text)["sku"] for text in items.unpack(one.memo["items"])] == sent


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ABC"), st.sampled_from(["V1", "V2", "V3"])), st.sampled_from("123"), min_size=1
    ),
    st.booleans(),
    st.integers(2, 5),
)
def test_a_file_for_many_stores_tells_each_what_is_its_own(tmp_path_factory, levels, apart, most):
    """Whoever shares a row was told the same; no file has a product twice unless that is allowed; nothing is lost."""
    chosen = PartnerApiSettings(
        brand="foodpanda", channel="sftp", sftp_layout="multi", sftp_user="u", sftp_password=SecretStr("p"),
        sftp_known_hosts=tmp_path_factory.getbasetemp() / "known", vendors={"V1": {}, "V2": {}, "V3": {}},
        keys={"sftp": {"rows_per_vendor": apart, "max_rows": {"catalog": most}}},
    )  # fmt: skip
    made = PartnerApiDestination(chosen, clock=FakeClock(), account="a", name="panda")
    rows = records(list(levels)).with_columns(pl.Series("quantity", list(levels.values())))
    told, seen = {}, []
    for batch in made.encode("stock", rows, Reference()):
        seen += batch.effects["effect"].to_list()
        lines = list(csv.DictReader(batch.body.decode().splitlines()))
        assert apart or len({one["sku"] for one in lines}) == len(lines)
        assert len(lines) < most
        for effect, line in batch.effects.rows() if lines else ():
            sku, vendor = rows.row(effect, named=True)["sku"], rows.row(effect, named=True)[EACH]
            assert vendor in lines[line - 1]["vendors"].split(",")
            assert lines[line - 1]["sku"] == sku
            told[sku, vendor] = lines[line - 1]["quantity"]
        assert sum(len(one["vendors"].split(",")) for one in lines) == (batch.effects.height if lines else 0)
    assert sorted(seen) == list(range(len(levels)))
    assert told.items() <= levels.items()
    assert most <= 3 or apart or told == levels
