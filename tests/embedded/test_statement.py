"""Routing statements: one or several, an insert with data or not, and the client's own clauses."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.embedded.warehouse.errors import ServerError, from_engine
from touchline.embedded.warehouse.statement import called, names, parse, tokens, without_format


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INSERT INTO t VALUES", ("INSERT INTO t", "t", "", None, "Values", "")),
        (
            "insert into d.`t t` (a, `b`) values (1)",
            ("insert into d.`t t` (a, `b`)", "d.`t t`", "", "a, `b`", "Values", " (1)"),
        ),
        (
            "INSERT INTO TABLE t (a) SETTINGS x = 1 FORMAT CSV\n1;2",
            ("INSERT INTO TABLE t (a)", "t", "SETTINGS x = 1", "a", "CSV", "\n1;2"),
        ),
        (
            "/* x */ INSERT INTO t (* EXCEPT (a)) VALUES",
            ("/* x */ INSERT INTO t (* EXCEPT (a))", "t", "", "* EXCEPT (a)", "Values", ""),
        ),
    ],
)  # fmt: skip
def test_inserts_with_data(text: str, expected: tuple[str, ...]) -> None:
    found = parse(text).insert
    assert found is not None
    assert (found.head, found.target, found.settings, found.columns, found.format, found.data) == expected


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t SELECT 1", "INSERT INTO t (a) SELECT 1 FORMAT JSON", "INSERT INTO t (SELECT 1)",
        "INSERT INTO t (a) WITH 1 AS x SELECT x", "INSERT INTO FUNCTION file('x') VALUES (1)", "INSERT INTO t",
        "INSERT", "SELECT 'INSERT INTO t VALUES'",
    ],
)  # fmt: skip
def test_inserts_from_a_query_and_none(text: str) -> None:
    assert parse(text).insert is None


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("SELECT 1 FORMAT JSON", "SELECT 1 "),
        ("SELECT 1 format TSV settings max_threads = 1;", "SELECT 1  settings max_threads = 1"),
        ("SELECT format FROM t", "SELECT format FROM t"),
        ("SELECT a FROM t ORDER BY format DESC", "SELECT a FROM t ORDER BY format DESC"),
        ("SELECT (SELECT 1 FORMAT x)", "SELECT (SELECT 1 FORMAT x)"),
        ("SELECT ' FORMAT JSON' -- FORMAT CSV", "SELECT ' FORMAT JSON' -- FORMAT CSV"),
        ("SELECT 1 ; ; -- end", "SELECT 1"),
    ],
)
def test_the_format_clause_is_the_clients(text: str, without: str) -> None:
    assert without_format(parse(text)) == without


@pytest.mark.parametrize("text", ["SELECT 1; SELECT 2", "SELECT ';'; DROP TABLE t", "DROP TABLE a; ; DROP TABLE b"])
def test_several_statements_are_refused(text: str) -> None:
    with pytest.raises(ServerError, match="Multi-statements") as caught:
        parse(text)
    assert caught.value.code == 62


def test_semicolons_in_texts_names_and_comments_end_nothing() -> None:
    text = "SELECT ';', `;`, \";\", 'it''s;', 'a\\';', $x$;$x$ /* ; */ -- ;"
    assert parse(text).text == text


@given(st.text(alphabet="a'`\"\\;$ -*/(\n)x,"))
def test_reading_any_text_loses_no_character_and_ends(text: str) -> None:
    found = list(tokens(text))
    assert all(text[token.start : token.end] == token.text for token in found)
    assert all(first.end <= second.start for first, second in pairwise(found))


@given(st.text(min_size=1).filter(lambda text: "\x00" not in text))
def test_a_quoted_text_is_one_token(text: str) -> None:
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    assert [token.text for token in tokens(quoted)] == [quoted]


def test_names_and_calls() -> None:
    assert names('a, `b c`, "d""e"') == ["a", "b c", 'd"e']
    assert names("* EXCEPT (a)") is None
    assert names("a b") is None
    assert called("SELECT `File` ('x'), count(*), 'python(x)' FROM url ('y')") == {"file", "count", "url"}


def test_engine_errors_keep_their_code_once() -> None:
    wrapped = "Code: 60. DB::Exception: Code: 60. DB::Exception: No t. (UNKNOWN_TABLE) (version 26.9.2.1)"
    found = from_engine(f"Streaming query failed: {wrapped}")
    assert (found.code, found.message) == (60, "No t. (UNKNOWN_TABLE)")
    assert from_engine("strange").code == 1002
