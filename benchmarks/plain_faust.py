"""The journey job as Faust's documentation shows it: a Table with a changelog, one event at a time, an awaited send.

python -m benchmarks.plain_faust BOOTSTRAP ENVIRONMENT EVENTS      (prints its figures as JSON and ends)
"""

import json
import os
import resource
import sys
import tempfile
import time
from typing import Any

import faust
import msgspec

from benchmarks.journey_processor import CONTACTS, DAY_MS, Touch
from touchline.pipeline.engine.clock import to_ms


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Runs until all events are handled."""
    bootstrap, environment, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
    app = faust.App(
        f"{environment}.plain", broker=f"kafka://{bootstrap}", store="memory://", topic_partitions=4,
        web_enabled=False, datadir=tempfile.mkdtemp(), stream_wait_empty=False,
    )  # fmt: skip
    source = app.topic(f"{environment}.touchpoints", value_serializer="raw", key_serializer="raw")
    signals = app.topic(f"{environment}.friction.signals", key_serializer="raw", value_serializer="json")
    table = app.Table("state", default=lambda: [[], {}], partitions=4, key_type=str)
    decode = msgspec.json.Decoder(Touch).decode
    began: list[float] = []

    def report(done: int) -> None:
        seconds, used = time.perf_counter() - began[0], _cpu() - began[1]
        figures = {
            "events": done,
            "events_per_s": round(done / seconds),
            "cpu_s_per_million": round(used / done * 1e6, 1),
            "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
        }
        os.write(1, json.dumps(figures).encode() + b"\n")  # Faust takes `print` for a log line

    @app.agent(source)  # type: ignore[untyped-decorator]
    async def journey(stream: Any) -> None:
        done = 0
        async for event in stream.events():
            if not began:
                began.extend((time.perf_counter(), _cpu()))
            touch = decode(event.value)
            contacts, channels = table[touch.customer_id]
            channels[touch.channel] = channels.get(touch.channel, 0) + 1
            if touch.kind in CONTACTS:
                now = to_ms(touch.occurred_at)
                contacts = [t for t in contacts if t > now - DAY_MS]
                contacts.append(now)
                if len(contacts) == 3:
                    signal = {"customer_id": touch.customer_id, "rule": "contacts_24h", "time": now}
                    await signals.send(key=event.key, value=signal)
            table[touch.customer_id] = [contacts, channels]
            done += 1
            if done >= events:
                report(done)
                os._exit(0)

    sys.argv[1:] = ["worker", "-l", "error"]
    app.main()


if __name__ == "__main__":
    main()
