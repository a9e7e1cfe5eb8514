"""Where a block of columns ends: the layout of each of ClickHouse's column types in the Native format.

A block on the wire has no size in front. To find its end each column has to be walked, but nothing has to
be decoded: the bytes go to the engine as they came. The layouts follow ClickHouse's documentation of the
Native format and its ``ISerialization`` classes (``serializeBinaryBulkStatePrefix`` and
``serializeBinaryBulkWithMultipleStreams``), at protocol revision 54429: no custom serializations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from touchline.embedded.warehouse.errors import NOT_IMPLEMENTED, TOO_LARGE, ProtocolError, ServerError
from touchline.embedded.warehouse.wire import Reader, Writer

MAX_COLUMNS = 10_000
MAX_ROWS = 1 << 31
BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"  # no overflow row, no bucket number

_FIXED = {
    "Bool": 1, "Int8": 1, "UInt8": 1, "Enum8": 1, "Nothing": 1,
    "Int16": 2, "UInt16": 2, "Enum16": 2, "Date": 2, "BFloat16": 2,
    "Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "Decimal32": 4, "IPv4": 4, "Time": 4,
    "Int64": 8, "UInt64": 8, "Float64": 8, "DateTime64": 8, "Decimal64": 8, "Time64": 8,
    "Int128": 16, "UInt128": 16, "Decimal128": 16, "UUID": 16, "IPv6": 16,
    "Int256": 32, "UInt256": 32, "Decimal256": 32,
}  # fmt: skip
_DECIMAL_SIZES = ((9, 4), (18, 8), (38, 16), (76, 32))  # greatest precision, bytes
_ALIASES = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "Polygon": "Array(Ring)",
    "MultiLineString": "Array(LineString)",
    "MultiPolygon": "Array(Polygon)",
}
_ADDITIONAL_KEYS = 1 << 9
_GLOBAL_DICTIONARY = 1 << 8


@dataclass(frozen=True, slots=True)
class Layout:
    """How to walk a column: its state in front (once a block), then the data of some rows."""

    data: Callable[[Reader, int], None]
    prefix: Callable[[Reader], None] | None = None


@lru_cache(maxsize=1024)
def layout(type_name: str) -> Layout:
    """The layout of a type as ClickHouse writes it, ``Map(String, Array(UInt8))``.

    Raises ServerError (NOT_IMPLEMENTED) for a type that can't be inserted through the gateway.
    """
    name, arguments = split_type(type_name)
    if name in _FIXED:
        return _fixed(_FIXED[name])
    if name in _ALIASES:
        return layout(_ALIASES[name])
    if name.startswith("Interval"):
        return _fixed(8)
    compose = _COMPOSED.get(name)
    if compose is None:
        raise ServerError(
            NOT_IMPLEMENTED, f"columns of type {type_name} can't be inserted in blocks: use INSERT … SELECT"
        )
    return compose(arguments)


def split_type(text: str) -> tuple[str, list[str]]:
    """``Map(String, Array(UInt8))`` as ``("Map", ["String", "Array(UInt8)"])``."""
    name, bracket, inner = text.strip().partition("(")
    if not bracket:
        return name, []
    arguments: list[str] = []
    depth = start = place = 0
    inner = inner[: inner.rindex(")")]
    while place < len(inner):
        sign = inner[place]
        if sign in "'`":
            place = _closing_quote(inner, place)
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
        elif sign == "," and depth == 0:
            arguments.append(inner[start:place].strip())
            start = place + 1
        place += 1
    arguments.append(inner[start:].strip())
    return name.strip(), arguments


def _closing_quote(text: str, opening: int) -> int:
    place = opening + 1
    while place < len(text) and text[place] != text[opening]:
        place += 2 if text[place] == "\\" else 1
    return place


def _element(argument: str) -> Layout:
    """A tuple's element: a type, or a name and a type (types have spaces inside brackets only)."""
    if argument.startswith("`"):
        return layout(argument[_closing_quote(argument, 0) + 1 :].strip())
    name, space, _ = argument.partition("(")[0].partition(" ")
    return layout(argument[len(name) :].strip() if space else argument)


def _fixed(size: int) -> Layout:
    return Layout(lambda reader, rows: reader.skip(rows * size))


def _tuple(arguments: list[str]) -> Layout:
    elements = [_element(argument) for argument in arguments]
    prefixes = [element.prefix for element in elements if element.prefix is not None]

    def prefix(reader: Reader) -> None:
        for read in prefixes:
            read(reader)

    def data(reader: Reader, rows: int) -> None:
        for element in elements:
            element.data(reader, rows)

    return Layout(data, prefix if prefixes else None)


