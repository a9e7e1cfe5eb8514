"""What one shard of deliver remembers."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import DAY, from_ms, to_ms
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.store import NEVER, KeyedStore
from touchline.pipeline.outreach.adapter import Parcel
from touchline.pipeline.outreach.care import CareChange
from touchline.schemas.notice import Means, Notice
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.vocabulary import Carried, Channel, DeliveryStatus

REMEMBERED: Final = 30 * DAY
"""How long a delivery that ended is known, so that a replayed decision adds nothing."""

CARE_AGE: Final = DAY
"""Word of care that is older is not sent any more: who asks for the context knows better by then."""

_OF_A_NOTICE: Final = ("notice_id", "target", "digest", "count", "cut", "items")
_OF_CARE: Final = ("customer", "care", "since", "health", "causes", "at")


class Phase(StrEnum):
    """Where an open delivery stands: READY to be tried, an attempt RUNNING, or WAITING for the next try."""

    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"


@dataclass(slots=True, kw_only=True)
class OpenDelivery:
    """A delivery that has not ended, of exactly one of: a decision, a notice, a change of care.

    `revision`: of the next record in the ledger. `uncertain`: an earlier attempt may have reached somebody. `next_try`:
    milliseconds since 1970 UTC, while it waits. `recalled`: why it is not to be tried again, once its attempt ends.
    """

    adapter: str
    decision: Decision | None = None
    notice: Notice | None = None
    care: CareChange | None = None
    phase: Phase = Phase.READY
    attempts: int = 0
    revision: int = 0
    uncertain: bool = False
    next_try: int | None = None
    recalled: str = ""

    @property
    def observed(self) -> bool:
        """Whether it was only decided on, not to be delivered."""
        source = self.decision or self.notice
        return source is not None and source.observed

    @property
    def rule(self) -> str | None:
        """The rule that a customer is written to about; None for all else."""
        return None if self.decision is None else self.decision.rule

    def over(self, at: int) -> bool:
        """Whether the time in which it might be sent is over at `at` (milliseconds)."""
        if self.care is not None:
            return at >= to_ms(self.care.at) + CARE_AGE
        source = self.decision or self.notice
        before = None if source is None else source.send_before
        return before is not None and at >= to_ms(before)

    def parcel(self, delivery_id: str) -> Parcel:
        """What an adapter is handed."""
        if self.decision is not None:
            return Parcel(delivery_id, self.decision.channel or Channel.OTHER, self.decision.message)
        if self.notice is not None:
            told = msgspec.to_builtins(self.notice)
            data = {name: told[name] for name in _OF_A_NOTICE}
            return Parcel(delivery_id, _channel_of(self.notice), self.notice.message, Carried.NOTICE, data)
        told = msgspec.to_builtins(self.care)
        return Parcel(delivery_id, Channel.OTHER, None, Carried.CARE, {name: told[name] for name in _OF_CARE})

    def record(self, delivery_id: str, status: DeliveryStatus, error: str | None, now: int) -> Delivery:
        """Its next record in the ledger."""
        what, decision_id, signal_id, rule, customer, channel = self._labels()
        return Delivery(
            delivery_id=delivery_id,
            revision=self.revision,
            decision_id=decision_id,
            signal_id=signal_id,
            rule=rule,
            customer=customer,
            channel=channel,
            adapter=self.adapter,
            status=status,
            attempts=self.attempts,
            at=from_ms(now),
            error=error,
            next_try_at=None if self.next_try is None else from_ms(self.next_try),
            target="" if self.notice is None else self.notice.target,
            what=what,
        )

    def _labels(self) -> tuple[Carried, str, str, str, str, Channel]:
        """What is carried, the ids of its decision and signal, the rule, the customer, the channel."""
        decision, notice, care = self.decision, self.notice, self.care
        if decision is not None:
            where = decision.channel or Channel.OTHER
            return Carried.MESSAGE, decision.decision_id, decision.signal_id, decision.rule, decision.customer, where
        if notice is not None:
            rules = {item.rule for item in notice.items}
            rule = rules.pop() if len(rules) == 1 else Carried.NOTICE.value
            signal = notice.items[0].signal_id if notice.items else notice.notice_id
            return Carried.NOTICE, notice.notice_id, signal, rule, notice.target, _channel_of(notice)
        if care is None:
            raise ValueError("a delivery of nothing")
        rule = care.causes[0].rule if care.causes else Carried.CARE.value
        return Carried.CARE, care.care_id, care.signal_id or care.care_id, rule, care.customer, Channel.OTHER


def _channel_of(notice: Notice) -> Channel:
    return Channel.EMAIL if notice.means is Means.EMAIL else Channel.OTHER


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, recorded in the ledger under `revision` and not yet performed. `rule`: see `OpenDelivery`."""

    effect_id: str
    revision: int
    adapter: str
    rule: str | None
    parcel: Parcel


class DeliverState:
    """All state of one shard. Open deliveries, ended ones, and whom care is told of are kept in the changelog. What is
    ready, what runs, and `words` (the open delivery that tells the newest of a customer's care) follow from them and
    live in memory only, as do `switched` (which switches it was swept by) and `held` (nothing is begun: the shard is
    about to be let go)."""

    def __init__(self) -> None:
        encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(OpenDelivery).decode
        self.open: KeyedStore[OpenDelivery] = KeyedStore(encode, decode)
        self.ended: KeyedStore[bytes] = KeyedStore(bytes, bytes)
        self.cared: KeyedStore[bytes] = KeyedStore(bytes, bytes)
        self.ready: dict[str, deque[str]] = {}
        self.running: dict[str, int] = {}
        self.recorded: dict[str, Attempt] = {}
        self.words: dict[str, str] = {}
        self.switched = 0
        self.held = False

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts by their names in the changelog."""
        return {"o": self.open, "e": self.ended, "c": self.cared}

    def known(self, delivery_id: str, now: int) -> bool:
        """Whether the delivery was taken on before."""
        return self.open.get(delivery_id, now) is not None or self.ended.get(delivery_id, now) is not None

    def keep(self, delivery_id: str, delivery: OpenDelivery) -> None:
        """Stores an open delivery with its timer."""
        self.open.put(delivery_id, delivery, due=NEVER if delivery.next_try is None else delivery.next_try)

    def enqueue(self, delivery_id: str, adapter: str) -> None:
        """Puts it behind the others that are ready for its adapter."""
        self.ready.setdefault(adapter, deque()).append(delivery_id)

    def end(self, delivery_id: str, now: int) -> None:
        """It needs nothing more."""
        self.open.drop(delivery_id)
        self.ended.put(delivery_id, b"", expires=now + REMEMBERED)
