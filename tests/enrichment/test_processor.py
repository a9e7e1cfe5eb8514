"""`enrich` as a function of its raw partition: whatever comes, in whatever batches, over whatever restarts."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Headers, Output, PlainRecord, header
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.enrichment.assemble import Assembler
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.enrichment.processor import EnrichPolicy, EnrichProcessor
from touchline.pipeline.enrichment.sentiment import Sentiment
from touchline.pipeline.intake.formats import Intake
from touchline.schemas.codec import decode_touchpoint
from touchline.schemas.control import ClockMode
from touchline.schemas.wire import CONTROL_HEADER, ERROR_OFFSET, RAW, REJECTED, TOUCHPOINTS

NOW = 1_772_366_400_000  # 2026-03-01T12:00:00Z
ASSEMBLER = Assembler(Catalogue(), Sentiment())


def processor(**policy: Any) -> EnrichProcessor:
    return EnrichProcessor(EnrichPolicy(**{"partitions": 2, **policy}), Intake(), ASSEMBLER)


def event(identity: str, occurred: int, **changes: Any) -> bytes:
    said = {
        "event_id": identity,
        "source": "shop",
        "occurred_at": from_ms(occurred).isoformat(),
        "kind": "order.placed",
        "customer_id": "c-1042",
    }
    return json.dumps({**said, **changes}).encode()


control_header = ((CONTROL_HEADER, b"1"),)
times = st.integers(-600_000, 600_000).map(lambda ms: NOW + ms)
values: st.SearchStrategy[tuple[bytes | None, Headers]] = st.one_of(
    st.builds(lambda n, t: (event(f"e-{n}", t), ()), st.integers(0, 9), times),
    st.builds(lambda n, t: (event(f"e-{n}", t, kind="ghost.seen"), ()), st.integers(0, 9), times),
    st.builds(lambda t: (event("", t), ()), times),
    st.builds(lambda b: (b, ()), st.none() | st.binary(max_size=20)),
    st.builds(
        lambda t, c: (json.dumps({"high": t, "clock": c}).encode(), control_header), times, st.sampled_from(ClockMode)
    ),
    st.builds(lambda b: (b, control_header), st.none() | st.binary(max_size=5)),
)
steps = st.lists(st.tuples(values, st.integers(-2_000, 400_000)), min_size=1, max_size=30)
policies = st.fixed_dictionaries(
    {
        "clock": st.sampled_from(ClockMode),
        "duplicate_ids": st.integers(0, 6),
        "duplicate_age": st.integers(1, 2_000_000),
        "reject_share": st.sampled_from([0.01, 0.5, 1.0]),
    }
)


def records_of(made: Sequence[tuple[tuple[bytes | None, Headers], int]]) -> list[PlainRecord]:
    arrived, records = NOW, []
    for offset, ((value, headers), passed) in enumerate(made):
        arrived += passed
        records.append(PlainRecord(offset, arrived, b"key", value, headers))
    return records


def outputs_of(shard: LocalShard, records: Sequence[PlainRecord]) -> list[Output]:
    return shard.process(RAW, records, NOW)


def is_tick(output: Output) -> bool:
    return tick_of(PlainRecord(0, 0, output.key, output.value, output.headers)) is not None


def touchpoints(outputs: Sequence[Output]) -> list[Output]:
    return [output for output in outputs if output.topic == TOUCHPOINTS and not is_tick(output)]


@settings(deadline=None, max_examples=50)
@given(steps, policies)
def test_every_record_ends_as_exactly_one_thing_in_order(made: Any, policy: dict[str, Any]) -> None:
    records = records_of(made)
    shard = LocalShard(processor(**policy), 1, 3)
    outputs = outputs_of(shard, records)
    counts = shard.counts
    ends = {
        what: n for what, n in counts.items() if what in {"enriched", "duplicates", "controls"} or "rejected." in what
    }
    assert sum(ends.values()) == counts.get("seen", 0) == len(records)
    assert len(touchpoints(outputs)) == counts.get("enriched", 0)
    enriched = [decode_touchpoint(output.value or b"").raw_offset for output in touchpoints(outputs)]
    rejected = [
        int(header(PlainRecord(0, 0, None, None, output.headers), ERROR_OFFSET) or b"")
        for output in outputs
        if output.topic == REJECTED
    ]
    assert enriched == sorted(set(enriched))
    assert rejected == sorted(set(rejected))
    assert not set(enriched) & set(rejected)


@settings(deadline=None, max_examples=50)
@given(steps, policies, st.data())
def test_neither_batches_nor_restarts_change_what_comes_out(
    made: Any, policy: dict[str, Any], data: st.DataObject
) -> None:
    records = records_of(made)
    whole = LocalShard(processor(**policy), 1, 3)
    expected = outputs_of(whole, records)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(records)), max_size=6)))
    shard = LocalShard(processor(**policy), 1, 3)
    outputs: list[Output] = []
    for begin, end in zip([0, *cuts], [*cuts, len(records)], strict=True):
        if begin < end:
            outputs += outputs_of(shard, records[begin:end])
        if data.draw(st.booleans()):
            shard.restart()
    assert outputs == expected
    assert shard.counts == whole.counts
    assert shard.state.progress == whole.state.progress


@settings(deadline=None, max_examples=50)
@given(steps, policies)
def test_a_replay_adds_no_touchpoint_while_ids_are_remembered(made: Any, policy: dict[str, Any]) -> None:
    records = records_of(made)
    shard = LocalShard(processor(**{**policy, "duplicate_ids": 100, "duplicate_age": 10**9}), 1, 3)
    outputs_of(shard, records)
    before = shard.counts.get("enriched", 0)
    shard.restart()
    again = outputs_of(shard, records)
    # What was refused as too far ahead of its arrival may be taken later only if the clock was changed in between.
    if all(not record.headers for record in records):
        assert not touchpoints(again)
        assert shard.counts.get("enriched", 0) == before


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(times, st.integers(0, 5_000)), max_size=150), st.sampled_from(ClockMode))
def test_lateness_and_ticks_follow_their_definition(made: list[tuple[int, int]], clock: ClockMode) -> None:
    shard = LocalShard(processor(clock=clock), 1, 3)
    high: int | None = None
    ticked: int | None = None
    since, arrived = 0, NOW
    for offset, (occurred, passed) in enumerate(made):
        arrived += passed
        record = PlainRecord(offset, arrived, None, event(f"e-{offset}", occurred))
        outputs = outputs_of(shard, [record])
        since += 1
        if clock is ClockMode.LIVE and occurred > arrived + 300_000:
            assert [output.topic for output in outputs if not is_tick(output)] == [REJECTED]
        else:
            (sent,) = touchpoints(outputs)
            late = max(0, (high if high is not None else occurred) - occurred)
            assert decode_touchpoint(sent.value or b"").late_seconds == late / 1_000
            bounded = min(occurred, arrived) if clock is ClockMode.LIVE else occurred
            high = bounded if high is None else max(high, bounded)
        ticks = [output for output in outputs if is_tick(output)]
        if high is not None and since >= 64 and (ticked is None or high - ticked >= 1_000):
            assert [(output.partition, json.loads(output.value or b"")["high"]) for output in ticks] == [
                (0, high),
                (1, high),
            ]
            ticked, since = high, 0
        else:
            assert ticks == []
