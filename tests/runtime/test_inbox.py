"""What waits for a shard: in order, once, bounded."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from touchline.agents.runtime.inbox import Inbox
from touchline.agents.runtime.transport import Fetched
from touchline.agents.settings import BatchSettings


@dataclass(frozen=True)
class Row:
    """A record as the client hands it over, as far as it matters here."""

    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = b"v"
    headers: tuple[tuple[str, bytes | None], ...] = ()
    serialized_value_size: int = 1


def fetched(offsets: range, *, opening: int = 1, start: int | None = None, size: int = 1) -> Fetched:
    """Records of a topic `in`; by default what follows offset 0 without a gap."""
    rows = [Row(offset, serialized_value_size=size) for offset in offsets]
    return Fetched("in", 0, opening, offsets.start if start is None else start, rows)


def new_inbox(records: int = 10, merge_bytes: int = 1_000) -> tuple[Inbox, list[tuple[str, bool]]]:
    """An inbox, and what it told the fetch."""
    told: list[tuple[str, bool]] = []
    inbox = Inbox(["in", "other"], BatchSettings(records=records, merge_bytes=merge_bytes), lambda *a: told.append(a))
    inbox.reset({"in": 1, "other": 2})
    return inbox, told


def offsets(inbox: Inbox, limit: int) -> list[int]:
    """Offsets of the next batch."""
    return [record.offset for record in inbox.peek("in", limit)]


def test_what_waits_is_merged() -> None:
    inbox, _ = new_inbox()
    for start in range(0, 6, 2):
        assert inbox.accept("in", fetched(range(start, start + 2)))
    assert offsets(inbox, 10) == [0, 1, 2, 3, 4, 5]
    assert offsets(inbox, 4) == [0, 1, 2, 3]


def test_what_was_not_dropped_is_still_there() -> None:
    inbox, _ = new_inbox()
    inbox.accept("in", fetched(range(5)))
    inbox.drop("in", inbox.peek("in", 2))
    assert offsets(inbox, 10) == [2, 3, 4]
    assert offsets(inbox, 10) == [2, 3, 4]


def test_records_of_another_opening_are_passed_over() -> None:
    inbox, _ = new_inbox()
    assert inbox.accept("in", fetched(range(5), opening=7))
    assert inbox.next_topic(None) is None


def test_a_gap_on_the_way_is_noticed() -> None:
    inbox, _ = new_inbox()
    assert inbox.accept("in", fetched(range(5)))
    assert not inbox.accept("in", fetched(range(8, 9)))
    assert offsets(inbox, 10) == [0, 1, 2, 3, 4]


def test_offsets_may_have_gaps_where_the_log_has() -> None:
    inbox, _ = new_inbox()
    assert inbox.accept("in", fetched(range(5)))
    assert inbox.accept("in", fetched(range(100, 102), start=5))
    assert offsets(inbox, 10) == [0, 1, 2, 3, 4, 100, 101]


def test_the_fetch_is_held_back_when_three_batches_wait_and_goes_on_when_less_than_one_does() -> None:
    inbox, told = new_inbox(records=10)
    inbox.accept("in", fetched(range(30)))
    assert told == []
    inbox.accept("in", fetched(range(30, 31)))
    assert told == [("in", True)]
    for _ in range(2):
        inbox.drop("in", inbox.peek("in", 10))
    assert told == [("in", True)]
    inbox.drop("in", inbox.peek("in", 1))
    assert told == [("in", True), ("in", False)]


def test_a_batch_is_bounded_in_bytes_but_never_empty() -> None:
    inbox, told = new_inbox(records=100, merge_bytes=1_000)
    inbox.accept("in", fetched(range(6), size=400))
    assert told == [("in", True)]
    assert offsets(inbox, 100) == [0, 1]
    inbox.reset({"in": 1})
    inbox.accept("in", fetched(range(2), size=5_000))
    assert offsets(inbox, 100) == [0]


def test_topics_take_turns_unless_one_is_kept() -> None:
    inbox, _ = new_inbox()
    inbox.accept("in", fetched(range(3)))
    inbox.accept("other", fetched(range(3), opening=2))
    turns = []
    for _ in range(4):
        topic = inbox.next_topic(None)
        assert topic is not None
        turns.append(topic)
        inbox.drop(topic, inbox.peek(topic, 1))
    assert sorted(turns[:2]) == sorted(turns[2:]) == ["in", "other"]
    assert inbox.next_topic("in") == "in"


@given(st.lists(st.integers(1, 9), max_size=30), st.lists(st.integers(1, 7), min_size=1, max_size=50))
def test_every_record_once_in_order(arrivals: list[int], takes: list[int]) -> None:
    inbox, _ = new_inbox(records=5)
    seen: list[int] = []
    arrived = 0
    for number, take in enumerate(takes):
        if number < len(arrivals):
            inbox.accept("in", fetched(range(arrived, arrived + arrivals[number])))
            arrived += arrivals[number]
        batch = inbox.peek("in", take)
        seen += [record.offset for record in batch]
        inbox.drop("in", batch)
    seen += offsets(inbox, 1_000)
    assert seen == list(range(arrived))
