"""Runs the deliver processor as a worker does: attempts are committed before they are made, results after."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.outreach.cases import NOON, signal
from touchline.pipeline.engine.clock import HOUR, from_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Outbox, Output, PlainRecord
from touchline.pipeline.intake.formats import Intake
from touchline.pipeline.outreach.adapter import SendResult
from touchline.pipeline.outreach.delivery import DeliverProcessor, DeliveryPlan
from touchline.pipeline.outreach.ids import decision_id
from touchline.pipeline.outreach.ledger import Attempt
from touchline.schemas.codec import decode_delivery, encode
from touchline.schemas.context import CustomerContext
from touchline.schemas.notice import Notice
from touchline.schemas.outreach import Decision, Delivery, Message
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.vocabulary import Channel, Outcome, Purpose, Reason
from touchline.schemas.wire import CONTEXT, DECISIONS, DELIVERIES, NOTICES, RAW


def decision(number: int = 1, **changes: Any) -> Decision:
    """A decision to send an e-mail at noon, to be sent before nine in the evening."""
    source = signal(f"s-{number}", customer=f"c-{number}")
    fields: dict[str, Any] = {
        "decision_id": decision_id(source.signal_id),
        "revision": 0,
        "signal_id": source.signal_id,
        "signal_revision": 0,
        "rule": source.rule,
        "severity": source.severity,
        "owner": source.owner,
        "control": source.control,
        "customer": source.customer,
        "group": source.group,
        "outcome": Outcome.SENT,
        "reason": Reason.SENT,
        "observed": False,
        "purpose": Purpose.SERVICE,
        "channel": Channel.EMAIL,
        "message": Message(to=f"c-{number}@example.com", subject="s", text="t"),
        "explanation": "Sent by email.",
        "signal_at": source.at,
        "at": source.at,
        "send_before": from_ms(NOON + 9 * HOUR),
    }
    return Decision(**{**fields, **changes})


def key(attempt: Attempt) -> tuple[str, int]:
    """What tells one attempt from another."""
    return attempt.effect_id, attempt.revision


@dataclass
class Worker:
    """A shard of deliver by hand, with all that it wrote."""

    plan: DeliveryPlan
    now: int = NOON
    outputs: list[Output] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.processor = DeliverProcessor(self.plan)
        self.shard = LocalShard(self.processor, 0, 1)
        self.begun: set[tuple[str, int]] = set()

    def take(self, *decisions: Decision) -> Sequence[Attempt]:
        """A batch, committed; the attempts that may be made now."""
        records = [PlainRecord(n, self.now, d.customer.encode(), encode(d)) for n, d in enumerate(decisions)]
        self.outputs += self.shard.process(DECISIONS, records, self.now)
        return self._due()

    def tell(self, *notices: Notice) -> Sequence[Attempt]:
        """Notices, as `take`."""
        records = [PlainRecord(n, self.now, one.target.encode(), encode(one)) for n, one in enumerate(notices)]
        self.outputs += self.shard.process(NOTICES, records, self.now)
        return self._due()

    def know(self, *contexts: CustomerContext | str) -> Sequence[Attempt]:
        """Contexts, and tombstones of the customers that are only named, as `take`."""
        records = []
        for number, one in enumerate(contexts):
            name, value = (one, None) if isinstance(one, str) else (one.customer, encode(one))
            records.append(PlainRecord(number, self.now, name.encode(), value))
        self.outputs += self.shard.process(CONTEXT, records, self.now)
        return self._due()

    def settle(self, *results: tuple[Attempt, SendResult]) -> Sequence[Attempt]:
        """Results, committed; the attempts that may be made in their place."""
        out = Outbox()
        self.processor.settle(results, self.now, self.shard.state, out)
        self._commit(out)
        return self._due()

    def perform(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """Makes attempts, all at once, and records how they ended."""

        async def all_at_once() -> list[SendResult]:
            results = await asyncio.gather(*(self.processor.perform(attempt) for attempt in attempts))
            await self.processor.close()
            return results

        return self.settle(*zip(attempts, asyncio.run(all_at_once()), strict=True))

    def restart(self, plan: DeliveryPlan | None = None) -> Sequence[Attempt]:
        """The worker died; another one opens the shard from what was committed."""
        self.shard.processor = self.processor = DeliverProcessor(plan or self.plan)
        self.shard.restart()
        self.begun.clear()
        out = Outbox()
        self.processor.recover(self.now, self.shard.state, out)
        self._commit(out)
        return self._due()

    def _due(self) -> list[Attempt]:
        """What is to be begun: what is due and was not begun yet."""
        due = [attempt for attempt in self.processor.due(self.shard.state) if key(attempt) not in self.begun]
        self.begun.update(map(key, due))
        return due

    def _commit(self, out: Outbox) -> None:
        self.shard.commit(out)
        self.outputs += out.records

    @property
    def ledger(self) -> list[Delivery]:
        """All records of the ledger, in the order in which they were written."""
        return [decode_delivery(o.value) for o in self.outputs if o.topic == DELIVERIES and o.value is not None]

    @property
    def published(self) -> list[tuple[bytes | None, Touchpoint]]:
        """Touchpoints with their keys, read as intake reads them."""
        return [(o.key, Intake().parse(o.value or b"")) for o in self.outputs if o.topic == RAW]

    @property
    def last(self) -> Delivery:
        """The newest record."""
        return self.ledger[-1]

    @property
    def ended(self) -> dict[str, Delivery]:
        """The record in force of each delivery: the one with the highest revision."""
        found: dict[str, Delivery] = {}
        for record in self.ledger:
            assert record.revision == (found[record.delivery_id].revision + 1 if record.delivery_id in found else 0)
            found[record.delivery_id] = record
        return found
