"""Prices at the Mirakl twin over HTTP: delete and replace per offer, verdicts, the list and the report by position."""

import uuid

import pytest

IMPORTS = "/api/offers/pricing/imports"
HEADER = "offer-sku;price;discount-price;discount-start-date;discount-end-date\n"


def test_an_import_answers_an_id_that_is_text(stand):
    shop = stand({"A": 1})
    answer = shop.pri01(f"{HEADER}A;12;;;\n")
    assert answer.status_code == 201
    import_id = answer.json()["import_id"]
    assert str(uuid.UUID(import_id)) == import_id
    row = shop.client.get(answer.headers["Location"]).json()["data"][0]
    assert (row["import_id"], row["status"], row["reason_status"], row["origin"]) == (import_id, "WAITING", "", "API")
    shop.later()
    row = shop.client.get(answer.headers["Location"]).json()["data"][0]
    assert (row["status"], row["lines_in_success"], row["lines_in_error"]) == ("COMPLETE", 1, 0)
    assert (row["offers_updated"], row["offers_in_error"], row["has_error_report"]) == (1, 0, False)
    assert shop.get(f"{IMPORTS}/{import_id}").json() == {"message": "Not Found"}


def test_prices_that_are_not_sent_are_deleted(stand):
    shop = stand({"A": 1, "B": 1}, features=frozenset({"channel_pricing"}))
    wide = "offer-sku;price;discount-price;discount-start-date;discount-end-date;channels\n"
    shop.prices(f"{wide}A;12;9;2027-01-01T00:00:00Z;2027-02-01T00:00:00Z;\nA;13;;;;US|CA\nB;7;6;;;\n")
    assert [price["unit_origin_price"] for price in shop.offer("A")["all_prices"]] == [12, 13]
    assert shop.row("A")["discount_to"] == "2027-02-01T00:00:00Z"
    shop.prices(f"{HEADER}A;12;;;\n")
    assert [price["unit_origin_price"] for price in shop.offer("A")["all_prices"]] == [12]
    assert (shop.row("A")["discount_price"], shop.row("A")["discount_to"]) == (None, None)
    # Offers that are not in the file are untouched.
    assert (shop.row("B")["price"], shop.row("B")["discount_price"]) == ("7", "6")
    assert [(change.key, change.action) for change in shop.twin.changes()] == [(sku, "replace") for sku in "ABA"]
    assert shop.row("A")["quantity"] == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("A;12;12;;", "The discount price must be lower than the price"),
        ("A;12;13;;", "The discount price must be lower than the price"),
        ("A;;9;;", "price is required"),
        ("A;1,5;;;", "price '1,5' is not a valid price"),
        ("A;1.555;;;", "price '1.555' has more than 2 decimals"),
        ("A;12;9;tomorrow;", "discount start date 'tomorrow' is not a date"),
        ("A;12;9;2027-02-01T00:00:00Z;2027-01-01T00:00:00Z", "The discount end date must be after its start date"),
        ("A;12;;2027-02-01T00:00:00Z;", "discount-price is required where a discount has dates"),
        ("NOPE;12;;;", "Offer with sku 'NOPE' does not exist"),
        (";12;;;", "offer-sku is required"),
        ("A;12", "The line has 2 columns instead of 5"),
    ],
)
def test_lines_in_error(stand, line, reason):
    shop = stand({"A": 1, "B": 1})
    row, report = shop.prices(f"{HEADER}B;7;;;\n{line}\n")
    assert (row["status"], row["lines_in_success"], row["lines_in_error"]) == ("COMPLETE", 1, 1)
    assert (row["offers_updated"], row["offers_in_error"], row["has_error_report"]) == (1, 1, True)
    assert report[0] == ["line", "reason", *HEADER.strip().split(";")]
    assert report[1] == ["3", reason, *line.split(";")]
    assert (shop.row("A")["price"], shop.row("B")["price"]) == ("10", "7")


CHANNELS = "offer-sku;price;channels\n"


