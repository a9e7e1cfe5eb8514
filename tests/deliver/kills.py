"""The worker of deliver, killed at random points, against real servers: no message twice, and a ledger that agrees.

python -m tests.deliver.kills --decisions 5000 --kills 50 [--inside 10] [--seed 1] [--bootstrap HOST:PORT]

One worker process of the agent `deliver` on Apache Kafka carries decisions to a mail server and to a provider's HTTP
server, neither of which tells repeats. It is killed (`kill -9`) and started again: some time after so many records, and
inside a transaction. Ends with 1 when a message came twice, too few came, or the ledger says anything else than the
servers.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.deliver.servers import LOCAL, SMS, Receiver, mail_server, web_server
from tests.deliver.worker import decision
from tests.faults.harness import Fleet, Reading, publish, random_faults, wound
from tests.support.kafka import RealKafka
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.settings import Settings
from touchline.schemas.codec import decode_delivery, encode
from touchline.schemas.outreach import Decision, Delivery, Message
from touchline.schemas.vocabulary import Channel, DeliveryStatus
from touchline.schemas.wire import DECISIONS, DELIVERIES

PARTITIONS: Final = 2
IN_FLIGHT: Final = 8
ADAPTERS: Final = 2
_OPEN: Final = frozenset({DeliveryStatus.ATTEMPTED, DeliveryStatus.RETRYING})


@dataclass
class Outcome:
    """What the servers got, by message id, and what the ledger says in the end."""

    decisions: int
    kills: int
    got: Counter[str]
    ended: dict[str, DeliveryStatus]
    records: int
    seconds: float
    story: list[str] = field(default_factory=list)

    @property
    def most_lost(self) -> int:
        """As many attempts as can be under way in all kills together."""
        return self.kills * PARTITIONS * ADAPTERS * IN_FLIGHT

    def of(self, status: DeliveryStatus) -> set[str]:
        """The deliveries that ended so."""
        return {key for key, end in self.ended.items() if end is status}

    def problems(self) -> Iterator[str]:
        """In words; none is what is wanted."""
        sent, unknown, got = self.of(DeliveryStatus.SENT), self.of(DeliveryStatus.UNKNOWN), set(self.got)
        twice = [key for key, times in self.got.items() if times > 1]
        if twice:
            yield f"{len(twice)} messages came twice, such as {twice[0]}"
        if len(self.ended) != self.decisions:
            yield f"{len(self.ended)} deliveries are in the ledger"
        if others := self.ended.keys() - sent - unknown:
            yield f"{len(others)} ended neither sent nor unknown: {Counter(self.ended[key] for key in others)}"
        if missing := sent - got:
            yield f"{len(missing)} are sent in the ledger, and the servers know nothing of them"
        if more := got - sent - unknown:
            yield f"{len(more)} came that the ledger does not know of"
        if len(got) < self.decisions - self.most_lost:
            yield f"only {len(got)} came"

    def lines(self) -> Iterator[str]:
        """The result."""
        unknown, got = self.of(DeliveryStatus.UNKNOWN), set(self.got)
        yield f"decisions {self.decisions:,}, workers killed {self.kills}, {self.seconds:.0f} s"
        yield f"came to the servers  {len(got):>6,}, none twice" if len(got) == self.got.total() else "SOME TWICE"
        yield f"sent in the ledger   {len(self.of(DeliveryStatus.SENT)):>6,}, all of them came"
        yield f"unknown              {len(unknown):>6,}, of which {len(unknown & got):,} came"
        yield f"records of the ledger {self.records:,}; at most {self.most_lost:,} attempts could be under way"
        problems = list(self.problems())
        yield f"problems             {len(problems):>6,}"
        yield from (f"  {problem}" for problem in problems)


@dataclass
class _Ledger:
    """The ledger of one environment as a reader of committed records sees it."""

    reading: Reading
    ended: dict[str, DeliveryStatus] = field(default_factory=dict)
    seen: int = 0

    async def records(self) -> int:
        """How many there are now."""
        await self.reading.catch_up()
        found = self.reading.records.get(DELIVERIES, [])
        for record in found[self.seen :]:
            entry: Delivery = decode_delivery(record.value)
            if entry.delivery_id in self.ended and self.ended[entry.delivery_id] not in _OPEN:
                raise AssertionError(f"{entry.delivery_id} goes on after its end")
            self.ended[entry.delivery_id] = entry.status
        self.seen = len(found)
        return self.seen

    def done(self, of: int) -> bool:
        """Whether so many deliveries have ended."""
        return len(self.ended) == of and _OPEN.isdisjoint(self.ended.values())


def _decision(number: int) -> Decision:
    """By mail and by SMS in turn, without an end of its time."""
    if number % 2:
        return decision(number, send_before=None)
    message = Message(to=f"+49301{number:06}", subject="", text="t")
    return decision(number, send_before=None, channel=Channel.SMS, message=message)


def _settings(bootstrap: str, mail: Receiver, sms: Receiver) -> Settings:
    spared: dict[str, Any] = {"in_flight": IN_FLIGHT, "failures": 0}
    provider = {"kind": "http", "url": f"http://{LOCAL}:{sms.port}/messages", "json": SMS, "allow_private": True}
    relay = {"kind": "smtp", "host": LOCAL, "port": mail.port, "starttls": False, "sender": "care@example.com"}
    return Settings.model_validate(
        {
            "environment": f"kills{uuid.uuid4().hex[:8]}",
            "kafka": {
                "bootstrap": bootstrap, "partitions": PARTITIONS, "raw_partitions": 1, "session_timeout": 3_000,
                "transaction_timeout": 5_000,
            },
            "outreach": {"mode": "live"},
            "deliver": {
                "adapters": {"mail": {**relay, **spared}, "sms": {**provider, **spared}},
                "channels": {"email": "mail", "sms": "sms"},
            },
            "runtime": {"log_format": "text"},
        }
    )  # fmt: skip


async def run(
    bootstrap: str, folder: Path, decisions: int, kills: int, inside: int, *, seed: int = 1, deadline: float = 1_800
) -> Outcome:
    """One run. Raises: TimeoutError."""
    chance = random.Random(seed)
    async with AsyncExitStack() as held:
        mail, sms = (Receiver(delay=lambda: chance.uniform(0.0, 0.02)) for _ in range(2))
        await held.enter_async_context(mail_server(mail))
        await held.enter_async_context(web_server(sms))
        settings = _settings(bootstrap, mail, sms)
        await create_topics(settings)
        held.push_async_callback(delete_topics, settings)
        made = (_decision(number) for number in range(decisions))
        await publish(settings, DECISIONS, ((one.customer.encode(), encode(one)) for one in made), PARTITIONS)
        ledger = _Ledger(await held.enter_async_context(Reading(settings, [DELIVERIES])))

        async def progress() -> int:
            seen = await ledger.records()
            # Records are seen just after a commit: a kill is to come at any time after it.
            await asyncio.sleep(chance.uniform(0.0, 0.06))
            return seen

        async def finished() -> bool:
            return ledger.done(decisions)

        # Each delivery has two records at least, unless a kill leaves it with an end and no more.
        faults = random_faults(seed, 2 * decisions, kills - inside, inside)
        started = time.monotonic()
        with Fleet(settings, folder, {"deliver": 1}) as fleet:
            story = await wound(fleet, faults, progress, finished, seed=seed, deadline=deadline)
            fleet.drain()
        await ledger.records()
        got = Counter(mail.ids) + Counter(sms.ids)
        return Outcome(decisions, kills, got, ledger.ended, ledger.seen, time.monotonic() - started, story)


@contextmanager
def kafka_at(given: str | None) -> Iterator[str]:
    """The broker that was named, or one that is started for the block."""
    if given:
        yield given
        return
    with RealKafka.start() as kafka:
        yield kafka.bootstrap


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.deliver.kills", description="Deliver under fire.")
    parser.add_argument("--decisions", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--inside", type=int, default=10, help="how many of the kills are inside a transaction")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bootstrap", help="a running Apache Kafka; by default one is started")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="touchline-kills-"))
    inside = min(options.inside, options.kills)
    with kafka_at(options.bootstrap) as bootstrap:
        outcome = asyncio.run(run(bootstrap, folder, options.decisions, options.kills, inside, seed=options.seed))
    sys.stdout.write("\n".join(outcome.lines()) + "\n")
    return 1 if list(outcome.problems()) else 0


if __name__ == "__main__":
    sys.exit(main())