def _array(arguments: list[str]) -> Layout:
    return _array_of(layout(arguments[0]))


def _array_of(inner: Layout) -> Layout:
    def data(reader: Reader, rows: int) -> None:
        if rows:
            reader.skip((rows - 1) * 8)
            inner.data(reader, _count(reader.uint64()))  # the last offset is the number of all elements

    return Layout(data, inner.prefix)


def _nullable(arguments: list[str]) -> Layout:
    inner = layout(arguments[0])

    def data(reader: Reader, rows: int) -> None:
        reader.skip(rows)
        inner.data(reader, rows)

    return Layout(data, inner.prefix)


def _low_cardinality(arguments: list[str]) -> Layout:
    name, inner_arguments = split_type(arguments[0])
    dictionary = layout(inner_arguments[0] if name == "Nullable" else arguments[0])

    def data(reader: Reader, rows: int) -> None:
        if not rows:
            return
        flags = reader.uint64()
        if flags & _GLOBAL_DICTIONARY or not flags & _ADDITIONAL_KEYS or flags & 0xFF > 3:
            raise ProtocolError(NOT_IMPLEMENTED, "a LowCardinality column with a dictionary of its own is expected")
        dictionary.data(reader, _count(reader.uint64()))
        reader.skip(_count(reader.uint64()) << (flags & 0xFF))

    return Layout(data, lambda reader: reader.skip(8))


def _decimal(arguments: list[str]) -> Layout:
    precision = int(arguments[0])
    return _fixed(next(size for greatest, size in _DECIMAL_SIZES if precision <= greatest))


_COMPOSED: dict[str, Callable[[list[str]], Layout]] = {
    "String": lambda _: Layout(lambda reader, rows: reader.skip_strings(rows)),
    "FixedString": lambda arguments: _fixed(int(arguments[0])),
    "Decimal": _decimal,
    "Nullable": _nullable,
    "LowCardinality": _low_cardinality,
    "Array": _array,
    "Tuple": _tuple,
    "Map": lambda arguments: _array_of(_tuple(arguments)),
    "Nested": lambda arguments: _array_of(_tuple(arguments)),
    "SimpleAggregateFunction": lambda arguments: layout(arguments[1]),
}


def _count(value: int) -> int:
    if value > MAX_ROWS:
        raise ProtocolError(TOO_LARGE, f"a count of {value} values in a block: at most {MAX_ROWS} are taken")
    return value


@dataclass(frozen=True, slots=True)
class Block:
    """One block in the Native format (without the block info of the protocol in front)."""

    columns: int
    rows: int
    data: bytes


def read_block(reader: Reader) -> Block:
    """Read a block without its info. Raises ProtocolError for sizes and types that can't be."""
    reader.mark()
    columns = reader.varint()
    rows = _count(reader.varint())
    if columns > MAX_COLUMNS:
        raise ProtocolError(TOO_LARGE, f"a block of {columns} columns: at most {MAX_COLUMNS} are taken")
    for _ in range(columns):
        reader.text()
        _skip_column(reader, reader.text(), rows)
    data = reader.since_mark()
    reader.mark()
    return Block(columns, rows, data)


def _skip_column(reader: Reader, type_name: str, rows: int) -> None:
    try:
        column = layout(type_name)
    except (ServerError, ValueError, IndexError, StopIteration) as error:
        raise ProtocolError(NOT_IMPLEMENTED, f"a block with a column of type {type_name}: {error}") from None
    if rows:
        if column.prefix is not None:
            column.prefix(reader)
        column.data(reader, rows)


def skip_block_info(reader: Reader) -> None:
    while (number := reader.varint()) != 0:
        if number not in {1, 2}:
            raise ProtocolError(TOO_LARGE, f"a block's info with the unknown field {number}")
        reader.skip(1 if number == 1 else 4)


def header(columns: list[tuple[str, str]]) -> bytes:
    """A block without rows: the names and types of the columns."""
    writer = Writer().varint(len(columns)).varint(0)
    for name, type_name in columns:
        writer.text(name).text(type_name)
    return bytes(writer.data)


def row_count(data: bytes) -> int:
    """The number of rows of the first block in ``data``."""
    place = 0

    def fill() -> bytes:
        nonlocal place
        piece = data[place : place + 32]
        place += 32
        return piece

    reader = Reader(fill)
    reader.varint()
    return reader.varint()


def split_blocks(data: bytes) -> list[Block]:
    """The blocks in a result of the engine that may hold several."""
    pending = [data]
    reader = Reader(lambda: pending.pop() if pending else b"")
    blocks = [read_block(reader)]
    while reader.buffered:
        blocks.append(read_block(reader))
    return blocks