@pytest.mark.parametrize(("whole", "errors"), [(True, 3), (False, 1)])
def test_one_bad_line_takes_its_offer_with_it(stand, whole, errors):
    shop = stand({"A": 1, "B": 1}, features=frozenset({"channel_pricing"}), price_errors_count_offer=whole)
    row, report = shop.prices(f"{CHANNELS}A;12;\nA;x;US\nA;14;CA\nB;7;\n")
    assert [(line[0], line[1] != "Another line of this offer is in error") for line in report[1:]] == [
        ("2", False),
        ("3", True),
        ("4", False),
    ]
    assert (row["lines_in_error"], row["lines_in_success"], row["offers_in_error"]) == (errors, 1, 1)
    assert shop.row("A")["price"] == "10"


@pytest.mark.parametrize(("adjacent", "price"), [(True, "1"), (False, "3")])
def test_lines_of_an_offer_stand_together(stand, adjacent, price):
    shop = stand({"A": 1, "B": 1}, require_adjacent=adjacent)
    _, report = shop.prices(f"{HEADER}A;1;;;\nB;2;;;\nA;3;;;\n")
    assert [line[1] for line in report[1:]] == (["Lines of the same offer must be grouped together"] * adjacent)
    assert shop.row("A")["price"] == price


def test_fifty_prices_at_most(stand):
    shop = stand({"A": 1}, features=frozenset({"customer_pricing"}))
    wide = "offer-sku;price;customer-organization-ids\n"
    lines = "A;9;\n" + "".join(f"A;8;ORG-{n}\n" for n in range(49))
    row, _ = shop.prices(wide + lines)
    assert (row["offers_updated"], row["lines_in_success"]) == (1, 50)
    row, report = shop.prices(f"{wide}{lines}A;8;ORG-49\n")
    assert (row["lines_in_error"], report[1][1]) == (51, "An offer has 50 prices at most")


def test_prices_of_one_context_overlap(stand):
    shop = stand({"A": 1}, features=frozenset({"channel_pricing"}))
    _, report = shop.prices(f"{CHANNELS}A;12;\nA;13;US|CA\nA;14;CA|US\n")
    reasons = [line[1] for line in report[1:]]
    assert reasons == ["Another line of this offer is in error"] + ["The prices of offer 'A' overlap"] * 2


@pytest.mark.parametrize(("required", "active"), [(True, True), (False, False)])
def test_the_default_price(stand, required, active):
    shop = stand({"A": 1}, features=frozenset({"channel_pricing"}), default_price_required=required)
    row, _ = shop.prices(f"{CHANNELS}A;12;US\n")
    assert row["offers_in_error"] == int(required)
    assert shop.row("A")["active"] is active
    if not active:
        assert shop.offer("A")["inactivity_reasons"] == ["NO_ACTIVE_PRICE"]
        assert "price" not in shop.offer("A")


@pytest.mark.parametrize(
    ("column", "value", "feature"),
    [
        ("channels", "US", "channel_pricing"),
        ("start-date", "2027-01-01T00:00:00Z", "scheduled_pricing"),
        ("customer-group-ids", "G1|G2", "customer_pricing"),
        ("price-ranges", "5|11", "volume_pricing"),
        ("price-type", "RETAIL-PRICE", "retail_pricing"),
    ],
)
@pytest.mark.parametrize("active", [True, False])
def test_columns_of_features(stand, column, value, feature, active):
    shop = stand({"A": 1}, features=frozenset({feature} if active else ()))
    row, report = shop.prices(f"offer-sku;price;{column}\n{_base(column)}A;12;{value}\n")
    assert row["offers_in_error"] == (0 if active else 1)
    if not active:
        assert report[-1][1] == f"{column} is not allowed"


def _base(column):
    """The default price stands on a line of its own, unless the column belongs to that."""
    return "" if column == "price-ranges" else "A;20;\n"


def test_channels_that_do_not_exist(stand):
    _, report = stand({"A": 1}, features=frozenset({"channel_pricing"})).prices(f"{CHANNELS}A;12;\nA;13;FR\n")
    assert report[2][1] == "Channel 'FR' does not exist"


