"""`enrich` by example: identity, placement, clocks, ticks, control records and the alarm."""

import json
import logging
from dataclasses import fields
from typing import Any

import pytest

from touchline.agents.enrich import build
from touchline.agents.settings import EnrichSettings, Settings
from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Batch, Headers, Outbox, Output, PlainRecord, header
from touchline.schemas.codec import decode_touchpoint
from touchline.schemas.control import ClockMode
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.types import MAX_EVENT_BYTES
from touchline.schemas.wire import CONTROL_HEADER, ERROR_CLASS, RAW, REJECTED, TICK_HEADER, TOUCHPOINTS

NOW = 1_772_366_400_000  # 2026-03-01T12:00:00Z
MINUTE = 60_000


class Bench:
    """One shard, fed record by record."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.shard = LocalShard(build(settings or Settings()), 1, 3)
        self.offset = 0

    def send(self, *values: bytes | None, arrived: int = NOW, headers: Headers = ()) -> list[Output]:
        records = []
        for value in values:
            records.append(PlainRecord(self.offset, arrived, b"key", value, headers))
            self.offset += 1
        return self.shard.process(RAW, records, arrived)

    def one(self, value: bytes, **how: Any) -> EnrichedTouchpoint:
        (output,) = self.send(value, **how)
        assert output.topic == TOUCHPOINTS
        touchpoint = decode_touchpoint(output.value or b"")
        assert output.key == touchpoint.customer.encode()
        return touchpoint

    def control(self, arrived: int = NOW, **said: Any) -> list[dict[str, Any]]:
        return ticks(self.send(json.dumps(said).encode(), arrived=arrived, headers=((CONTROL_HEADER, b"1"),)))

    def idle(self, now: int) -> list[dict[str, Any]]:
        return ticks(self.shard.process(RAW, [], now))


def ticks(outputs: list[Output]) -> list[dict[str, Any]]:
    return [
        {**json.loads(output.value or b""), "to": output.partition}
        for output in outputs
        if output.headers and output.headers[0][0] == TICK_HEADER
    ]


def event(identity: str = "e-1", occurred: int = NOW, **changes: Any) -> bytes:
    said = {
        "event_id": identity,
        "source": "shop",
        "occurred_at": from_ms(occurred).isoformat(),
        "kind": "order.shipped",
        "customer_id": "c-1042",
    }
    return json.dumps({name: value for name, value in {**said, **changes}.items() if value is not None}).encode()


def code(output: Output) -> str:
    assert output.topic == REJECTED
    return (header(PlainRecord(0, 0, None, None, output.headers), ERROR_CLASS) or b"").decode()


def log_clock() -> Settings:
    return Settings(clock=ClockMode.LOG)


def test_no_field_is_forgotten() -> None:
    said: dict[str, Any] = {
        "identifiers": {"email": "c-1042@example.com"},
        "subjects": ["order:1"],
        "text": "still waiting",
        "score": {"scale": "nps", "value": 3},
        "wait_seconds": 5,
        "duration_seconds": 6,
        "attributes": {"promised_at": "2026-03-04T12:00:00Z"},
        "trace": {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
    }
    touchpoint = Bench().one(event(**said))
    values = {f.name: getattr(touchpoint, f.name) for f in fields(EnrichedTouchpoint)}
    assert [name for name, value in values.items() if value is None] == []
    assert values["customer"] == "c-1042"
    assert (values["raw_partition"], values["raw_offset"], values["late_seconds"]) == (1, 0, 0.0)
    assert values["received_at"] == from_ms(NOW)
    assert values["sentiment"] < 0


def test_what_the_event_says_goes_before_the_catalogue() -> None:
    bench = Bench(Settings(enrich=EnrichSettings(own_party="northwind")))
    plain = bench.one(event("a"))
    assert (plain.channel, plain.stage, plain.party, plain.actor) == ("delivery", "delivery", "carrier", "partner")
    said = bench.one(event("b", channel="app", stage="support", party="northpost", actor="bot"))
    assert (said.channel, said.stage, said.party, said.actor) == ("app", "support", "northpost", "bot")
    assert bench.one(event("c", kind="order.placed")).party == "northwind"
    assert "unknown_kind" not in bench.shard.counts
    bench.one(event("d", kind="ghost.seen"))
    assert bench.shard.counts["unknown_kind"] == 1


def test_without_an_id_the_key_is_a_pseudonym() -> None:
    bench = Bench()
    first = bench.one(event("a", customer_id=None, identifiers={"email": "C-1042@example.com"}))
    second = bench.one(event("b", customer_id=None, identifiers={"email": "c-1042@example.com ", "cookie": "x"}))
    assert first.customer == second.customer
    assert first.customer.startswith("~email:")
    assert "example" not in first.customer


def test_the_same_id_of_two_sources_is_two_events() -> None:
    bench = Bench()
    assert len(bench.send(event("a"), event("a", source="till"), event("a"))) == 2
    assert bench.shard.counts == {"seen": 3, "enriched": 2, "duplicates": 1}


def test_an_id_is_forgotten_by_number_and_by_age() -> None:
    bench = Bench(Settings(enrich=EnrichSettings(duplicate_ids=2, duplicate_age=60 * MINUTE)))
    assert len(bench.send(event("a"), event("b"), event("c"), event("a"), event("c"))) == 4
    assert len(bench.send(event("c"), arrived=NOW + 59 * MINUTE)) == 0
    assert len(bench.send(event("c"), arrived=NOW + 60 * MINUTE)) == 1


def test_a_record_of_the_brokers_greatest_size_stops_nothing() -> None:
    bench = Bench()
    big, huge = event("a", text="x" * (1 << 20)), event("b", text="x" * (10 << 20))
    outputs = bench.send(big, huge, event("c"))
    assert [output.topic for output in outputs] == [REJECTED, REJECTED, TOUCHPOINTS]
    assert outputs[0].value == big
    assert len(outputs[1].value or b"") == 64 << 10
    assert bench.shard.counts["rejected.too_large"] == 2
    assert len(event("d", attributes={"a": "x"})) < MAX_EVENT_BYTES


def test_live_refuses_the_future_and_never_passes_the_time_of_arrival() -> None:
    bench = Bench()
    assert [code(output) for output in bench.send(event("a", NOW + 5 * MINUTE + 1))] == ["future_time"]
    assert bench.one(event("b", NOW + 5 * MINUTE)).late_seconds == 0
    # The event before lay ahead of its arrival: time is where it arrived.
    assert bench.one(event("c", NOW - 1_500)).late_seconds == 1.5
    assert bench.one(event("a", NOW)).late_seconds == 0


def test_the_log_clock_takes_any_year_and_nothing_from_the_wall() -> None:
    bench = Bench(log_clock())
    assert bench.one(event("a", NOW + 10**11)).late_seconds == 0
    assert bench.one(event("b", NOW)).late_seconds == 10**8
    assert bench.idle(NOW + 10**12) == []


def test_an_idle_live_partition_ticks_with_the_wall_clock_and_makes_nothing_late() -> None:
    bench = Bench()
    bench.one(event("a", NOW - 30_000))
    told = bench.idle(NOW + 5_000)
    assert [(tick["to"], tick["high"], tick["wall"]) for tick in told] == [
        (to, NOW + 5_000, NOW + 5_000) for to in range(4)
    ]
    assert {(tick["partition"], tick["partitions"]) for tick in told} == {(1, 3)}
    assert bench.one(event("b", NOW - 31_000)).late_seconds == 1.0
    # An earlier tick is never taken back.
    assert {tick["high"] for tick in bench.idle(NOW)} == {NOW + 5_000}


def test_records_tick_after_64_of_them_and_a_second() -> None:
    bench = Bench(log_clock())
    assert ticks(bench.send(*(event(f"a{n}", NOW) for n in range(63)))) == []
    told = ticks(bench.send(event("b", NOW)))
    assert [(tick["to"], tick["high"], tick["wall"]) for tick in told] == [(to, NOW, None) for to in range(4)]
    assert ticks(bench.send(*(event(f"c{n}", NOW + 999) for n in range(64)))) == []
    assert {tick["high"] for tick in ticks(bench.send(b"not even an event", event("d", NOW + 1_000)))} == {NOW + 1_000}


def test_a_control_record_moves_time_and_always_ticks() -> None:
    bench = Bench(log_clock())
    assert bench.control() == []  # nothing is known of time yet
    assert {tick["high"] for tick in bench.control(high=NOW + 7)} == {NOW + 7}
    assert {tick["high"] for tick in bench.control(high=NOW)} == {NOW + 7}
    assert bench.one(event("a", NOW)).late_seconds == 0.007
    assert bench.shard.counts["controls"] == 3


def test_a_control_record_switches_the_clock_for_good() -> None:
    bench = Bench()
    bench.control(clock="log")
    bench.one(event("a", NOW + 10**9))
    bench.shard.restart()
    bench.one(event("b", NOW + 10**9))
    assert {(tick["high"], tick["wall"]) for tick in bench.control(clock="live", high=NOW + 2 * 10**9)} == {
        (NOW + 10**9, NOW)
    }
    assert [code(output) for output in bench.send(event("c", NOW + 10**9))] == ["future_time"]


@pytest.mark.parametrize(
    "value",
    [b"", b"[]", b"{", b'{"high": "soon"}', b'{"high": -1}', b'{"high": 1e30}', b'{"clock": "sand"}', b'{"hgih": 1}'],
)
def test_a_bad_control_record_is_rejected(value: bytes) -> None:
    (output,) = Bench().send(value, headers=((CONTROL_HEADER, b"1"),))
    assert code(output) == "bad_control"


@pytest.mark.parametrize("stamp", [-1, 2**62])
def test_a_timestamp_that_is_no_time_stops_nothing(stamp: int) -> None:
    outputs = Bench(log_clock()).send(event("a"), b"bad", arrived=stamp)
    assert [output.topic for output in outputs] == [TOUCHPOINTS, REJECTED]


def test_where_the_broker_does_not_stamp_the_time_of_arrival_is_ours() -> None:
    bench, out = Bench(), Outbox()
    record = PlainRecord(0, 17, None, event("a", NOW))
    bench.shard.processor.process(Batch(RAW, 0, 1, NOW, [record], broker_time=False), bench.shard.state, out)
    assert decode_touchpoint(out.records[0].value or b"").received_at == from_ms(NOW)


def test_too_many_rejections_are_said_once_for_each_crossing(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(Settings(enrich=EnrichSettings(reject_share=0.2)))
    secret = b'{"text": "call me at c-1042@example.com"'
    with caplog.at_level(logging.ERROR):
        bench.send(*[secret] * 200)
        assert "reject_alarm" not in bench.shard.counts
        bench.send(secret)
        assert bench.shard.counts["reject_alarm"] == 1
        bench.shard.restart()
        bench.send(*[secret] * 300)
        assert bench.shard.counts["reject_alarm"] == 1
        bench.send(*(event(f"a{n}") for n in range(1_000)))
        bench.send(*[secret] * 201)
        assert bench.shard.counts["reject_alarm"] == 2
    assert len(caplog.records) == 2
    assert "example.com" not in caplog.text
    assert caplog.records[0].__dict__["partition"] == 1


def test_all_rejected_is_an_alarm_at_any_share() -> None:
    bench = Bench(Settings(enrich=EnrichSettings(reject_share=1.0)))
    bench.send(*[b"bad"] * 999)
    assert "reject_alarm" not in bench.shard.counts
    bench.send(b"bad")
    assert bench.shard.counts["reject_alarm"] == 1
