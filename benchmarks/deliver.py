"""How many messages a second deliver carries to a server on this machine.

python -m benchmarks.deliver [--count 5000] [--bootstrap … | --agent]

One shard of the processor with the real adapter in one process, the server in another: decoding decisions, recording
attempts, signing, posting, recording ends, encoding the changed state; all of the agent but Kafka. With --agent it is
the agent itself on a real Apache Kafka: two transactions for each round of attempts among it.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from benchmarks.support import Bench, bench, cpu_seconds, machine, publish
from tests.deliver.worker import decision
from tests.faults.harness import Reading
from tests.support.kafka import RealKafka
from touchline.agents.runtime.effects import Underway
from touchline.agents.sinks.smtp import Relay, SmtpAdapter
from touchline.agents.sinks.webhook import Endpoint, WebhookAdapter
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Outbox, PlainRecord
from touchline.pipeline.outreach.adapter import Adapter
from touchline.pipeline.outreach.delivery import DeliverProcessor, DeliveryPlan
from touchline.pipeline.outreach.targets import Limits
from touchline.schemas.codec import encode
from touchline.schemas.vocabulary import Channel
from touchline.schemas.wire import DECISIONS, DELIVERIES

LOCAL = "127.0.0.1"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 -- a secret of nothing
PARTITIONS = 4
PATIENCE = 300.0
_FINE = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Http(asyncio.Protocol):
    """Answers each whole request, and does nothing else: what is measured is ours."""

    def connection_made(self, transport: Any) -> None:
        self._transport, self._buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(_FINE)


class _Smtp(asyncio.Protocol):
    """The same for e-mail."""

    def connection_made(self, transport: Any) -> None:
        self._transport, self._buffer, self._text = transport, b"", False
        transport.write(b"220 mx\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._text:
            if self._buffer.endswith(b"\r\n.\r\n"):
                self._buffer, self._text = b"", False
                self._transport.write(b"250 OK\r\n")
            return
        while (end := self._buffer.find(b"\r\n")) >= 0:
            command, self._buffer = self._buffer[:4].upper(), self._buffer[end + 2 :]
            self._text = command == b"DATA"
            self._transport.write(b"354 go\r\n" if self._text else b"250 OK\r\n")


def _serve(protocol: type[asyncio.Protocol], port: Any) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(protocol, LOCAL, 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def server(protocol: type[asyncio.Protocol]) -> Iterator[int]:
    """The port of a server in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(protocol, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


async def carry(adapter: Adapter, count: int, in_flight: int) -> dict[str, float]:
    """One shard works off so many decisions."""
    limits = {adapter.name: Limits(in_flight=in_flight)}
    processor = DeliverProcessor(DeliveryPlan(observe=False, adapters={Channel.EMAIL: adapter}, limits=limits))
    shard = LocalShard(processor, 0, 1)
    made = [decision(number, send_before=None) for number in range(count)]
    records = [PlainRecord(n, 0, one.customer.encode(), encode(one)) for n, one in enumerate(made)]
    began, cpu, now = time.perf_counter(), time.process_time(), time.time_ns() // 1_000_000
    shard.process(DECISIONS, records, now)
    underway = Underway(processor.perform, lambda: False, lambda: None)
    while due := processor.due(shard.state):
        ended = await underway.round(due)
        out = Outbox()
        processor.settle(ended, now, shard.state, out)
        shard.commit(out)
        shard.changelog.clear()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    await processor.close()
    if shard.counts["deliveries.sent"] != count:
        raise SystemExit(f"not all were sent: {shard.counts}")
    return {"a_second": count / seconds, "us_cpu": 1e6 * cpu / count}


def agent(bootstrap: str, port: int, count: int, in_flight: int) -> dict[str, float]:
    """The agent as it runs, from its first record in the ledger to its last."""
    hook = {
        "kind": "webhook", "url": f"http://{LOCAL}:{port}/", "secret": SECRET, "allow_private": True,
        "in_flight": in_flight,
    }  # fmt: skip
    changes = {
        "kafka": {"partitions": PARTITIONS, "raw_partitions": 1},
        "outreach": {"mode": "live"},
        "deliver": {"adapters": {"hook": hook}, "channels": {"email": "hook"}},
    }
    with bench(bootstrap, "deliver", changes) as place:
        made = [decision(number, send_before=None) for number in range(count)]
        pairs = [(one.customer.encode(), encode(one)) for one in made]
        asyncio.run(publish(place.settings, DECISIONS, pairs, PARTITIONS))
        with place.workers("deliver") as (process,):
            return asyncio.run(_watch(place, process.pid, count))


async def _watch(place: Bench, pid: int, count: int) -> dict[str, float]:
    """Reads the ledger until all has ended."""
    first, began, cpu = 0, 0.0, 0.0
    end = time.perf_counter() + PATIENCE
    async with Reading(place.settings, [DELIVERIES]) as reading:
        while (seen := reading.count(DELIVERIES)) < 2 * count:
            await reading.catch_up()
            if seen and not began:
                first, began, cpu = seen, time.perf_counter(), cpu_seconds(pid)
            if time.perf_counter() > end:
                raise SystemExit(f"only {seen} records in the ledger; logs in {place.folder}")
    carried = count - first / 2
    return {
        "a_second": carried / (time.perf_counter() - began),
        "us_cpu": 1e6 * (cpu_seconds(pid) - cpu) / carried,
    }


def figures(count: int, bootstrap: str | None) -> dict[str, dict[str, float]]:
    """By what was measured."""
    found = {}
    with server(_Http) as port:
        for in_flight in (16, 64):
            adapter = WebhookAdapter(Endpoint(f"http://{LOCAL}:{port}/", SECRET, allow_private=True))
            found[f"webhook, {in_flight} in flight"] = asyncio.run(carry(adapter, count, in_flight))
            if bootstrap:
                found[f"the agent, {in_flight} in flight"] = agent(bootstrap, port, count, in_flight)
    with server(_Smtp) as port:
        relay = Relay(LOCAL, port, "care@example.com", starttls=False)
        found["smtp, 16 in flight"] = asyncio.run(carry(SmtpAdapter(relay), count, 16))
    return found


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deliver")
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--agent", action="store_true", help="the agent itself too, on an Apache Kafka that is started")
    parser.add_argument("--bootstrap", help="the same on a running one")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    kafka = RealKafka.start() if options.agent and not options.bootstrap else nullcontext()
    with kafka as started:
        bootstrap = options.bootstrap or (started.bootstrap if started else None)
        found = figures(options.count, bootstrap)
    if options.json:
        print(json.dumps(found))
        return
    print(machine())
    for name, figure in found.items():
        print(f"{name:<26} {figure['a_second']:8,.0f} a second  {figure['us_cpu']:8,.0f} µs of CPU each")


if __name__ == "__main__":
    main()
