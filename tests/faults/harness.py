"""Runs agents as processes on a real broker, hurts them, and compares what a reader of committed records sees.

with Fleet(settings, folder, {"counting": 2}) as fleet:
    wound(fleet, progress, faults)          # kills, stops and restarts at recorded points
    ...
Reading(settings, [...]).catch_up()         # every committed record, in order
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from aiokafka import TopicPartition

from touchline.agents.runtime.clients import new_admin, new_producer, new_reader
from touchline.agents.settings import Settings
from touchline.pipeline.engine.partition import partition_of

_ROOT = Path(__file__).parents[2]
_POLL = 0.05


class Kind(StrEnum):
    """What happens to a worker."""

    KILL = "kill"  # SIGKILL wherever it is
    KILL_INSIDE = "kill-inside"  # SIGKILL between the last acknowledgement and the commit
    STOP = "stop"  # SIGSTOP beyond the session, then SIGCONT


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` happens once `at` records were committed."""

    at: int
    kind: Kind


def random_faults(seed: int, total: int, kills: int, inside: int, stops: int = 0) -> list[Fault]:
    """Faults at random points of a run that commits `total` records; the same for the same seed."""
    chance = random.Random(seed)
    kinds = [Kind.KILL] * kills + [Kind.KILL_INSIDE] * inside + [Kind.STOP] * stops
    chance.shuffle(kinds)
    points = sorted(chance.sample(range(total // 50, total * 9 // 10), len(kinds)))
    return [Fault(at, kind) for at, kind in zip(points, kinds, strict=True)]


@dataclass
class _Member:
    agent: str
    process: subprocess.Popen[bytes]
    stopped: bool = False


class Fleet:
    """Worker processes by agent, each in a process of its own; what dies is started again by `heal`.

    Args:
        workers: how many processes of each agent.
        folder: for settings, logs and orders.
    """

    def __init__(self, settings: Settings, folder: Path, workers: Mapping[str, int]) -> None:
        self.settings = settings
        self._folder = folder
        self._workers = workers
        self._members: list[_Member] = []
        self._file = folder / "settings.json"
        self._orders = folder / "orders"

    def __enter__(self) -> Self:
        """Starts all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._orders.mkdir(exist_ok=True)
        self._file.write_text(self.settings.model_dump_json())
        for agent, count in self._workers.items():
            self._members.extend(_Member(agent, self._start(agent)) for _ in range(count))
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all, without mercy."""
        for member in self._members:
            member.process.kill()
            member.process.wait()

    def _start(self, agent: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{agent}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.faults.process", str(self._file), agent],
                cwd=_ROOT, stdout=log, stderr=log, env={**os.environ, "TOUCHLINE_FAULT": str(self._orders)},
            )  # fmt: skip

    def heal(self) -> list[int]:
        """Starts again what has ended; returns the exit codes of what had."""
        codes = []
        for member in self._members:
            code = member.process.poll()
            if code is not None:
                codes.append(code)
                member.process = self._start(member.agent)
        return codes

    def kill(self, chance: random.Random) -> None:
        """SIGKILL to one that runs. It is dead on return, so that nobody takes it for one that still works."""
        process = chance.choice([m for m in self._members if not m.stopped]).process
        process.kill()
        process.wait()

    def order_kill_inside(self) -> None:
        """Asks whoever commits next to die before it does."""
        (self._orders / Kind.KILL_INSIDE).touch()

    def obeyed(self) -> bool:
        """Whether somebody died of the order; then they are dead on return. Who obeys takes the file away first."""
        if (self._orders / Kind.KILL_INSIDE).exists():
            return False
        pids = {int(path.name.split("-")[1]) for path in self._orders.glob("obeyed-*")}
        for member in self._members:
            if member.process.pid in pids:
                member.process.wait()
        return True

    def freeze(self, chance: random.Random) -> Callable[[], None]:
        """SIGSTOP to one; what is returned lets it go on."""
        member = chance.choice([m for m in self._members if not m.stopped])
        member.process.send_signal(signal.SIGSTOP)
        member.stopped = True

        def thaw() -> None:
            member.stopped = False
            member.process.send_signal(signal.SIGCONT)

        return thaw

    def drain(self) -> list[int]:
        """SIGTERM to all; the exit codes."""
        for member in self._members:
            member.process.terminate()
        return [member.process.wait(30) for member in self._members]

    def log(self, agent: str) -> str:
        """What its processes logged."""
        return (self._folder / f"{agent}.log").read_text()


@dataclass
class Reading:
    """Reads topics as a consumer of committed records does, from the beginning, a bit further with each `catch_up`."""

    settings: Settings
    topics: Sequence[str]
    records: dict[str, list[Any]] = field(default_factory=dict)
    next_offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    _reader: Any = None

    async def __aenter__(self) -> Self:
        """Connects."""
        self._reader = new_reader(self.settings.kafka)
        await self._reader.start()
        names = {self.settings.topic(topic): topic for topic in self.topics}
        found = [TopicPartition(name, p) for name in names for p in await self._partitions(name)]
        self._reader.assign(found)
        for tp in found:
            self._reader.seek(tp, 0)
        self._names = names
        return self

    async def _partitions(self, name: str) -> Iterable[int]:
        await self._reader._client._wait_on_metadata(name)
        return sorted(self._reader._client.cluster.partitions_for_topic(name) or ())

    async def __aexit__(self, *_: object) -> None:
        """Disconnects."""
        await self._reader.stop()

    async def catch_up(self) -> None:
        """Takes in what is committed by now."""
        for tp, batch in (await self._reader.getmany(timeout_ms=50)).items():
            topic = self._names[tp.topic]
            self.records.setdefault(topic, []).extend(batch)
            self.next_offsets[(topic, tp.partition)] = batch[-1].offset + 1

    def count(self, topic: str) -> int:
        """How many records were seen of a topic."""
        return len(self.records.get(topic, ()))


async def publish(settings: Settings, topic: str, rows: Iterable[tuple[bytes | None, bytes]], partitions: int) -> None:
    """Writes (key, value) rows to a logical topic, by key."""
    producer = new_producer(settings.kafka)
    await producer.start()
    try:
        future = None
        for key, value in rows:
            partition = partition_of(key or b"", partitions)
            future = await producer.send(settings.topic(topic), value, key=key, partition=partition)
        await producer.flush()
        if future is not None:
            await future
    finally:
        await producer.stop()


async def worked_off(settings: Settings, reading: Reading, agent: str, inputs: Sequence[str]) -> bool:
    """Whether an agent's group has committed all records of its inputs that `reading` has seen (transactional form)."""
    admin = new_admin(settings.kafka)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(settings.group(agent))
    finally:
        await admin.close()
    have = {(tp.topic, tp.partition): meta.offset for tp, meta in committed.items()}
    return all(
        have.get((settings.topic(topic), partition), 0) >= offset
        for (topic, partition), offset in reading.next_offsets.items()
        if topic in inputs
    )


async def wound(
    fleet: Fleet,
    faults: Sequence[Fault],
    progress: Callable[[], Any],
    finished: Callable[[], Any],
    *,
    seed: int,
    deadline: float,
) -> list[str]:
    """Lets a run go on to its end while faults happen, and heals what dies.

    `progress` is awaited and says how many records are committed, `finished` whether the run is at its end. `deadline`
    in seconds.

    Returns what happened, for the record. Raises: TimeoutError."""
    chance = random.Random(seed)
    left = list(faults)
    story: list[str] = []
    thaw_at: list[tuple[float, Callable[[], None]]] = []
    session = fleet.settings.kafka.session_timeout / 1_000
    end = time.monotonic() + deadline
    ordered = False
    while left or ordered or thaw_at or not await finished():
        if time.monotonic() > end:
            raise TimeoutError(f"the run did not end in {deadline:.0f} s; so far: {story}, to come: {left}")
        done = await progress()
        if ordered and fleet.obeyed():
            story.append("obeyed: died inside a commit")
            ordered = False
        if left and done >= left[0].at and not ordered:
            fault = left.pop(0)
            story.append(f"{fault.kind} at {done}")
            if fault.kind is Kind.KILL:
                fleet.kill(chance)
            elif fault.kind is Kind.KILL_INSIDE:
                fleet.order_kill_inside()
                ordered = True
            else:
                thaw_at.append((time.monotonic() + 2 * session, fleet.freeze(chance)))
        while thaw_at and time.monotonic() > thaw_at[0][0]:
            thaw_at.pop(0)[1]()
            story.append(f"continue at {done}")
        story.extend(f"healed {code}" for code in fleet.heal())
        await asyncio.sleep(_POLL)
    return story


@dataclass(frozen=True, slots=True)
class Difference:
    """What a disturbed run did otherwise than it should have."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    twice: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.missing or self.extra or self.twice)


def compare(expected: Iterable[str], got: Iterable[str]) -> Difference:
    """Compares ids; `expected` has each once."""
    want, have = set(expected), Counter(got)
    return Difference(
        tuple(sorted(want - have.keys())),
        tuple(sorted(have.keys() - want)),
        tuple(sorted(name for name, n in have.items() if n > 1)),
    )
