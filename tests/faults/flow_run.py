"""One run of the whole flow on real Apache Kafka with the embedded warehouse, undisturbed or hurt."""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from clickhouse_driver import Client

from tests.faults.flow_fleet import Blow, Crew, Member, Plan, Wound
from tests.faults.flow_ledger import EXPOSED, EXPOSING, OUTPUTS, Ledger
from tests.faults.workload import Workload, publish
from touchline.agents.runtime.clients import new_admin
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.settings import Settings
from touchline.agents.sinks.upkeep import Difference, migrate, verify
from touchline.embedded import EmbeddedWarehouse
from touchline.schemas.wire import (
    CANDIDATES,
    CUSTOMERS,
    DECISIONS,
    DELIVERIES,
    INCIDENTS,
    NOTICES,
    RAW,
    REQUESTS,
    SIGNALS,
    STAFF,
    TASKS,
    TOUCHPOINTS,
)

INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "enrich": (RAW,),
    "journey": (TOUCHPOINTS, INCIDENTS),
    "incident": (CANDIDATES,),
    "outreach": (SIGNALS, CUSTOMERS, INCIDENTS, DELIVERIES),
    "desk": (REQUESTS, STAFF),
    "deliver": (DECISIONS,),
    "warehouse": (TOUCHPOINTS, SIGNALS, DECISIONS, DELIVERIES, TASKS, NOTICES),
}
"""The agents in the order of the flow, and what each reads."""

WORKERS: Final = 2
_NOTHING_FOR_THE_EXPOSED: Final = f"""schema: outreach/1
policies:
- id: {EXPOSED}
  rules: {sorted(EXPOSING)}
  channels: [chat]
  quiet_hours: off
"""
"""What goes out to those whom an incident may reach next depends in history on how far journeys are when it is found
(docs/guarantees.md), and would count for what else goes out to them. No simulated customer has an address for chat, and
none of these waits for a morning, together with others."""

_NOT_EXPOSED: Final = f"NOT (route = 'customer' AND rule IN {tuple(sorted(EXPOSING))})"
_FACTS: Final = dict.fromkeys(("touchpoints", "signals", "signal_changes", "decisions"), "") | {
    "decision_changes": f" WHERE {_NOT_EXPOSED}",
    "deliveries": " WHERE what != 'notice'",  # see `flow_ledger`
}
_AGGREGATES: Final = {
    f"{name}_by_{step}": f" WHERE {_NOT_EXPOSED}" if name == "decisions" else ""
    for name in ("touchpoints", "signals", "decisions")
    for step in ("hour", "day")
}
_QUIET: Final = 10.0
_SETTLING: Final = 120.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is. `batch`: the most records in a transaction: fewer make more transactions to be hurt."""

    events: int
    seed: int = 1
    partitions: int = 4
    raw_partitions: int = 2
    batch: int = 1_000
    deadline: float = 600.0


@dataclass
class Result:
    """What a run left: the ledger of all committed records, and what a ClickHouse client reads."""

    ledger: Ledger
    raw: int
    seconds: float
    facts: dict[str, int]
    aggregates: dict[str, set[str]]
    unequal: list[Difference]
    wounds: list[Wound] = field(default_factory=list)
    exits: list[tuple[str, int]] = field(default_factory=list)


def settings_of(bootstrap: str, warehouse: EmbeddedWarehouse, size: Size, database: str, folder: Path) -> Settings:
    """An environment of its own, on the log clock. Messages are really decided and end in the outbox."""
    policies = folder / "policies.yaml"
    policies.write_text(_NOTHING_FOR_THE_EXPOSED)
    return Settings.model_validate(
        {
            "environment": f"flow{uuid.uuid4().hex[:8]}",
            "clock": "log",
            "kafka": {
                "bootstrap": bootstrap, "partitions": size.partitions, "raw_partitions": size.raw_partitions,
                "session_timeout": 3_000, "transaction_timeout": 5_000,
            },
            "warehouse": {"port": warehouse.port, "http_port": warehouse.http_port, "database": database},
            "outreach": {"mode": "live", "policies": [str(policies)]},
            "runtime": {"log_format": "text", "batch": {"records": size.batch}},
        }
    )  # fmt: skip


def random_plan(seed: int, kills: int, inside: int) -> list[Plan]:
    """Blows at random shares of the run, those inside a transaction among them; the same for the same seed."""
    chance = random.Random(seed)
    agents = list(INPUTS)
    blows = [Blow.KILL_INSIDE] * inside + [Blow.KILL] * (kills - inside)
    chance.shuffle(blows)
    shares = sorted(chance.uniform(0.03, 0.9) for _ in blows)
    return [
        Plan(share, blow, None if blow is Blow.KILL_INSIDE else chance.choice(agents))
        for share, blow in zip(shares, blows, strict=True)
    ]


def stop_plan() -> list[Plan]:
    """A worker of each agent stops inside a transaction, all about the same time."""
    return [Plan(0.1, Blow.STOP_INSIDE, agent) for agent in INPUTS]


@contextmanager
def warehouse_in(folder: Path) -> Iterator[EmbeddedWarehouse]:
    """An embedded warehouse for several runs."""
    with EmbeddedWarehouse(folder / "warehouse", log_file=folder / "warehouse.log") as running:
        yield running


def run_flow(
    bootstrap: str, warehouse: EmbeddedWarehouse, folder: Path, size: Size, plans: Sequence[Plan] = (), facts: int = 0
) -> Result:
    """Publishes the workload, starts the workers, hurts them as planned (shares of `facts`, how many there will be),
    waits until all is worked off, and reads what is there.

    Raises: TimeoutError."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings_of(bootstrap, warehouse, size, f"flow_{uuid.uuid4().hex[:8]}", folder)
    migrate(settings.warehouse)
    return asyncio.run(_run(settings, folder, size, plans, facts))


