import gzip
import json
import tomllib
import zipfile

import pytest
from support.pictures import JPEG

from gateway.cli.session import Session, tell
from gateway.errors import FileError

_ROWS = "Article;Stock;Warehouse\nA1;5;\nA2;many;\nA3;-1;\nA4;1,250;MAIN\n"


@pytest.fixture
def file(place):
    path = place / "stock_a.csv"
    path.write_text(_ROWS)
    return path


def test_counts_and_causes(call, file):
    result = call("check", "stock_a.csv", "--route", "stock", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    counts = {name: told[name] for name in ("rows", "good", "bad", "skipped", "blank")}
    assert counts == {"rows": 4, "good": 2, "bad": 2, "skipped": 0, "blank": 0}
    causes = {(one["code"], one["examples"][0]["row"]) for one in told["issues"]}
    assert causes == {("MAP_NUMBER", 3), ("TOO_SMALL", 4)}
    assert told["columns"]["quantity"] == "Stock"


def test_for_people(call, file):
    result = call("check", "stock_a.csv")
    assert result.exit_code == 1
    assert "2 of 4 rows would be sent; 2 would be rejected." in result.stdout
    assert "MAP_NUMBER" in result.stdout
    assert "3 ('many')" in result.stdout


def test_no_state_is_made_and_nothing_moves(call, place, file):
    assert call("check", str(file)).exit_code == 1
    assert file.read_text() == _ROWS
    assert not (place / "state").exists()
    assert not list((place / "outbox").iterdir())
    assert not list((place / "delivered").iterdir())


def test_answers_as_the_partner_would_get_them(call, place, file):
    assert call("check", "stock_a.csv", "--out", "answers").exit_code == 1
    written = {path.name for path in (place / "answers").iterdir()}
    assert written == {f"stock_a.csv.{kind}" for kind in ("result.csv", "issues.csv", "errors.csv")}
    result = (place / "answers" / "stock_a.csv.result.csv").read_text().splitlines()
    assert len(result) == 5
    assert sum(",pending," in line for line in result) == 2
    errors = (place / "answers" / "stock_a.csv.errors.csv").read_text()
    assert "A2;many;" in errors
    assert "A1;5" not in errors


def test_a_mapping_without_route(call, place, tmp_path, monkeypatch):
    (place / "gateway.toml").unlink()
    other = place / "x.csv"
    other.write_text(_ROWS)
    result = call("check", "x.csv", "--mapping", "mappings/example.toml", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["bad"] == 2


def test_a_field_that_the_contract_does_not_have_is_told_of_a_mapping_alone_too(call, place, file):
    mapping = place / "mappings/other.toml"
    text = (place / "mappings/example.toml").read_text()
    mapping.write_text(text.replace("[fields]\n", '[fields]\nquantiti = "Stock"\n'))
    result = call("check", "stock_a.csv", "--mapping", "mappings/other.toml")
    assert result.exit_code == 3
    assert "the contract 'stock' has no field 'quantiti': did you mean 'quantity'?" in result.stderr


def test_a_mapping_that_a_route_names_is_judged_by_it(call, place):
    settings, mapping = place / "gateway.toml", place / "mappings/example.toml"
    text = settings.read_text()
    zone = [line for line in text.splitlines() if line.startswith("zone")]
    settings.write_text(text if zone else f'zone = "Europe/Madrid"\n{text}')
    words = mapping.read_text().replace(
        "[fields]\n", '[fields]\ntimestamp = { column = "When", date = "dd/MM/yyyy HH:mm" }\n'
    )
    mapping.write_text(words)
    (place / "x.csv").write_text("Article;Stock;Warehouse;When\nA1;5;;22/11/2026 10:00\n")
    result = call("check", "x.csv", "--mapping", "mappings/example.toml")
    assert result.exit_code == 0, result.output
    assert "x.csv as stock by route stock: All 1 rows would be sent." in result.stdout
    (place / "mappings/other.toml").write_text(words.replace(' date = "dd/MM/yyyy HH:mm"', ' date = "dd/MM/yyyy"'))
    alone = call("check", "x.csv", "--mapping", "mappings/other.toml")
    assert (alone.exit_code, "name the zone its times are written in" in alone.stderr) == (3, True)


def test_a_mapping_is_judged_alone_where_no_route_names_it_or_settings_are_faulty(call, place, file):
    (place / "mappings/other.toml").write_text((place / "mappings/example.toml").read_text())
    result = call("check", "stock_a.csv", "--mapping", "mappings/other.toml")
    assert "stock_a.csv as stock by the mapping other.toml alone: 2 of 4 rows" in result.stdout
    (place / "gateway.toml").write_text("nonsense = 1\n")
    assert json.loads(call("check", "stock_a.csv", "--mapping", "mappings/example.toml", "--json").stdout)["by"] == (
        "the mapping example.toml alone"
    )


def test_a_good_file(call, place):
    result = call("check", "stock_example.csv")
    assert result.exit_code == 0
    assert "All 3 rows would be sent." in result.stdout


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "FILE_EMPTY"), (b"Article;Stock;Warehouse\n", "FILE_NO_ROWS"), (b"PK\x03\x04", "FILE_")]
)
def test_unusable_files(call, place, content, code):
    (place / "stock_b.csv").write_bytes(content)
    result = call("check", "stock_b.csv", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["code"].startswith(code)
    assert "Traceback" not in result.stderr


def test_an_archive_is_judged_by_its_content(call, place):
    (place / "stock_c.csv.gz").write_bytes(gzip.compress(_ROWS.encode()))
    assert json.loads(call("check", "stock_c.csv.gz", "--json").stdout)["good"] == 2


def test_a_layout_is_proposed_where_no_route_fits(call, place):
    (place / "unknown.txt").write_bytes("Código,Stock\nA1,5\nA2,6\n".encode("cp1252"))
    result = call("check", "unknown.txt")
    assert result.exit_code == 0
    assert 'delimiter = ","' in result.stdout
    assert 'encoding = "cp1252"' in result.stdout
    assert json.loads(call("check", "unknown.txt", "--json").stdout)["format"]["delimiter"] == ","


def test_the_proposal_is_the_beginning_of_a_mapping(call, place):
    text = 'SKU;Bezeichnung "neu";Quantity;SKU\nA1;eine\x0bBluse;5;x\n'
    (place / "unknown.txt").write_text(text, "utf-8")
    shown = call("check", "unknown.txt").stdout
    begun, _, evidence = shown.partition("\n\n- ")
    mapping = tomllib.loads(begun.split("begin with:")[1])
    assert (mapping["contract"], mapping["version"], mapping["format"]["delimiter"]) == ("stock", 1, ";")
    assert mapping["fields"] == {}
    assert "no header: the first record repeats a text" in evidence
    assert "# ... = { position = 1 }  # like SKU" in begun
    (place / "unknown.txt").write_text(text.replace(";SKU", ";Lager"), "utf-8")
    begun = call("check", "unknown.txt").stdout.partition("\n\n- ")[0]
    assert tomllib.loads(begun.split("begin with:")[1])["fields"] == {"sku": "SKU", "quantity": "Quantity"}
    assert '# ... = "Bezeichnung \\"neu\\""  # like eine Bluse' in begun
    told = json.loads(call("check", "unknown.txt", "--json").stdout)
    assert (told["contract"], told["fields"]["quantity"]) == ("stock", "Quantity")
    assert told["columns"] == ["SKU", 'Bezeichnung "neu"', "Quantity", "Lager"]


def test_the_contract_with_most_fields_named_alike_is_proposed(call, place):
    (place / "unknown.txt").write_text("sku,price,currency,campaign,starts_at\na,1,EUR,x,y\n")
    assert json.loads(call("check", "unknown.txt", "--json").stdout)["contract"] == "promotion"


def test_other_kinds_are_recognised(call, place):
    (place / "unknown.dat").write_text("<?xml version='1.0'?><a><b><c>1</c></b></a>")
    shown = json.loads(call("check", "unknown.dat", "--json").stdout)
    assert (shown["format"], shown["columns"]) == ({"kind": "xml", "record": "a/b"}, ["c"])


def test_a_mistyped_route_names_the_nearest(call, file):
    result = call("check", "stock_a.csv", "--route", "stokc")
    assert result.exit_code == 3
    assert "did you mean 'stock'?" in result.stderr


def test_two_routes_must_be_told_apart(call, place, file):
    settings = place / "gateway.toml"
    text = settings.read_text()
    settings.write_text(text + text[text.index("[routes.stock]") :].replace("routes.stock", "routes.more"))
    result = call("check", "stock_a.csv")
    assert result.exit_code == 3
    assert "--route" in result.stderr
    assert call("check", "stock_a.csv", "--route", "more").exit_code == 1


def test_route_and_mapping_exclude_each_other(call, file):
    assert call("check", "stock_a.csv", "--route", "stock", "--mapping", "mappings/example.toml").exit_code == 3


def test_the_file_limit_of_the_route_is_told(call, place, file):
    settings = place / "gateway.toml"
    settings.write_text(settings.read_text() + "\n[routes.stock.policy]\nreject_above = 1\n")
    result = call("check", "stock_a.csv")
    assert "Nothing would be sent: 2 rows are faulty, the limit is 1." in result.stdout


def test_a_picture_is_proposed_as_one(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "A_1.jpg").write_bytes(JPEG)
    result = call("check", "A_1.jpg", "--json")
    assert json.loads(result.stdout)["format"] == {"kind": "image"}


def test_pictures_of_a_zip_are_judged_one_by_one(call, place):
    (place / "mappings/pictures.toml").write_text(
        'contract = "picture"\nversion = 1\n[format]\nkind = "image"\n[fields]\n'
        'sku = { column = "stem", extract = "^(.+)_[0-9]+$" }\n'
        'order = { column = "stem", extract = "_([0-9]+)$" }\npicture = "content"\n',
        "utf-8",
    )
    with zipfile.ZipFile(place / "pictures.zip", "w") as archive:
        for name, data in (
            ("A_1.jpg", JPEG),
            ("A_2.png", JPEG),
            ("B.jpg", JPEG),
            ("C_01.jpg", JPEG),
            ("C_1.jpg", JPEG),
        ):
            archive.writestr(name, data)
    result = call("check", "pictures.zip", "--mapping", "mappings/pictures.toml", "--out", "said", "--json")
    told = json.loads(result.stdout)
    assert (told["rows"], told["good"], told["bad"]) == (5, 1, 4)
    assert {one["code"] for one in told["issues"]} == {"ROW_PICTURE", "ROW_PICTURE_NAME", "DUPLICATE_KEY"}
    assert (place / "said/pictures.zip.errors.csv").read_text("utf-8-sig").count("\n") == 5
    said = (place / "said/pictures.zip.issues.csv").read_text("utf-8-sig")
    assert said.count("B.jpg") == 2, "value and message of the one fault"
    assert 'C_01.jpg,"The same key stands in several rows (also in C_1.jpg, row 5)."' in said
    assert 'C_1.jpg,"The same key stands in several rows (also in C_01.jpg, row 4)."' in said


def test_an_errors_file_of_ours_is_known_under_any_name(call, place):
    (place / "inbox" / "stock_1.csv").write_text("Article;Stock;Warehouse\nA1;5;\nA2;many;\n")
    assert call("run", "--once").exit_code == 1
    (errors,) = (place / "outbox" / "acme").glob("*.errors.csv")
    (place / "corrected.csv").write_bytes(errors.read_bytes().replace(b";many;", b";7;"))
    result = call("check", "corrected.csv")
    assert result.exit_code == 0, result.output
    assert "corrected.csv as stock by route stock: All 1 rows would be sent." in result.stdout
    assert "These are rows that failed in run " in result.stdout
    (place / "inbox" / "corrected.csv").write_bytes((place / "corrected.csv").read_bytes())
    result = call("run", "--once", "--json")
    assert [(run["file"], run["states"]) for run in json.loads(result.stdout)["runs"]] == [
        ("corrected.csv", {"applied": 1})
    ]


def test_a_line_that_the_message_names_is_named_once(capsys):
    error = FileError("FILE_XML", "The XML is not well-formed: no end (line 6).", fix="Close it.", line=6)
    tell(Session(), error)
    assert capsys.readouterr().err == "The XML is not well-formed: no end (line 6).\nClose it.\n"
    tell(Session(), FileError("FILE_CUT_OFF", "It ends in the middle.", fix="Send it again.", line=6))
    assert "middle. (line 6)" in capsys.readouterr().err


@pytest.mark.parametrize("absent", ["zero", "keep"])
def test_a_full_file_with_a_row_of_no_readable_key_is_said_to_take_nothing_away(call, place, absent):
    settings = place / "gateway.toml"
    settings.write_text(settings.read_text().replace('mode = "delta"', f'mode = "full"\nabsent = "{absent}"'))
    (place / "stock_a.csv").write_text("Article;Stock;Warehouse\nA1;5;\n;7;\n")
    told = json.loads(call("check", "stock_a.csv", "--json").stdout)["notes"]
    said = (
        "Nothing that the full file leaves out would be set to 0: 1 row has no readable key (row 3), and could be "
        "about any of it. Mend it; the next full file in which every key can be read sets what it leaves out to 0."
    )
    assert told == ([said] if absent == "zero" else [])
    assert (said in call("check", "stock_a.csv").stdout) is (absent == "zero")
    (place / "stock_a.csv").write_text("Article;Stock;Warehouse\nA1;x;\n")
    told = json.loads(call("check", "stock_a.csv", "--json").stdout)["notes"]
    said = (
        "Nothing that the full file leaves out would be set to 0: none of its rows is sent. "
        "The next full file with a row that is sent sets what it leaves out to 0."
    )
    assert told == ([said] if absent == "zero" else [])
