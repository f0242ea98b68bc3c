"""Records of delimited files: quotes, line breaks, encodings, short and long ones, and files nobody can use."""

from __future__ import annotations

import gzip

import polars as pl
import pytest
from support.csv_layouts import LAYOUT, OURS

from gateway.errors import FileError
from gateway.formats.layout import CsvLayout, XmlLayout
from gateway.readers.csv import CsvReader


@pytest.fixture(params=["columnar", "strict", "tiny blocks"])
def read(request, tmp_path):
    options = {"columnar": {}, "strict": {"columnar": False}, "tiny blocks": {"block": 5}}[request.param]

    def reading(data, **changes):
        path = tmp_path / "stock.csv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        tables = list(CsvReader(**options).tables(path, LAYOUT.model_copy(update=changes)))
        return Whole(tables)

    return reading


class Whole:
    def __init__(self, tables):
        self.rows = pl.concat(table.frame for table in tables).rows()
        issues = pl.concat(table.issues for table in tables)
        self.issues = issues.select("@row", "@line", "code", "detail").rows()
        self.headers = tables[0].headers
        self.blank = sum(table.blank for table in tables)
        links = [table.links for table in tables if table.links is not None]
        self.links = pl.concat(links).rows() if links else None


@pytest.mark.parametrize("length", [4, 100, 10_000])
def test_a_file_of_zero_bytes_is_not_taken_for_text(read, length):
    with pytest.raises(FileError, match="begins with zero bytes only") as caught:
        read(bytes(length))
    assert caught.value.code == "FILE_ENCODING"
    with pytest.raises(FileError, match="UTF-16 without a byte order mark"):
        read("sku\nA\n".encode("utf-16-be"))


def test_header_counts_as_row_one_and_cells_stay_as_written(read):
    got = read("sku; qty \nA1;007\nA2; x \n")
    assert got.headers == ("sku", " qty ")
    assert got.rows == [(2, 2, "A1", "007"), (3, 3, "A2", " x ")]
    assert got.issues == []


def test_without_header_the_first_record_is_row_one(read):
    got = read("A1;1\nA2;2\n", header=False, columns=2)
    assert got.headers == ("", "")
    assert got.rows == [(1, 1, "A1", "1"), (2, 2, "A2", "2")]


def test_skipped_lines_count_as_rows_and_lines_even_with_open_quotes(read):
    got = read('stock of "today\n\nsku;qty\nA1;1\n', skip=2)
    assert got.headers == ("sku", "qty")
    assert got.rows == [(4, 4, "A1", "1")]


def test_quoted_line_breaks_move_lines_but_not_rows(read):
    got = read('sku;"na\nme"\r\nA1;"a\r\nb"\r\nA2;"say ""hi"";"\r\nA3;\r\n')
    assert got.headers == ("sku", "na\nme")
    assert got.rows == [(2, 3, "A1", "a\r\nb"), (3, 5, "A2", 'say "hi";'), (4, 6, "A3", "")]


def test_short_records_are_null_and_long_ones_are_cut(read):
    got = read("sku;name;qty\nA1\nA2;x;1;;\nA3;x;1;;surplus\nA4;x;1\n")
    assert got.rows == [
        (2, 2, "A1", None, None),
        (3, 3, "A2", "x", "1"),
        (4, 4, "A3", "x", "1"),
        (5, 5, "A4", "x", "1"),
    ]
    assert got.issues == [
        (2, 2, "ROW_TOO_SHORT", "1 instead of 3"),
        (4, 4, "ROW_TOO_LONG", "5 instead of 3"),
    ]


def test_cells_below_empty_trailing_headers_may_lack(read):
    got = read("sku;qty;;\nA1;1\nA2;2;;\nA3\n")
    assert got.rows[:2] == [(2, 2, "A1", "1", None, None), (3, 3, "A2", "2", "", "")]
    assert got.issues == [(4, 4, "ROW_TOO_SHORT", "1 instead of 4")]