async def _run(settings: Settings, folder: Path, size: Size, plans: Sequence[Plan], facts: int) -> Result:
    await create_topics(settings)
    try:
        raw = await publish(settings, Workload(size.events, size.seed))
        started = time.monotonic()
        async with Ledger(settings, (RAW, CANDIDATES, INCIDENTS, *OUTPUTS)) as ledger:
            with Crew(settings, folder, dict.fromkeys(INPUTS, WORKERS)) as crew:
                surgeon = _Surgeon(crew, ledger, plans, facts, random.Random(size.seed))
                async with Groups(settings, ledger) as groups:
                    await surgeon.until(lambda: groups.over(raw), size.deadline)
                    seconds = time.monotonic() - started
                    await _until_nothing_more_is_said(ledger, lambda: groups.over(raw))
                unequal = await settled(settings)
                crew.drain()
            await ledger.catch_up()
        return Result(ledger, raw, seconds, *warehouse_of(settings), unequal, wounds=crew.wounds, exits=crew.exits)
    finally:
        await delete_topics(settings)


class Groups:
    """How far the agents' groups are."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._admin: AIOKafkaAdminClient = new_admin(settings.kafka)

    async def __aenter__(self) -> Self:
        """Connects."""
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnects."""
        await self._admin.close()

    async def over(self, raw: int) -> bool:
        """Whether all is worked off: asked in the order of the flow, because what one did is the input of the next."""
        ledger = self._ledger
        if ledger.counts[RAW] < raw:
            return False
        for agent in INPUTS:
            if not await self._worked_off(agent):
                return False
            before = None
            while before != ledger.next_offsets:
                before = dict(ledger.next_offsets)
                await ledger.catch_up()
        return all([await self._worked_off(agent) for agent in INPUTS])

    async def _worked_off(self, agent: str) -> bool:
        """Whether an agent has committed every record of its inputs that the ledger has seen."""
        try:
            committed = await self._admin.list_consumer_group_offsets(self._settings.group(agent))
        except GroupCoordinatorNotAvailableError:
            return False  # the first group of a new broker
        have = {(tp.topic, tp.partition): meta.offset for tp, meta in committed.items()}
        return all(
            have.get((self._settings.topic(topic), partition), 0) >= offset
            for (topic, partition), offset in self._ledger.next_offsets.items()
            if topic in INPUTS[agent]
        )


