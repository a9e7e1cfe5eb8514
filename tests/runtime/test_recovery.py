"""Opening a shard: what a changelog means, and when going on would be wrong."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.agents.runtime.changelog import HEAD, Head, Replay, encode, entries_of
from touchline.agents.runtime.checkpoint import place_outputs
from touchline.agents.runtime.errors import WorkerError
from touchline.agents.runtime.recovery import check_partitions, start_offsets
from touchline.pipeline.engine.records import Output


@dataclass
class Piece:
    """Remembers."""

    held: dict[bytes, bytes] = field(default_factory=dict)
    changed: list[tuple[bytes, bytes | None]] = field(default_factory=list)

    def load(self, key: bytes, value: bytes | None) -> None:
        """As a dictionary."""
        if value is None:
            self.held.pop(key, None)
        else:
            self.held[key] = value

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """What a test says."""
        return self.changed


KEYS = st.binary(max_size=4)
ENTRY = st.tuples(st.sampled_from(["p", "q"]), KEYS, st.none() | st.binary(max_size=3))


@given(st.lists(st.tuples(st.lists(ENTRY, max_size=5), st.booleans(), st.integers(0, 1)), max_size=8))
def test_a_checkpoint_counts_when_its_head_is_there_and_not_outdated(
    checkpoints: list[tuple[list[tuple[str, bytes, bytes | None]], bool, int]],
) -> None:
    """Any keys (a zero byte among them), cut-off checkpoints at the end, and those of a worker that lost the shard."""
    pieces, expected = {"p": Piece(), "q": Piece()}, {"p": Piece(), "q": Piece()}
    replay, epoch, offset = Replay(pieces), 5, 0
    for number, (entries, whole, behind) in enumerate(checkpoints):
        for name, key, value in entries:
            changed = {name: Piece(changed=[(key, value)])}
            for raw_key, raw_value in entries_of(changed):
                replay.take(raw_key, raw_value)
        if not whole:
            break
        replay.take(HEAD, encode(Head(epoch=epoch - (behind if number else 0), offsets={"in": number})))
        if not behind or not number:
            offset = number
            for name, key, value in entries:
                expected[name].load(key, value)
    restored = replay.finish()
    assert {n: p.held for n, p in pieces.items()} == {n: p.held for n, p in expected.items()}
    assert restored.head.offsets == ({"in": offset} if checkpoints and checkpoints[0][1] else {})


def test_an_unknown_piece_is_named() -> None:
    replay = Replay({"p": Piece()})
    replay.take(b"other\0k", b"v")
    with pytest.raises(WorkerError, match="'other'"):
        replay.take(HEAD, encode(Head()))


def test_where_to_go_on() -> None:
    offsets, lost = start_offsets({"a": 50, "b": 5}, {"a": (10, 90), "b": (20, 90), "c": (7, 7)})
    assert offsets == {"a": 50, "b": 20, "c": 7}
    assert lost == {"b": 15}


def test_a_topic_that_is_shorter_than_what_was_read_of_it() -> None:
    with pytest.raises(WorkerError, match=r"topic a ends at offset 40.*created anew"):
        start_offsets({"a": 50}, {"a": (0, 40)})
    assert start_offsets({"a": 50}, {"a": (0, None)}) == ({"a": 50}, {})


def test_a_partition_count_that_changed() -> None:
    check_partitions({"touchpoints": 4}, {"touchpoints": 4, "customers": 8})
    check_partitions({"touchpoints": 4}, {})
    with pytest.raises(WorkerError, match="touchpoints has 8 partitions, and the state was written when it had 4"):
        check_partitions({"touchpoints": 4}, {"touchpoints": 8})


def test_outputs_are_placed() -> None:
    counts = {"t": 4}
    outputs = [Output("t", b"c-1", b""), Output("t", None, b""), Output("t", b"c-1", b"", 2)]
    placed = place_outputs(outputs, counts, fallback=7)
    assert [out.partition for out in placed[1:]] == [3, 2]
    assert placed[0].partition in range(4)
    with pytest.raises(ValueError, match="no partition 4"):
        place_outputs([Output("t", b"k", b"", 4)], counts, 0)
    with pytest.raises(KeyError):
        place_outputs([Output("unknown", b"k", b"")], counts, 0)