def test_blank_records_are_counted_and_their_numbers_used_up(read):
    got = read('sku;qty\n\nA1;1\n;\n" ";\t\n\r\nA2;2\n\n\n')
    assert got.rows == [(3, 3, "A1", "1"), (7, 7, "A2", "2")]
    assert got.blank == 6
    assert got.issues == []


def test_blank_records_above_the_header_are_passed(read):
    got = read("\n;;\nsku;qty\nA1;1\n")
    assert (got.headers, got.blank) == (("sku", "qty"), 2)
    assert got.rows == [(4, 4, "A1", "1")]


def test_surplus_text_keeps_a_record_from_being_blank(read):
    got = read("sku;qty\n;;x\n")
    assert got.rows == [(2, 2, "", "")]
    assert got.issues == [(2, 2, "ROW_TOO_LONG", "3 instead of 2")]


@pytest.mark.parametrize("ending", ['A2;y\nA3;"z"\n', 'A2;y\n"A3";z\n', "A2;y\nA3;z\n"])
def test_an_unclosed_quote_costs_its_own_line_only(read, ending):
    got = read('sku;name\nA0;"ok"\nA1;"5 inch\n' + ending)
    assert got.rows == [(2, 2, "A0", "ok"), (3, 3, "A1", '"5 inch'), (4, 4, "A2", "y"), (5, 5, "A3", "z")]
    assert got.issues == [(3, 3, "ROW_OPEN_QUOTE", None)]


def test_an_unclosed_quote_behind_a_quoted_line_break_is_named_by_its_own_line(read):
    got = read('sku;name;text\nA1;"two\nlines";"open\nA2;x;"y"\n')
    assert got.rows == [(2, 2, "A1", "two\nlines", '"open'), (3, 4, "A2", "x", "y")]
    assert got.issues == [(2, 3, "ROW_OPEN_QUOTE", None)]


@pytest.mark.parametrize("lines", [120, 250, 20_000])
def test_a_closed_quote_is_a_cell_on_however_many_lines(read, lines):
    text = "see table:\n" + "".join(f"B{index};99\n" for index in range(lines))
    got = read(f'sku;name\nA1;"{text}"\nA2;x\n')
    assert got.rows == [(2, 2, "A1", text), (3, lines + 4, "A2", "x")]
    assert got.issues == []


def test_an_unclosed_quote_above_many_lines_costs_its_own_line_only(read):
    got = read('sku;name\nA1;"5 inch\n' + "".join(f"B{index};x\n" for index in range(1000)))
    assert [row[2] for row in got.rows] == ["A1", *(f"B{index}" for index in range(1000))]
    assert got.issues == [(2, 2, "ROW_OPEN_QUOTE", None)]


def test_text_behind_a_closing_quote_is_named_and_kept(read):
    got = read('sku;name\nA1;"5" tube\nA2;5" tube\nA3;"a\nb";"c"d\n')
    assert got.rows == [(2, 2, "A1", "5 tube"), (3, 3, "A2", '5" tube'), (4, 4, "A3", "a\nb")]
    assert got.issues == [(2, 2, "ROW_STRAY_QUOTE", None), (4, 5, "ROW_STRAY_QUOTE", None)]


def test_doubled_quotes_at_the_ends_of_cells_and_alone(read):
    got = read('sku;name\nA1;"""x"\nA2;"x"""\nA3;""""\nA4;""\nA5;""""""\n')
    assert [row[3] for row in got.rows] == ['"x', 'x"', '"', "", '""']
    assert got.issues == []


def test_a_faulty_record_of_quotes_alone_is_one_record(read):
    got = read("sku;name\nA1;'x'\n''é\n'\nA2;'y'\n", quote="'")
    assert [row[2] for row in got.rows] == ["A1", "é", "'", "A2"]
    assert [issue[2] for issue in got.issues] == ["ROW_STRAY_QUOTE", "ROW_OPEN_QUOTE"]


