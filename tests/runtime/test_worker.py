"""A worker on the embedded broker: what it does with records, failures, waits and the end."""

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.runtime.bench import Counts, Place, Scripted, make_settings, on_a_broker
from touchline.agents.runtime.supervisor import EXIT_FATAL
from touchline.agents.runtime.worker import Worker
from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.engine.processor import Fatal, Retry
from touchline.pipeline.engine.records import Batch, Outbox, Record
from touchline.pipeline.engine.reject import rejection_of
from touchline.schemas.rejection import RejectCode
from touchline.schemas.wire import CUSTOMERS, REJECTED, SIGNALS, TOUCHPOINTS


def echo(batch: Batch, record: Record, count: int, out: Outbox) -> None:
    """Sends key and count."""
    out.send(SIGNALS, record.key, b"%s %d" % (record.key or b"", count), partition=batch.partition)
    out.count("echoed")


def test_state_goes_on_where_another_worker_left_it(broker: str) -> None:
    async def scenario(place: Place) -> None:
        await place.publish(TOUCHPOINTS, 0, (b"a", b"1"), (b"b", b"1"))
        async with place.worker(Scripted(echo)):
            await place.until(lambda: place.reading.count(SIGNALS) == 2, "two signals")
        await place.publish(TOUCHPOINTS, 0, (b"a", b"2"))
        async with place.worker(Scripted(echo)):
            await place.until(lambda: place.reading.count(SIGNALS) == 3, "the third signal")
        assert place.values(SIGNALS) == [b"a 1", b"b 1", b"a 2"]

    on_a_broker(make_settings(broker), [SIGNALS], scenario)


def test_one_poisonous_record_is_left_out_and_the_others_pass(broker: str) -> None:
    def each(batch: Batch, record: Record, count: int, out: Outbox) -> None:
        if record.value == b"poison":
            raise ZeroDivisionError("jane@example.com")
        echo(batch, record, count, out)

    async def scenario(place: Place) -> None:
        rows = [(b"c-%d" % n, b"poison" if n == 13 else b"fine") for n in range(20)]
        await place.publish(TOUCHPOINTS, 1, *rows)
        async with place.worker(Scripted(each)) as worker:
            await place.until(lambda: place.reading.count(SIGNALS) == 19, "all but one")
            await place.until(lambda: place.reading.count(REJECTED) == 1, "the one")
            assert worker.metrics.poison._value.get() == 1
        assert place.values(SIGNALS) == [b"c-%d 1" % n for n in range(20) if n != 13]
        (record,) = place.reading.records[REJECTED]
        rejection = rejection_of(record)
        assert rejection is not None
        assert (record.key, record.value) == (b"c-13", b"poison")
        assert (rejection.code, rejection.topic, rejection.partition, rejection.offset) == (
            RejectCode.POISON, TOUCHPOINTS, 1, 13,
        )  # fmt: skip
        assert rejection.message.startswith("ZeroDivisionError in test_worker.py:")
        assert "jane" not in rejection.message

    on_a_broker(make_settings(broker), [SIGNALS, REJECTED], scenario)


def test_a_record_whose_output_is_too_large_is_left_out(broker: str) -> None:
    def each(batch: Batch, record: Record, count: int, out: Outbox) -> None:
        out.send(SIGNALS, record.key, (record.value or b"") * (2_000_000 if record.value == b"x" else 1))

    async def scenario(place: Place) -> None:
        await place.publish(TOUCHPOINTS, 0, (b"a", b"1"), (b"b", b"x"), (b"c", b"3"))
        async with place.worker(Scripted(each)):
            await place.until(lambda: place.reading.count(SIGNALS) == 2, "two signals")
            await place.until(lambda: place.reading.count(REJECTED) == 1, "the rejected")
        assert sorted(place.values(SIGNALS)) == [b"1", b"3"]
        assert place.values(REJECTED) == [b"x"]

    on_a_broker(make_settings(broker), [SIGNALS, REJECTED], scenario)


def test_a_passing_fault_leaves_nothing_out(broker: str) -> None:
    faults = ["once"]

    def each(batch: Batch, record: Record, count: int, out: Outbox) -> None:
        if record.key == b"b" and faults:
            faults.pop()
            raise OSError
        echo(batch, record, count, out)

    async def scenario(place: Place) -> None:
        await place.publish(TOUCHPOINTS, 0, (b"a", b"1"), (b"b", b"1"), (b"a", b"1"))
        async with place.worker(Scripted(each)):
            await place.until(lambda: place.reading.count(SIGNALS) == 3, "three signals")
        assert place.values(SIGNALS) == [b"a 1", b"b 1", b"a 2"]

    on_a_broker(make_settings(broker), [SIGNALS], scenario)


