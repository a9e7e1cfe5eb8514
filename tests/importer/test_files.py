"""Rows of every format, and lines that are none."""

import gzip
import json
from pathlib import Path

import pytest

from touchline.importer.files import MAX_LIST, RowFile, format_of
from touchline.importer.report import ImportFailed, RowFault

ROWS = [{"id": "1", "text": 'a "b", c\nd'}, {"id": "2", "text": "é"}]
CSV = 'id,text\n1,"a ""b"", c\nd"\n2,é\n'


def rows(path: Path) -> list[object]:
    with RowFile(path) as file:
        return [str(row) if isinstance(row, RowFault) else row for _, row in file]


def packed(text: str) -> bytes:
    """Packed, the same at any time: the bytes name the tests, which every process must call the same."""
    return gzip.compress(text.encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV.encode()),
        ("a.csv", b"\xef\xbb\xbf" + CSV.replace("\n2", "\r\n2").encode()),
        ("a.csv.gz", packed(CSV)),
        ("packed-but-not-named-so.csv", packed(CSV)),
        ("a.tsv", CSV.replace(",", "\t", 1).replace("1,", "1\t").replace("2,", "2\t").encode()),
        ("a.ndjson", '{"id": "1", "text": "a \\"b\\", c\\nd"}\n\n{"id": "2", "text": "é"}\n'.encode()),
        ("a.jsonl.gz", packed('{"id": "1", "text": "a \\"b\\", c\\nd"}\n{"id": "2", "text": "é"}')),
    ],
)
def test_each_format_gives_the_same_rows(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert rows(path) == ROWS


def test_rows_tell_the_line_where_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV + "3,x\n", encoding="utf-8")
    with RowFile(path) as file:
        assert [line for line, _ in file] == [2, 4, 5]


def test_nested_json_becomes_dotted_columns_and_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"a": {"b": {"c": 1}, "d": true}, "e": null, "f": [1, {"g": 2}], "h": []}', encoding="utf-8")
    flat = {"a.b.c": 1, "a.d": True, "e": None, "f": [1, {"g": 2}], "f.0": 1, "f.1.g": 2, "h": None}
    assert rows(path) == [flat]


def test_of_a_long_list_only_the_first_entries_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text(json.dumps({"a": list(range(MAX_LIST + 1))}), encoding="utf-8")
    (row,) = rows(path)
    assert isinstance(row, dict)
    assert f"a.{MAX_LIST - 1}" in row
    assert f"a.{MAX_LIST}" not in row


def test_lines_that_are_no_rows_are_told_and_the_others_go_on(tmp_path: Path) -> None:
    csv = tmp_path / "a.csv"
    csv.write_text('id,text\n1,a,b\n2,b\n"3"x,c\n4,d\n', encoding="utf-8")
    assert rows(csv) == [
        "has 3 fields, the header has 2",
        {"id": "2", "text": "b"},
        "is no CSV: ',' expected after '\"'",
        {"id": "4", "text": "d"},
    ]
    ndjson = tmp_path / "a.ndjson"
    ndjson.write_bytes(b'{"id": 1}\nnot\n[1]\n{"id": "\xff"}\n' + b'{"a":' * 100_000 + b'\n{"id": 2}\n')
    assert [row if isinstance(row, dict) else str(row).split(":")[0] for row in rows(ndjson)] == [
        {"id": 1},
        "is no JSON",
        "is no JSON object",
        "is not UTF-8",
        "is nested too deep",
        {"id": 2},
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty: the first line names the columns"),
        ("a.csv", b"id,id\n", "names a column twice: id"),
        ("a.csv", packed(CSV * 5_000)[:-20], "is broken gzip"),
        ("a.xls", b"id\n", "of what format"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImportFailed, match=message):
        rows(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"nothing\.csv: can't be read: No such file"):
        RowFile(tmp_path / "nothing.csv")


def test_formats_go_by_the_name() -> None:
    names = ["a.CSV", "a.tab.gz", "a.json", "b.c.ndjson.gz"]
    assert [format_of(Path(name)) for name in names] == ["csv", "tsv", "ndjson", "ndjson"]