def test_many_faulty_quotes_leave_the_other_records_alone(read):
    lines = ['A;"5" tube', 'B;"open', 'C;"fine; ""too"""', "D", 'E;"two\nlines"', "F;plain", ";"] * 40
    got = read("sku;name\n" + "\n".join(lines) + "\n")
    assert [row[2] for row in got.rows] == list("ABCDEF") * 40
    assert [row[1] for row in got.rows[:7]] == [2, 3, 4, 5, 6, 8, 10]
    assert got.rows[-1][:2] == (280, 320)
    assert [issue[2] for issue in got.issues] == ["ROW_STRAY_QUOTE", "ROW_OPEN_QUOTE", "ROW_TOO_SHORT"] * 40
    assert got.blank == 40


def test_undecodable_bytes_name_their_record_and_are_shown_replaced(read):
    got = read(b"sku;name\nA1;ok\nA2;caf\xe9\nA3;\xc3\xa9\n")
    assert got.rows == [(2, 2, "A1", "ok"), (3, 3, "A2", "caf\ufffd"), (4, 4, "A3", "é")]
    assert got.issues == [(3, 3, "ROW_ENCODING", "utf-8")]


def test_zero_bytes_name_their_record(read):
    got = read(b"sku;name\nA1;x\0y\nA2;z\n")
    assert got.rows == [(2, 2, "A1", "x\ufffdy"), (3, 3, "A2", "z")]
    assert got.issues == [(2, 2, "ROW_ENCODING", "text: there is a zero byte")]


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [("utf-8", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16", "utf-16-le"), ("utf-16", "utf-16-be"),
     ("cp1252", "cp1252"), ("iso-8859-15", "iso-8859-15")],
)  # fmt: skip
def test_encodings_and_byte_order_marks(read, encoding, codec):
    got = read("sku;größe\r\nA1;5 €\r\n".encode(codec), encoding=encoding)
    assert got.headers == ("sku", "größe")
    assert got.rows == [(2, 2, "A1", "5 €")]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [(b"sku;x\nA1;\x81\nA2;y\n", "cp1252"), (b"sku;x\nA1;\xc3\xa9\nA2;y\n", "ascii"),
     ("sku;x\nA1;\ud800\nA2;y\n".encode("utf-16-le", "surrogatepass"), "utf-16")],
)  # fmt: skip
def test_bytes_unknown_to_the_declared_encoding_name_their_record(read, data, encoding):
    got = read(data, encoding=encoding)
    assert [issue[:4] for issue in got.issues] == [(2, 2, "ROW_ENCODING", encoding)]
    assert got.rows[1] == (3, 3, "A2", "y")


@pytest.mark.parametrize("encoding", ["cp1252", "iso-8859-15"])
@pytest.mark.parametrize("text", ["Código;Año\nA;1\n", "sku;name\nA;plain\nB;Cañón\nC;ł\n"])
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_utf_8_is_not_taken_for_an_encoding_of_one_byte(tmp_path, encoding, text, block):
    path = tmp_path / "a.csv"
    path.write_text(text, "utf-8")
    layout = CsvLayout(kind="csv", delimiter=";", encoding=encoding)
    with pytest.raises(FileError, match=f"The file is UTF-8; agreed is {encoding}") as caught:
        list(CsvReader(block=block).tables(path, layout))
    assert caught.value.code == "FILE_ENCODING"
    assert 'ask to change the mapping: encoding = "utf-8".' in caught.value.fix


@pytest.mark.parametrize("text", ["NESCAFÉ®", "ROSÉ •Ça va?•", "CAFÉ™, año", "Ç¡", "plain"])
def test_signs_that_look_like_foreign_utf_8_stay_what_is_agreed(read, text):
    got = read(f"sku;größe\nA1;{text}\n".encode("cp1252"), encoding="cp1252")
    assert got.rows == [(2, 2, "A1", text)]
    assert read(f"sku;name\nA1;{text}\n".encode("cp1252"), encoding="cp1252").rows == [(2, 2, "A1", text)]


def test_a_header_of_another_encoding_names_the_setting_that_reads_it(read):
    with pytest.raises(FileError) as caught:
        read("Código;Año\nA;1\n".encode("cp1252"))
    assert caught.value.code == "FILE_ENCODING"
    assert "The text is not utf-8; as cp1252 its header reads 'Código Año'." in caught.value.message
    assert 'or ask to change the mapping: encoding = "cp1252".' in caught.value.fix


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_missing_last_one(read, end):
    got = read(end.join(["sku;qty", "A1;1", '"A2";2']))
    assert got.rows == [(2, 2, "A1", "1"), (3, 3, "A2", "2")]


