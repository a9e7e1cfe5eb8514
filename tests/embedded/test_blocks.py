"""The end of a block is found for every type, from the engine's own output, however the bytes arrive."""

from __future__ import annotations

import urllib.request
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.embedded.test_warehouse_native import COLUMNS
from touchline.embedded import EmbeddedWarehouse
from touchline.embedded.warehouse.blocks import layout, read_block, row_count, split_blocks, split_type
from touchline.embedded.warehouse.errors import Disconnected, ProtocolError, ServerError
from touchline.embedded.warehouse.wire import Reader, Writer

TYPES = sorted({type_name for type_name, _ in COLUMNS.values()} | {
    "Decimal(9, 2)", "Decimal(38, 4)", "Decimal(76, 4)", "Int256", "Enum16('x' = 1000)", "IPv6", "Point",
    "Array(Nullable(String))", "Map(String, Array(LowCardinality(Nullable(String))))", "Date32", "Float32",
    "Tuple(a Array(Tuple(String, UInt8)), `b c` Map(String, UInt8))", "Nullable(DateTime64(6, 'Asia/Tokyo'))",
})  # fmt: skip


@pytest.fixture(scope="module")
def engine_blocks(warehouse: EmbeddedWarehouse) -> dict[str, bytes]:
    """Random data of each type, 50 rows, in the Native format."""
    found = {}
    for type_name in TYPES:
        structure = "x " + type_name
        text = f"SELECT * FROM generateRandom({_quoted(structure)}, 7, 40, 6) LIMIT 50 FORMAT Native"  # noqa: S608
        url = f"http://{warehouse.host}:{warehouse.http_port}/?query={quote(text)}"
        with urllib.request.urlopen(url) as response:
            found[type_name] = response.read()
    return found


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize("type_name", TYPES)
def test_a_block_of_the_engine_is_walked_to_its_end(engine_blocks: dict[str, bytes], type_name: str) -> None:
    data = engine_blocks[type_name]
    (block,) = split_blocks(data)
    assert (block.columns, block.rows, block.data) == (1, 50, data)
    assert [one.data for one in split_blocks(data * 3)] == [data] * 3
    assert row_count(data) == 50


@pytest.mark.parametrize("type_name", TYPES)
def test_a_block_that_is_cut_is_never_taken_for_whole(engine_blocks: dict[str, bytes], type_name: str) -> None:
    data = engine_blocks[type_name]
    for cut in {0, 1, len(data) // 2, len(data) - 1}:
        pieces = [data[:cut]]
        with pytest.raises(Disconnected):
            read_block(Reader(lambda: pieces.pop() if pieces else b""))  # noqa: B023 -- read within the turn


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.binary(max_size=300), max_size=30),
    sizes=st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=20),
)
def test_pieces_of_any_size_give_the_same_block(texts: list[bytes], sizes: list[int]) -> None:
    writer = Writer().varint(2).varint(len(texts))
    writer.text("a").text("String")
    for text in texts:
        writer.varint(len(text)).raw(text)
    writer.text("b").text("UInt16").raw(b"\x01\x02" * len(texts))
    data = bytes(writer.data)
    place = turn = 0

    def fill() -> bytes:
        nonlocal place, turn
        size = sizes[turn % len(sizes)]
        place, turn = place + size, turn + 1
        return (data + b"next packet")[place - size : place]

    reader = Reader(fill)
    block = read_block(reader)
    assert (block.columns, block.rows, block.data) == (2, len(texts), data)
    assert reader.take(4) == b"next"


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200))
def test_garbage_ends_in_an_error_or_a_block_and_never_hangs(data: bytes) -> None:
    pieces = [data]
    try:
        block = read_block(Reader(lambda: pieces.pop() if pieces else b""))
    except (Disconnected, ProtocolError, UnicodeDecodeError):
        return
    assert data.startswith(block.data)


def test_types_are_split_at_their_own_commas() -> None:
    assert split_type("Map(String, Array(Tuple(UInt8, String)))") == ("Map", ["String", "Array(Tuple(UInt8, String))"])
    assert split_type("Enum8('a, b' = 1, 'it\\'s)' = 2)") == ("Enum8", ["'a, b' = 1", "'it\\'s)' = 2"])
    with pytest.raises(ServerError, match="JSON"):
        layout("JSON")
