"""Deliver: decisions in, messages out, and a ledger of how each one ended.

An attempt is written to the ledger, and committed, before it is made; its end in a later transaction. An attempt whose
end is not known is never repeated, unless the receiver tells repeats by the delivery's id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from touchline.pipeline.engine.clock import MINUTE, SECOND, from_ms, to_ms
from touchline.pipeline.engine.processor import EffectProcessor
from touchline.pipeline.engine.records import Batch, Outbox
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.outreach.adapter import Adapter, SendResult, SendStatus
from touchline.pipeline.outreach.ids import delivery_id
from touchline.pipeline.outreach.ledger import Attempt, DeliverState, OpenDelivery, Phase
from touchline.schemas.codec import decode_decision, encode
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.vocabulary import Channel, DeliveryStatus, Outcome
from touchline.schemas.wire import DECISIONS, DELIVERIES, OUTBOX

OBSERVE: Final = "observe"
OUTBOX_ADAPTER: Final = "outbox"


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """How deliveries are carried. Lengths of time in milliseconds.

    `observe`: nothing is sent, whatever a decision says. `adapters` by channel; a channel without one goes to the
    outbox topic. `attempts`: after so many the delivery has failed. Waits between them double from `first_retry` to
    `longest_retry`. `in_flight`: attempts of one adapter at once in a shard, so that one that stands still holds up
    neither the others nor more than so many of its own.
    """

    observe: bool = True
    adapters: Mapping[Channel, Adapter] = field(default_factory=dict)
    attempts: int = 5
    first_retry: int = 2 * SECOND
    longest_retry: int = 5 * MINUTE
    in_flight: int = 16

    def wait(self, delivery: str, attempt: int) -> int:
        """The wait after the `attempt`th one failed: exponential, less up to half of it as jitter, which is a function
        of its arguments, so that a replay plans the same."""
        longest = min(self.first_retry << min(attempt - 1, 40), self.longest_retry)
        digest = blake2b(f"{delivery}/{attempt}".encode(), digest_size=4).digest()
        return longest - longest * int.from_bytes(digest) // 2**33


class DeliverProcessor(EffectProcessor[DeliverState, Attempt, SendResult]):
    """Carries what outreach decided to send, at most once. It lives on the wall clock.

    Counters: `deliveries.<status>` for each record in the ledger, `duplicates`.
    """

    def __init__(self, plan: DeliveryPlan) -> None:
        self._plan = plan
        self._adapters = {adapter.name: adapter for adapter in plan.adapters.values()}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Decisions."""
        return (DECISIONS,)

    def new_state(self) -> DeliverState:
        """Empty state."""
        return DeliverState()

    def process(self, batch: Batch, state: DeliverState, out: Outbox) -> None:
        """Takes on decisions to send, and what is due."""
        turn = _Turn(self._plan, self._adapters, state, out, batch.now)
        for record in batch.records:
            if record.value is not None and tick_of(record) is None:
                decision = decode_decision(record.value)
                if decision.outcome is Outcome.SENT:
                    turn.take_on(decision)
        turn.start()
        state.ended.sweep(batch.now)

    def due(self, state: DeliverState) -> Sequence[Attempt]:
        """The attempts on record that have not been settled."""
        return list(state.recorded.values())

    async def perform(self, effect: Attempt) -> SendResult:
        """Makes the attempt."""
        decision = effect.decision
        if decision.message is None or decision.channel is None:
            return SendResult(SendStatus.FAILED, "the decision has no message")
        return await self._adapters[effect.adapter].send(effect.effect_id, decision.channel, decision.message)

    def settle(self, results: Sequence[tuple[Attempt, SendResult]], now: int, state: DeliverState, out: Outbox) -> None:
        """Records how attempts ended, and starts others in their place."""
        turn = _Turn(self._plan, self._adapters, state, out, now)
        for attempt, result in results:
            delivery = state.open.get(attempt.effect_id, now)
            if delivery is not None and delivery.phase is Phase.RUNNING and delivery.revision == attempt.revision + 1:
                state.running[attempt.adapter] -= 1
                del state.recorded[attempt.effect_id]
                turn.record_end(attempt.effect_id, delivery, result)
        turn.start()

    def recover(self, now: int, state: DeliverState, out: Outbox) -> None:
        """Takes up the open deliveries of a shard after it was opened. An attempt without a result is unknown."""
        turn = _Turn(self._plan, self._adapters, state, out, now)
        keys = state.open.keys()
        for key in keys:
            delivery = state.open.get(key, now)
            if delivery is None:
                continue
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