def test_mixed_line_ends(read):
    got = read('sku;qty\r\nA1;1\nA2;2\rA3;"3"\r\n')
    assert [row[:3] for row in got.rows] == [(2, 2, "A1"), (3, 3, "A2"), (4, 4, "A3")]


def test_duplicate_and_empty_headers_stay(read):
    assert read("sku;;sku;\nA1;1;2;3\n").headers == ("sku", "", "sku", "")


def test_header_only_gives_one_empty_table_with_headers(read):
    got = read("sku;qty\n")
    assert (got.headers, got.rows, got.blank) == (("sku", "qty"), [], 0)


def test_a_layout_without_quotes_takes_them_as_text(read):
    got = read('sku;name\nA1;"x\nA2;y"\n', quote="")
    assert got.rows == [(2, 2, "A1", '"x'), (3, 3, "A2", 'y"')]


def test_a_byte_order_mark_in_the_middle_belongs_to_its_cell(read):
    got = read("sku;name\n\ufeffA1;x\n")
    assert got.rows == [(2, 2, "\ufeffA1", "x")]


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"", "FILE_EMPTY", None),
        (b"\n\n;;\n", "FILE_EMPTY", None),
        (b"sku;gr\xf6\xdfe\nA1;1\n", "FILE_ENCODING", 1),
        ("sku;qty\nA1;1\n".encode("utf-16"), "FILE_ENCODING", 1),
        ("sku;qty\nA1;1\n".encode("utf-16-le"), "FILE_ENCODING", 1),
        (b"sku,qty\nA1,1\n", "FILE_DELIMITER", 1),
        (b"\nsku\tqty\nA1\t1\n", "FILE_DELIMITER", 2),
        (b'sku;"qty\nA1;1\n', "FILE_HEADER", 1),
        (b"PK\x03\x04 a damaged workbook", "FILE_FORMAT", None),
        (gzip.compress(b"sku;qty\n", mtime=0), "FILE_FORMAT", None),
    ],
)
def test_unusable_files_say_why(read, data, code, line):
    with pytest.raises(FileError) as caught:
        read(data)
    assert (caught.value.code, caught.value.line) == (code, line)
    assert caught.value.fix


def test_the_delimiter_found_is_named(read):
    with pytest.raises(FileError, match="agreed is a semicolon, but line 1 is divided by a comma"):
        read("sku,qty\n")


def test_utf16_where_bytes_are_single_is_named(read):
    with pytest.raises(FileError, match="agreed is utf-16"):
        read("sku;qty\n", encoding="utf-16")


def test_another_layout_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(TypeError, match="XmlLayout"):
        next(CsvReader().tables(tmp_path / "x", XmlLayout(kind="xml", record="a/b")))


def test_an_errors_file_of_ours_gives_back_the_partners_cells_and_links(read):
    got = read(f"{OURS};sku;qty\nR7;17;TOO_LONG;sku;too long;'=A1;'-x\nR7;18;A;b;c;''+1;-5\n;;;;;new;'x\n;;;;;;\n")
    assert got.headers == ("sku", "qty")
    assert got.rows == [(2, 2, "=A1", "-x"), (3, 3, "'+1", "-5"), (4, 4, "new", "'x")]
    assert got.links == [(2, "R7", 17), (3, "R7", 18), (4, None, None)]
    assert got.blank == 1


def test_an_errors_file_of_ours_has_a_header_where_the_partners_files_have_none(read):
    got = read(f"{OURS};;\nR7;x;A;b;c;A1;1\n", header=False, columns=2, skip=3)
    assert got.headers == ("", "")
    assert got.rows == [(2, 2, "A1", "1")]
    assert got.links == [(2, "R7", None)]


def test_apostrophes_stay_in_files_of_others(read):
    got = read("sku;qty\n'=A1;1\n")
    assert got.rows == [(2, 2, "'=A1", "1")]
    assert got.links is None