def test_retry_hands_the_same_batch_in_again_on_the_state_before_it(broker: str) -> None:
    waits = [3]

    def each(batch: Batch, record: Record, count: int, out: Outbox) -> None:
        if record.key == b"b" and waits[0]:
            waits[0] -= 1
            raise Retry("the store is not there", after=0.01)
        echo(batch, record, count, out)

    async def scenario(place: Place) -> None:
        await place.publish(TOUCHPOINTS, 0, (b"a", b"1"), (b"b", b"1"), (b"a", b"1"))
        async with place.worker(Scripted(each)):
            await place.until(lambda: place.reading.count(SIGNALS) == 3, "three signals")
        assert waits == [0]
        assert place.values(SIGNALS) == [b"a 1", b"b 1", b"a 2"]

    on_a_broker(make_settings(broker), [SIGNALS], scenario)


def test_fatal_stops_the_worker_with_its_reason(broker: str, caplog: pytest.LogCaptureFixture) -> None:
    def each(batch: Batch, record: Record, count: int, out: Outbox) -> None:
        raise Fatal("the rules are gone")

    async def scenario(place: Place) -> None:
        await place.publish(TOUCHPOINTS, 0, (b"a", b"1"))
        with caplog.at_level(logging.CRITICAL):
            assert await place.run_to_its_end(Scripted(each)) == EXIT_FATAL
        assert "the rules are gone" in caplog.text

    on_a_broker(make_settings(broker), [SIGNALS], scenario)


@dataclass
class Held(Scripted):
    """Holds a connection, so to say."""

    closed: int = 0

    async def close(self) -> None:
        """Lets go."""
        self.closed += 1


def test_a_worker_that_ends_frees_what_its_processor_holds(broker: str) -> None:
    def fail(batch: Batch, out: Outbox) -> None:
        raise Fatal("enough")

    async def scenario(place: Place) -> None:
        held = Held(echo, fail)
        assert await place.run_to_its_end(held) == EXIT_FATAL
        assert held.closed == 1

    on_a_broker(make_settings(broker, partitions=1), [SIGNALS], scenario)


def test_a_failure_without_a_record_to_blame_stops_the_worker(broker: str) -> None:
    def idle(batch: Batch, out: Outbox) -> None:
        raise ZeroDivisionError

    async def scenario(place: Place) -> None:
        assert await place.run_to_its_end(Scripted(echo, idle)) == EXIT_FATAL

    on_a_broker(make_settings(broker, partitions=1), [SIGNALS], scenario)


def test_time_passes_only_when_everything_was_read(broker: str) -> None:
    """An empty batch says that the wall clock has come so far: before the backlog is worked off it must not come."""
    seen: list[str] = []

    def each(batch: Batch, record: Record, count: int, out: Outbox) -> None:
        seen.append("record")

    def idle(batch: Batch, out: Outbox) -> None:
        seen.append("idle")
        out.send(SIGNALS, b"k", b"idle", partition=batch.partition)

    async def scenario(place: Place) -> None:
        await place.publish(TOUCHPOINTS, 0, *[(b"a", b"1")] * 50)
        async with place.worker(Scripted(each, idle)):
            await place.until(lambda: place.reading.count(SIGNALS) >= 2, "two idle batches")
        assert seen[:51] == ["record"] * 50 + ["idle"]
        assert set(place.values(SIGNALS)) == {b"idle"}

    on_a_broker(make_settings(broker, partitions=1, records=7), [SIGNALS], scenario)


@dataclass
class Portions(Scripted):
    """Does so many portions of work, one in each empty batch."""

    left: int = 5

    def has_work(self, _state: Counts) -> bool:
        """Whether some are left."""
        return self.left > 0