@dataclass(slots=True)
class _Turn:
    """One transaction at work."""

    plan: DeliveryPlan
    adapters: Mapping[str, Adapter]
    state: DeliverState
    out: Outbox
    now: int

    def take_on(self, decision: Decision) -> None:
        """A decision to send: unless it is known, it becomes a delivery."""
        key = delivery_id(decision.decision_id, decision.revision)
        if self.state.known(key, self.now):
            self.out.count("duplicates")
            return
        adapter = self.plan.adapters.get(decision.channel) if decision.channel is not None else None
        delivery = OpenDelivery(decision, OUTBOX_ADAPTER if adapter is None else adapter.name)
        if not self._hand_over(key, delivery):
            self.state.keep(key, delivery)
            self.state.enqueue(key, delivery.adapter)

    def start(self) -> None:
        """Records as many attempts as may run at once; the commit that follows makes them due."""
        state = self.state
        for _, key, waiting in state.open.due(self.now):
            state.enqueue(key, waiting.adapter)
        for adapter, ready in state.ready.items():
            while ready and state.running.get(adapter, 0) < self.plan.in_flight:
                key = ready.popleft()
                delivery = state.open.get(key, self.now)
                if delivery is None or self._hand_over(key, delivery):
                    continue
                if self._over(delivery, self.now):
                    self._give_up(key, delivery, "not sent: the time in which it might be sent was over")
                    continue
                delivery.phase, delivery.next_try = Phase.RUNNING, None
                delivery.attempts += 1
                state.recorded[key] = Attempt(key, delivery.revision, delivery.decision, adapter)
                self._write(key, delivery, DeliveryStatus.ATTEMPTED)
                state.keep(key, delivery)
                state.running[adapter] = state.running.get(adapter, 0) + 1

    def record_end(self, key: str, delivery: OpenDelivery, result: SendResult) -> None:
        """How an attempt ended, and what follows from it."""
        adapter = self.adapters.get(delivery.adapter)
        unknown = result.status is SendStatus.UNKNOWN
        repeatable = adapter is not None and adapter.idempotent
        delivery.uncertain |= unknown
        if result.status is SendStatus.SENT:
            self._end(key, delivery, DeliveryStatus.SENT)
        elif result.status is SendStatus.FAILED or (unknown and not repeatable):
            self._give_up(key, delivery, result.error)
        else:
            self._retry(key, delivery, result)

    def _hand_over(self, key: str, delivery: OpenDelivery) -> bool:
        """Ends a delivery that no adapter is to carry: observed, or for somebody else by the outbox topic."""
        decision = delivery.decision
        observed = self.plan.observe or decision.observed
        if not observed and delivery.adapter in self.adapters:
            return False
        if delivery.uncertain:
            self._give_up(key, delivery, "its adapter was switched off after an attempt")
        elif observed:
            delivery.adapter = OBSERVE
            self._end(key, delivery, DeliveryStatus.OBSERVED)
        else:
            delivery.adapter = OUTBOX_ADAPTER
            self.out.send(OUTBOX, decision.customer.encode(), encode(decision))
            self._end(key, delivery, DeliveryStatus.OUTBOX)
        return True

    def _retry(self, key: str, delivery: OpenDelivery, result: SendResult) -> None:
        if result.status is SendStatus.BUSY:
            delivery.attempts -= 1  # nothing was tried
        at = self.now + max(self.plan.wait(key, max(delivery.attempts, 1)), result.retry_after)
        if delivery.attempts >= self.plan.attempts:
            self._give_up(key, delivery, f"gave up: {result.error}")
        elif self._over(delivery, at):
            self._give_up(key, delivery, f"no time left for another try: {result.error}")
        else:
            delivery.phase, delivery.next_try = Phase.WAITING, at
            self._write(key, delivery, DeliveryStatus.RETRYING, result.error)
            self.state.keep(key, delivery)

    def _over(self, delivery: OpenDelivery, at: int) -> bool:
        before = delivery.decision.send_before
        return before is not None and at >= to_ms(before)

    def _give_up(self, key: str, delivery: OpenDelivery, error: str | None) -> None:
        """It ended badly: failed when it surely did not arrive, unknown when it may have."""
        self._end(key, delivery, DeliveryStatus.UNKNOWN if delivery.uncertain else DeliveryStatus.FAILED, error)

    def _end(self, key: str, delivery: OpenDelivery, status: DeliveryStatus, error: str | None = None) -> None:
        delivery.next_try = None
        self._write(key, delivery, status, error)
        self.state.end(key, self.now)

    def _write(self, key: str, delivery: OpenDelivery, status: DeliveryStatus, error: str | None = None) -> None:
        decision = delivery.decision
        record = Delivery(
            delivery_id=key,
            revision=delivery.revision,
            decision_id=decision.decision_id,
            signal_id=decision.signal_id,
            rule=decision.rule,
            customer=decision.customer,
            channel=decision.channel or Channel.OTHER,
            adapter=delivery.adapter,
            status=status,
            attempts=delivery.attempts,
            at=from_ms(self.now),
            error=error,
            next_try_at=None if delivery.next_try is None else from_ms(delivery.next_try),
        )
        delivery.revision += 1
        self.out.count(f"deliveries.{status}")
        self.out.send(DELIVERIES, decision.customer.encode(), encode(record))
