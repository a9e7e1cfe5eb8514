"""Just enough of ClickHouse's lexical rules to route a statement.

The engine parses and checks every statement itself. The gateway only has to know: is it one statement,
does it insert data that follows, and does it carry clauses that are the client's business (FORMAT,
INTO OUTFILE) and not the server's.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from touchline.embedded.warehouse.errors import NOT_IMPLEMENTED, SYNTAX_ERROR, ServerError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|\#[!\ ][^\n]*|/\*.*?\*/)
    |(?P<string>'[^'\\]*(?:(?:\\.|'')[^'\\]*)*')
    |(?P<name>`[^`\\]*(?:(?:\\.|``)[^`\\]*)*`|"[^"\\]*(?:(?:\\.|"")[^"\\]*)*")
    |(?P<heredoc>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<word>[^\W\d]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
# Statements without any of these need no second look; large ones (long IN lists) are not worth reading twice.
_NEEDS_A_LOOK = re.compile(r"\b(?:format|outfile)\b|;", re.IGNORECASE)
_BEFORE_A_COLUMN = (
    "SELECT", "DISTINCT", "BY", "AS", "WHERE", "HAVING", "ON", "AND", "OR", "NOT",
    "CASE", "WHEN", "THEN", "ELSE",
)  # fmt: skip
_STREAMED = frozenset({"SELECT", "WITH", "FROM", "("})
_WITH_RESULT = frozenset({"SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN"})


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    start: int
    end: int
    depth: int  # how many brackets are open around it

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose data comes in a format, not from a query."""

    head: str  # the table and the columns: up to the settings, FORMAT or VALUES
    target: str  # the table, as written
    settings: str  # the SETTINGS clause, or nothing
    columns: str | None  # what is between the brackets after it, as written
    format: str  # Values, JSONEachRow, …
    data: str  # what follows in the same text


@dataclass(frozen=True, slots=True)
class Statement:
    text: str  # without a closing semicolon
    verb: str  # the first word in capitals, or an opening bracket; empty for an empty statement
    insert: Insert | None = None
    format: str | None = None
    outfile: bool = False

    @property
    def streamed(self) -> bool:
        """Whether the engine can hand its result over block by block (it is a query)."""
        return self.verb in _STREAMED

    @property
    def has_result(self) -> bool:
        """Whether it has a result with columns, also when it has no rows."""
        return self.streamed or self.verb in _WITH_RESULT


def tokens(text: str) -> Iterator[Token]:
    """The tokens of ``text`` without spaces and comments, read as they are asked for."""
    depth = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "sign"
        if kind == "space":
            continue
        kind = "heredoc" if kind == "tag" else kind
        sign = found.group()
        if kind == "sign" and sign in _CLOSING:
            depth -= 1
        yield Token(kind, sign, found.start(), found.end(), depth)
        if kind == "sign" and sign in _OPENING:
            depth += 1


def parse(text: str) -> Statement:
    """Read one statement. Raises ServerError when there are several, as ClickHouse does."""
    stream = tokens(text)
    first = next(stream, None)
    if first is None or first.text == ";":
        return Statement("", "")
    verb = first.text.upper()
    if verb == "INSERT":
        insert = _insert(text, stream)
        if insert is not None:
            return Statement(text, verb, insert=insert)
    return _with_clauses(text, verb) if _NEEDS_A_LOOK.search(text) else Statement(text.rstrip(), verb)


def _insert(text: str, stream: Iterator[Token]) -> Insert | None:
    """The parts of ``INSERT INTO t (…) SETTINGS … FORMAT f data``; None when the data comes from a query."""
    token = next(stream, None)
    while token is not None and token.is_word("INTO", "TABLE"):
        token = next(stream, None)
    if token is None or token.is_word("FUNCTION"):
        return None
    start, end = token.start, token.start
    while token is not None and _is_of_a_name(token):
        end = token.end
        token = next(stream, None)
    columns = None
    if token is not None and token.text == "(":
        opening = token.end
        token = next((closing for closing in stream if closing.text == ")" and closing.depth == 0), None)
        columns = text[opening : token.start] if token is not None else None
        token = next(stream, None)
    head_end = token.start if token is not None else len(text)
    token = _data_word(token, stream)
    if token is None:
        return None
    data_format, data_start = "Values", token.end
    if token.is_word("FORMAT"):
        name = next(stream, None)
        if name is None or name.kind != "word":
            return None
        data_format, data_start = name.text, name.end
    head, settings = text[:head_end].rstrip(), text[head_end : token.start].rstrip()
    return Insert(head, text[start:end], settings, columns, data_format, text[data_start:])