async def _until_nothing_more_is_said(ledger: Ledger, over: Callable[[], Awaitable[bool]]) -> None:
    """After its last record `journey` still looks for those whom an incident may reach next, a portion a batch."""
    said, since = -1, time.monotonic()
    while time.monotonic() - since < _QUIET or not await over():
        await ledger.catch_up()
        if ledger.committed() != said:
            said, since = ledger.committed(), time.monotonic()
        await asyncio.sleep(0.2)


async def settled(settings: Settings) -> list[Difference]:
    """What `touchline warehouse verify` finds once the workers have counted what they still had to."""
    deadline = time.monotonic() + _SETTLING
    while found := await asyncio.to_thread(verify, settings.warehouse):
        if time.monotonic() > deadline:
            return found
        await asyncio.sleep(1)
    return []


def warehouse_of(settings: Settings) -> tuple[dict[str, int], dict[str, set[str]]]:
    """Rows of each view of facts, and all rows of the aggregates, as a plain client reads them."""
    client = Client("127.0.0.1", port=settings.warehouse.port, database=settings.warehouse.database)
    try:
        facts = {name: int(client.execute(f"SELECT count() FROM {name}{more}")[0][0]) for name, more in _FACTS.items()}  # noqa: S608
        aggregates = {
            name: {_shown(row) for row in client.execute(f"SELECT * FROM {name}{more}")}  # noqa: S608
            for name, more in _AGGREGATES.items()
        }
    finally:
        client.disconnect()
    return facts, aggregates


def _shown(row: Sequence[object]) -> str:
    """A row as text. The views divide and then add, so the last digits of a sum depend on the order of reading."""
    return repr([float(f"{value:.12g}") if isinstance(value, float) else value for value in row])


@dataclass
class _Surgeon:
    """Deals the planned blows, heals, and keeps the record."""

    crew: Crew
    ledger: Ledger
    plans: Sequence[Plan]
    facts: int
    chance: random.Random
    asleep: list[tuple[float, Member]] = field(default_factory=list)
    awake: list[Member] = field(default_factory=list)
    ordered: int = 0

    async def until(self, over: Callable[[], Any], deadline: float) -> None:
        """Raises: TimeoutError when the run is not over after `deadline` seconds."""
        end = time.monotonic() + deadline
        left = list(self.plans)
        while left or self.ordered or self.asleep or self.awake or not await over():
            await self.ledger.catch_up()
            self._look()
            self.crew.heal()
            if left and not self.ordered and self.ledger.committed() >= left[0].share * self.facts:
                while left and self._deal(left.pop(0)) is Blow.STOP_INSIDE:
                    """Sleepers sleep together."""
            if time.monotonic() > end:
                story = [str(wound) for wound in self.crew.wounds]
                raise TimeoutError(f"not over after {deadline:.0f} s, to come: {left}, so far: {story}")
            await asyncio.sleep(0.02)

    def _deal(self, plan: Plan) -> Blow:
        if plan.blow is Blow.KILL:
            self.crew.kill(plan.agent, self.ledger.committed(), self.chance)
        else:
            self.ordered += 1
            if plan.blow is Blow.KILL_INSIDE:
                self.crew.order_kill_inside()
            else:
                self.crew.order_stop_inside(plan.agent or "enrich")
        return plan.blow

    def _look(self) -> None:
        """Who has obeyed, who has slept enough, and what became of the commits of those who woke."""
        crew, committed = self.crew, self.ledger.committed()
        if crew.obeyed(Blow.KILL_INSIDE, committed) is not None:
            self.ordered -= 1
        while (member := crew.obeyed(Blow.STOP_INSIDE, committed)) is not None:
            self.ordered -= 1
            self.asleep.append((time.monotonic() + 3 * crew.settings.kafka.session_timeout / 1_000, member))
        for until, member in list(self.asleep):
            if time.monotonic() > until:
                crew.wake(member)
                self.asleep.remove((until, member))
                self.awake.append(member)
        self.awake = [member for member in self.awake if not crew.note_commit_after_sleep(member)]
