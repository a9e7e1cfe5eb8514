"""Deliver: decisions, notices and changes of care in, messages out, and a ledger of how each one ended.

An attempt is written to the ledger, and committed, before it is made; its end in a later transaction. An attempt whose
end is not known is never repeated, unless the receiver tells repeats by the delivery's id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from touchline.pipeline.engine.clock import MINUTE, SECOND
from touchline.pipeline.engine.processor import EffectProcessor
from touchline.pipeline.engine.records import Batch, Outbox, Record
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.outreach.adapter import Adapter, SendResult, SendStatus
from touchline.pipeline.outreach.carrying import Carrying
from touchline.pipeline.outreach.ledger import Attempt, DeliverState, Phase
from touchline.pipeline.outreach.plan import Switches
from touchline.pipeline.outreach.targets import Limits, Targets
from touchline.schemas.codec import decode_context, decode_decision, decode_notice
from touchline.schemas.vocabulary import Carried, Channel
from touchline.schemas.wire import CONTEXT, DECISIONS, NOTICES


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """How deliveries are carried. Lengths of time in milliseconds.

    `observe`: nothing is sent, whatever a decision says. `adapters` by channel; a channel without one goes to the
    outbox topic. `others`: adapters that carry no channel, for notices and care. `limits` by adapter. `care`: the name
    of the adapter that hears when care for a customer begins and ends, None: nobody. `attempts`: after so many the
    delivery has failed. Waits between them double from `first_retry` to `longest_retry`.
    """

    observe: bool = True
    adapters: Mapping[Channel, Adapter] = field(default_factory=dict)
    others: Sequence[Adapter] = ()
    limits: Mapping[str, Limits] = field(default_factory=dict)
    care: str | None = None
    attempts: int = 5
    first_retry: int = 2 * SECOND
    longest_retry: int = 5 * MINUTE

    @property
    def by_name(self) -> dict[str, Adapter]:
        """All adapters by their names."""
        return {adapter.name: adapter for adapter in (*self.adapters.values(), *self.others)}

    def wait(self, delivery: str, attempt: int) -> int:
        """The wait after the `attempt`th one failed: exponential, less up to half of it as jitter, which is a function
        of its arguments, so that a replay plans the same."""
        longest = min(self.first_retry << min(attempt - 1, 40), self.longest_retry)
        digest = blake2b(f"{delivery}/{attempt}".encode(), digest_size=4).digest()
        return longest - longest * int.from_bytes(digest) // 2**33


class DeliverProcessor(EffectProcessor[DeliverState, Attempt, SendResult]):
    """Carries what is to be sent, at most once. It lives on the wall clock.

    Counters: `deliveries.<status>` for each record in the ledger, `duplicates`, `bounces`, `care.too_old`.
    """

    def __init__(self, plan: DeliveryPlan) -> None:
        self._plan = plan
        self._adapters = plan.by_name
        self._switches: Switches | None = None
        self._switched = 0
        self.targets = Targets({name: plan.limits.get(name, Limits()) for name in self._adapters})

    @property
    def inputs(self) -> tuple[str, ...]:
        """Decisions and notices; contexts where care is told to somebody."""
        return (DECISIONS, NOTICES) if self._plan.care is None else (DECISIONS, NOTICES, CONTEXT)

    def switch(self, switches: Switches) -> None:
        """What is really sent, from now on: messages of stopped rules are not, nor anything while it is observed. What
        waits ends at once, with the next batch; what is on its way to a server can't be called back."""
        self._switches = switches
        self._switched += 1

    def new_state(self) -> DeliverState:
        """Empty state."""
        return DeliverState()

    def process(self, batch: Batch, state: DeliverState, out: Outbox) -> None:
        """Takes on what is to be carried, and what is due."""
        turn = self._turn(state, out, batch.now)
        if state.switched != self._switched:
            state.switched = self._switched
            turn.sweep()
        for record in batch.records:
            if tick_of(record) is None:
                _take(turn, batch.topic, record)
        turn.start()
        state.ended.sweep(batch.now)

    def due(self, state: DeliverState) -> Sequence[Attempt]:
        """The attempts on record that have not been settled."""
        return list(state.recorded.values())

    async def perform(self, effect: Attempt) -> SendResult:
        """Makes the attempt, unless it was stopped since it was recorded."""
        if self._observing or (effect.rule is not None and self._stops(effect.rule)):
            return SendResult(SendStatus.BUSY, "stopped")
        if effect.parcel.message is None and effect.parcel.what is Carried.MESSAGE:
            return SendResult(SendStatus.FAILED, "the decision has no message")
        return await self._adapters[effect.adapter].send(effect.parcel)

    def settle(self, results: Sequence[tuple[Attempt, SendResult]], now: int, state: DeliverState, out: Outbox) -> None:
        """Records how attempts ended, and starts others in their place."""
        turn = self._turn(state, out, now)
        for attempt, result in results:
            self.targets[attempt.adapter].ended(result, now)
            delivery = state.open.get(attempt.effect_id, now)
            if delivery is not None and delivery.phase is Phase.RUNNING and delivery.revision == attempt.revision + 1:
                state.running[attempt.adapter] -= 1
                del state.recorded[attempt.effect_id]
                turn.record_end(attempt.effect_id, delivery, result)
        turn.start()

    def hold(self, state: DeliverState, *, on: bool) -> None:
        """While it is on, nothing that waits is begun."""
        state.held = on

    def recover(self, now: int, state: DeliverState, out: Outbox) -> None:
        """Takes up the open deliveries of a shard after it was opened. An attempt without a result is unknown."""
        turn = self._turn(state, out, now)
        keys = state.open.keys()
        for key in keys:
            delivery = state.open.get(key, now)
            if delivery is None:
                continue
            if delivery.care is not None and not delivery.recalled:
                state.words[delivery.care.customer] = key
            if delivery.phase is Phase.RUNNING:
                turn.record_end(key, delivery, SendResult(SendStatus.UNKNOWN, "the worker stopped during the attempt"))
            elif delivery.phase is Phase.WAITING:
                state.keep(key, delivery)  # its timer may have gone off just before the stop
            else:
                state.enqueue(key, delivery.adapter)

    async def close(self) -> None:
        """Frees the adapters' connections."""
        for adapter in self._adapters.values():
            await adapter.close()

    def _turn(self, state: DeliverState, out: Outbox, now: int) -> Carrying:
        return Carrying(
            self._plan, self._adapters, self.targets, state, out, now, observe=self._observing, stops=self._stops
        )

    @property
    def _observing(self) -> bool:
        return self._plan.observe or (self._switches is not None and self._switches.observe)

    def _stops(self, rule: str) -> bool:
        return self._switches is not None and self._switches.stops(rule)


def _take(turn: Carrying, topic: str, record: Record) -> None:
    if topic == CONTEXT:
        context = None if record.value is None else decode_context(record.value)
        turn.context((record.key or b"").decode(), context, record.timestamp)
    elif record.value is None:
        return
    elif topic == NOTICES:
        turn.notice(decode_notice(record.value))
    else:
        turn.decision(decode_decision(record.value))