def _is_of_a_name(token: Token) -> bool:
    if token.is_word("VALUES", "FORMAT", "SETTINGS", "SELECT", "WITH", "FROM", "PARTITION"):
        return False
    return token.kind in {"word", "name"} or token.text == "."


def _data_word(token: Token | None, stream: Iterator[Token]) -> Token | None:
    """The word VALUES or FORMAT, past any settings; None when a query or a file gives the data."""
    while token is not None and not token.is_word("VALUES", "FORMAT"):
        from_a_query = token.is_word("SELECT", "WITH", "FROM", "WATCH", "INFILE") or token.text == "("
        if token.depth == 0 and from_a_query:
            return None
        token = next(stream, None)
    return token


def _with_clauses(text: str, verb: str) -> Statement:
    """A statement that may hold a FORMAT or INTO OUTFILE clause or a semicolon: read it to its end."""
    body: list[Token] = []
    ended = None
    for token in tokens(text):
        if ended is not None and token.text != ";":
            raise ServerError(
                SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed): send one statement at a time"
            )
        if token.text == ";" and token.depth <= 0:
            ended = ended or token
            continue
        body.append(token)
    end = ended.start if ended is not None else len(text)
    outfile = any(first.is_word("INTO") and second.is_word("OUTFILE") for first, second in itertools.pairwise(body))
    return Statement(text[:end].rstrip(), verb, format=_format(body), outfile=outfile)


def _format(body: list[Token]) -> str | None:
    """The name in a FORMAT clause: outside brackets, followed by nothing or by SETTINGS."""
    place = _format_place(body)
    return None if place is None else body[place + 1].text


def _format_place(body: list[Token]) -> int | None:
    for place in range(len(body) - 2, 0, -1):
        before, word, name = body[place - 1 : place + 2]
        if not (word.is_word("FORMAT") and word.depth == 0 and name.kind == "word"):
            continue
        if before.is_word(*_BEFORE_A_COLUMN) or (before.kind == "sign" and before.text not in _CLOSING | {"*"}):
            continue  # a column of that name
        if place + 2 == len(body) or body[place + 2].is_word("SETTINGS"):
            return place
    return None


def without_format(statement: Statement) -> str:
    """The text without its FORMAT clause, for a protocol in which the client does the formatting."""
    if statement.outfile:
        raise ServerError(NOT_IMPLEMENTED, "INTO OUTFILE is the client's business: the server writes no files")
    if statement.format is None:
        return statement.text
    body = list(tokens(statement.text))
    place = _format_place(body)
    assert place is not None  # noqa: S101 -- the same text had one
    return statement.text[: body[place].start] + statement.text[body[place + 1].end :]


def called(text: str) -> set[str]:
    """The lower-case names that stand before an opening bracket: functions, table functions, engines."""
    names: set[str] = set()
    before: Token | None = None
    for token in tokens(text):
        if token.text == "(" and before is not None and before.kind in {"word", "name"}:
            names.add(before.text.strip('`"').lower())
        before = token
    return names


def names(columns: str) -> list[str] | None:
    """The names in a plain list of columns; None when it is more than that (``* EXCEPT (a)``)."""
    found: list[str] = []
    expect_name = True
    for token in tokens(columns):
        if expect_name and token.kind in {"word", "name"}:
            found.append(unquoted(token.text))
        elif expect_name or token.text != ",":
            return None
        expect_name = not expect_name
    return found


def unquoted(name: str) -> str:
    """A name as it was meant: without its backquotes or double quotes and their escapes."""
    if name[0] not in '`"':
        return name
    return re.sub(r"\\(.)", r"\1", name[1:-1].replace(name[0] * 2, name[0]))