def test_what_is_left_to_do_is_done_at_once_behind_what_has_come(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("touchline.agents.runtime.shard.IDLE_EVERY", 1e9)
    seen: list[str] = []

    def each(batch: Batch, record: Record, count: int, out: Outbox) -> None:
        seen.append("record")

    def idle(batch: Batch, out: Outbox) -> None:
        portions.left -= 1
        seen.append("portion")
        out.send(SIGNALS, b"k", b"portion", partition=batch.partition)

    portions = Portions(each, idle)

    async def scenario(place: Place) -> None:
        await place.publish(TOUCHPOINTS, 0, *[(b"a", b"1")] * 20)
        async with place.worker(portions):
            await place.until(lambda: place.reading.count(SIGNALS) >= 5 and seen.count("record") == 20, "all of it")
        assert seen.count("portion") == 5

    on_a_broker(make_settings(broker, partitions=1, records=7), [SIGNALS], scenario)


def test_two_inputs_with_an_offset_each(broker: str) -> None:
    def each(batch: Batch, record: Record, count: int, out: Outbox) -> None:
        text = b"%s %d %s %d" % (batch.topic.encode(), record.offset, record.key or b"", count)
        out.send(TOUCHPOINTS, record.key, text, partition=batch.partition)

    async def scenario(place: Place) -> None:
        processor = Scripted(each, inputs=(SIGNALS, CUSTOMERS))
        await place.publish(SIGNALS, 0, (b"a", b"1"), (b"a", b"2"))
        await place.publish(CUSTOMERS, 0, (b"a", b"1"))
        async with place.worker(processor, "outreach"):
            await place.until(lambda: place.reading.count(TOUCHPOINTS) == 3, "three")
        await place.publish(CUSTOMERS, 0, (b"a", b"2"))
        async with place.worker(processor, "outreach"):
            await place.until(lambda: place.reading.count(TOUCHPOINTS) == 4, "four")
        assert place.values(TOUCHPOINTS)[3] == b"customers 1 a 4"
        assert sorted(place.values(TOUCHPOINTS)[:3], key=lambda v: v[-1:])[0][-1:] == b"1"

    on_a_broker(make_settings(broker), [TOUCHPOINTS], scenario)


def test_outputs_go_where_their_key_belongs(broker: str) -> None:
    def each(batch: Batch, record: Record, count: int, out: Outbox) -> None:
        out.send(SIGNALS, record.key, b"v")

    async def scenario(place: Place) -> None:
        keys = [b"c-%d" % n for n in range(40)]
        await place.publish(TOUCHPOINTS, 1, *[(key, b"1") for key in keys])
        async with place.worker(Scripted(each)):
            await place.until(lambda: place.reading.count(SIGNALS) == 40, "all")
        assert all(r.partition == partition_of(r.key, 4) for r in place.reading.records[SIGNALS])

    on_a_broker(make_settings(broker, partitions=4), [SIGNALS], scenario)


def test_metrics_liveness_and_readiness(broker: str) -> None:
    async def scenario(place: Place) -> None:
        await place.publish(TOUCHPOINTS, 0, (b"a", b"1"), (b"b", b"1"))
        async with place.worker(Scripted(echo)) as worker, aiohttp.ClientSession() as http:
            await place.until(lambda: worker.port, "listening")
            url = f"http://127.0.0.1:{worker.port}"
            await place.until(lambda: place.reading.count(SIGNALS) == 2, "two signals")
            await place.until(worker.is_ready, "ready")
            for path, status in (("/livez", 200), ("/readyz", 200)):
                async with http.get(url + path) as answer:
                    assert answer.status == status
            async with http.get(url + "/metrics") as answer:
                text = await answer.text()
            assert 'touchline_records_total{agent="journey"} 2.0' in text
            assert 'touchline_events_total{agent="journey",what="echoed"} 2.0' in text
            assert 'touchline_shards_open{agent="journey"} 2.0' in text

    on_a_broker(make_settings(broker), [SIGNALS], scenario)


def test_a_second_worker_takes_half_and_gives_it_back(broker: str) -> None:
    async def scenario(place: Place) -> None:
        async with place.worker(Scripted(echo)) as first:
            await place.until(first.is_ready, "the first is ready")
            await place.publish(TOUCHPOINTS, 0, (b"a", b"1"))
            await place.publish(TOUCHPOINTS, 1, (b"b", b"1"))
            async with place.worker(Scripted(echo)) as second:
                await place.until(lambda: shards(first) == shards(second) == 1, "one each")
                await place.until(second.is_ready, "the second is ready")
                await place.publish(TOUCHPOINTS, 0, (b"a", b"2"))
                await place.publish(TOUCHPOINTS, 1, (b"b", b"2"))
                await place.until(lambda: place.reading.count(SIGNALS) >= 4, "four signals")
            await place.until(lambda: shards(first) == 2, "both back")
            await place.publish(TOUCHPOINTS, 0, (b"a", b"3"))
            await place.publish(TOUCHPOINTS, 1, (b"b", b"3"))
            await place.until(lambda: {b"a 3", b"b 3"} <= set(place.values(SIGNALS)), "six signals")
        assert set(place.values(SIGNALS)) == {b"%s %d" % (k, n) for k in (b"a", b"b") for n in (1, 2, 3)}

    def shards(worker: Any) -> float:
        number: float = worker.metrics.shards_assigned._value.get()
        return number

    on_a_broker(make_settings(broker), [SIGNALS], scenario)


def test_a_broker_that_is_not_there_is_named_and_waited_for(
    caplog: pytest.LogCaptureFixture, unused_port: Callable[[], int]
) -> None:
    async def scenario() -> None:
        address = f"127.0.0.1:{unused_port()}"
        worker = Worker(make_settings(address), "journey", processor=Scripted(echo))
        with caplog.at_level(logging.WARNING):
            task = asyncio.create_task(worker.run())
            async with asyncio.timeout(20):
                while f"no Kafka broker answers at {address}" not in caplog.text:  # noqa: ASYNC110 -- a log has no event
                    await asyncio.sleep(0.01)
            worker.stop()
            assert await task == 0

    asyncio.run(scenario())


@pytest.fixture
def unused_port() -> Callable[[], int]:
    """A port on which nothing listens."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    return find