def test_files_refused_or_failed_as_a_whole(stand):
    shop = stand({"A": 1})
    assert shop.pri01("sku;price\nA;1\n").json()["message"] == "Unknown column 'sku'"
    assert shop.client.post(IMPORTS, json={"prices": []}).status_code == 415
    assert shop.post_file(IMPORTS, f"{HEADER}A;1;;;\n", import_mode="NORMAL").status_code == 400
    for body, reason in (
        (b"offer-sku\nA\n", "Column 'price' is required"),
        (b"offer-sku;price;price\nA;1;1\n", "Column 'price' appears more than once"),
        (b'offer-sku;price\n"A"x;1\n', "The file cannot be read as CSV"),
        (b"offer-sku;price\n", "The file holds no prices"),
    ):
        row, report = shop.prices(body)
        assert (row["status"], row["reason_status"], row["has_error_report"], report) == ("FAILED", reason, False, [])


def test_faults_of_imports(stand):
    shop = stand({"A": 1})
    shop.twin.faults.set({"all_in_error": 1, "only": "PRI01"})
    row, _ = shop.prices(f"{HEADER}A;12;;;\n")
    assert (row["status"], row["lines_in_error"]) == ("COMPLETE", 1)
    shop.twin.faults.set({"fails": 1})
    assert shop.prices(f"{HEADER}A;12;;;\n")[0]["status"] == "FAILED"
    shop.twin.faults.set({"never_ends": 1})
    assert shop.prices(f"{HEADER}A;12;;;\n")[0]["status"] == "RUNNING"
    shop.twin.faults.set({"unknown_status": 1})
    odd = shop.pri01(f"{HEADER}A;12;;;\n").json()["import_id"]
    shop.later(30)
    assert shop.get(IMPORTS, import_id=odd).json()["data"][0]["status"] == "PENDING_REVIEW"


def test_the_list(stand):
    shop = stand({"A": 1})
    ids = [shop.pri01(f"{HEADER}A;{n};;;\n").json()["import_id"] for n in range(1, 13)]
    listed = lambda **query: shop.get(IMPORTS, **query).json()  # noqa: E731 - one short reading
    first = listed()
    assert [row["import_id"] for row in first["data"]] == ids[:1:-1]
    rest = listed(page_token=first["next_page_token"])
    assert [row["import_id"] for row in rest["data"]] == ids[1::-1]
    assert {row["import_id"] for row in listed(import_id=ids[:2])["data"]} == set(ids[:2])
    assert listed(status="COMPLETE")["data"] == []
    assert listed(origins="SFTP")["data"] == []
    assert len(listed(origins=["SFTP", "API"], limit=100)["data"]) == 12
    assert shop.get(IMPORTS, status="SENT").status_code == 400
    assert shop.get(IMPORTS, mode="NORMAL").status_code == 400


def test_reports_that_are_not_there(stand):
    shop = stand({"A": 1})
    row, _ = shop.prices(f"{HEADER}A;12;;;\n")
    answer = shop.get(f"{IMPORTS}/{row['import_id']}/error_report")
    assert answer.json()["message"] == f"Resource not available : report on import id {row['import_id']}"
    assert shop.get(f"{IMPORTS}/none/error_report").status_code == 404


@pytest.mark.parametrize(("counts", "number"), [(True, "3"), (False, "2")])
def test_line_numbers_and_headers_of_the_report(stand, counts, number):
    shop = stand({"A": 1}, report_counts_header=counts, report_headers=("n", "why"))
    _, report = shop.prices(f"{HEADER}A;12;;;\nNOPE;1;;;\n")
    assert (report[0][:2], report[1][0]) == (["n", "why"], number)


def test_prices_survive_a_restart(stand, tmp_path):
    file = tmp_path / "mirakl.json"
    shop = stand({"A": 1}, state_file=file)
    waiting = shop.pri01(f"{HEADER}A;12.50;9;;\n").json()["import_id"]
    shop.close()
    again = stand({"A": 1}, state_file=file)
    again.later()
    assert again.get(IMPORTS, import_id=waiting).json()["data"][0]["status"] == "COMPLETE"
    assert (again.row("A")["price"], again.row("A")["discount_price"]) == ("12.50", "9")
