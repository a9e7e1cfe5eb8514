"""Processors without Kafka: topics in memory behave as a broker's do."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.counting import CountProcessor, CountState, expected
from touchline.pipeline.engine.local import LocalRun, LocalShard
from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Batch, Outbox, PlainRecord
from touchline.schemas.wire import SIGNALS, TOUCHPOINTS

KEYS = st.lists(st.sampled_from([f"c-{n}" for n in range(5)]), max_size=40)


class Relay:
    """Passes a topic's records on to another, by key, and counts empty batches."""

    inputs: Sequence[str] = ("in",)

    def __init__(self) -> None:
        self.empty = 0

    def new_state(self) -> "Relay":
        """Itself."""
        return self

    @property
    def pieces(self) -> dict[str, Piece]:
        """None."""
        return {}

    def process(self, batch: Batch, state: "Relay", out: Outbox) -> None:
        """Passes on."""
        self.empty += not batch.records
        for record in batch.records:
            out.send(TOUCHPOINTS, record.key, record.value, headers=record.headers)


def test_records_flow_through_several_processors_by_key() -> None:
    run = LocalRun([Relay(), CountProcessor()], partitions=3, batch=2)
    keys = [f"c-{n % 4}" for n in range(24)]
    for key in keys:
        run.publish("in", key.encode(), b"v", now=1, headers=(("h", b"1"),))
    run.run(now=1)
    assert sorted(r.value.decode() for r in run.topics.all(SIGNALS) if r.value) == expected(keys)
    for number in range(3):
        read = run.topics.read(TOUCHPOINTS, number)
        assert [r.offset for r in read] == list(range(len(read)))
        assert all(r.key is not None and partition_of(r.key, 3) == number for r in read)
        assert all(r.headers == (("h", b"1"),) for r in read)


def test_idle_reaches_every_shard() -> None:
    relay = Relay()
    LocalRun([relay], partitions=3).idle(now=5)
    assert relay.empty == 3


@given(KEYS, st.lists(st.integers(1, 7), max_size=10), st.sets(st.integers(0, 10)))
def test_splits_and_restarts_change_nothing(keys: list[str], sizes: list[int], restarts: set[int]) -> None:
    records = [PlainRecord(n, 0, key.encode(), b"v") for n, key in enumerate(keys)]
    shard: LocalShard = LocalShard(CountProcessor(), 0, 1)
    sent = []
    for number, size in enumerate([*sizes, len(records)]):
        taken, records = records[:size], records[size:]
        sent += shard.process(TOUCHPOINTS, taken, 0)
        if number in restarts:
            shard.restart()
    assert sorted(out.value.decode() for out in sent if out.value) == expected(keys)
    assert shard.counts.get("seen", 0) == len(keys)
    assert isinstance(shard.state, CountState)
