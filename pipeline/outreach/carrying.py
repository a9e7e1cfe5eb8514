"""One transaction of deliver at work: what is taken on, recorded as attempted, retried, taken back, ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from pydantic import TypeAdapter, ValidationError

from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.friction.profile import REACHED_BY
from touchline.pipeline.outreach.adapter import Adapter, Bounce, SendResult, SendStatus
from touchline.pipeline.outreach.care import care_change
from touchline.pipeline.outreach.ids import delivery_id
from touchline.pipeline.outreach.ledger import Attempt, DeliverState, OpenDelivery, Phase
from touchline.pipeline.outreach.targets import Targets
from touchline.schemas.codec import encode
from touchline.schemas.context import CustomerContext
from touchline.schemas.notice import Means, Notice
from touchline.schemas.outreach import Decision
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.types import ID
from touchline.schemas.vocabulary import Channel, DeliveryStatus, Outcome, Route
from touchline.schemas.wire import DELIVERIES, OUTBOX, RAW

OBSERVE: Final = "observe"
OUTBOX_ADAPTER: Final = "outbox"
SOURCE: Final = "touchline.deliver"
"""The source of the touchpoints that tell of bounces."""

_ID: Final = TypeAdapter(ID)


class Plan(Protocol):
    """What a transaction needs to know of the plan (`delivery.DeliveryPlan`)."""

    @property
    def adapters(self) -> Mapping[Channel, Adapter]: ...
    @property
    def care(self) -> str | None: ...
    @property
    def attempts(self) -> int: ...
    def wait(self, delivery: str, attempt: int) -> int: ...


@dataclass(slots=True)
class Carrying:
    """`observe`: nothing is sent. `stops`: whether messages about a rule are stopped. `now`: milliseconds."""

    plan: Plan
    adapters: Mapping[str, Adapter]
    targets: Targets
    state: DeliverState
    out: Outbox
    now: int
    observe: bool
    stops: Callable[[str], bool]

    # What comes in

    def decision(self, decision: Decision) -> None:
        """A decision: to send, or to send no longer what an earlier revision said."""
        if decision.outcome is not Outcome.SENT:
            self._recall(decision)
        elif decision.route is Route.CUSTOMER:
            adapter = self.plan.adapters.get(decision.channel) if decision.channel is not None else None
            name = OUTBOX_ADAPTER if adapter is None else adapter.name
            key = delivery_id(decision.decision_id, decision.revision)
            self._take_on(key, OpenDelivery(adapter=name, decision=decision))

    def notice(self, notice: Notice) -> None:
        """A notice to an owner. One for a queue is where it belongs already."""
        adapter: Adapter | None = None
        if notice.means is Means.EMAIL:
            adapter = self.plan.adapters.get(Channel.EMAIL)
        elif notice.means is Means.WEBHOOK:
            adapter = self.adapters.get(notice.message.to)
        name = OUTBOX_ADAPTER if adapter is None else adapter.name
        self._take_on(delivery_id(notice.notice_id, 0), OpenDelivery(adapter=name, notice=notice))

    def context(self, customer: str, context: CustomerContext | None, at: int) -> None:
        """A customer's context as of `at`: word goes out when care has begun or ended with it."""
        change = care_change(customer, context, at, self.state.cared)
        if change is None:
            return
        delivery = OpenDelivery(adapter=self.plan.care or OUTBOX_ADAPTER, care=change)
        if delivery.over(self.now):
            self.out.count("care.too_old")
            return
        key = delivery_id(change.care_id, 0)
        if not self.state.known(key, self.now):
            self._void_word(customer, care=change.care)
            self.state.words[customer] = key
        self._take_on(key, delivery)

    def _void_word(self, customer: str, *, care: bool) -> None:
        """The word before, if it has not arrived, must not come after the new one: that would stand for good."""
        key = self.state.words.pop(customer, "")
        former = self.state.open.get(key, self.now)
        if former is not None:
            self._cancel(key, former, f"not told any more: care has {'begun again' if care else 'ended'}")

    def _take_on(self, key: str, delivery: OpenDelivery) -> None:
        """Unless it is known, it becomes a delivery."""
        if self.state.known(key, self.now):
            self.out.count("duplicates")
        elif not self._hand_over(key, delivery):
            self.state.keep(key, delivery)
            self.state.enqueue(key, delivery.adapter)

    def _recall(self, decision: Decision) -> None:
        """What an earlier revision wanted sent is not sent any more, where it has not been yet."""
        for revision in range(decision.revision):
            key = delivery_id(decision.decision_id, revision)
            delivery = self.state.open.get(key, self.now)
            if delivery is not None:
                self._cancel(key, delivery, f"not sent any more: the decision is now {decision.reason}")

    def sweep(self) -> None:
        """The switches have changed: what waits and must not be sent ends; what runs is not tried again."""
        keys = self.state.open.keys()
        for key in keys:
            delivery = self.state.open.get(key, self.now)
            if delivery is None:
                continue
            if delivery.phase is not Phase.RUNNING:
                self._hand_over(key, delivery)
            elif delivery.rule is not None and self.stops(delivery.rule):
                self._cancel(key, delivery, _stopped(delivery.rule))

    # Attempts

    def start(self) -> None:
        """Records as many attempts as may run at once; the commit that follows makes them due."""
        state = self.state
        for _, key, waiting in state.open.due(self.now):
            state.enqueue(key, waiting.adapter)
        if state.held:
            return
        for adapter, ready in state.ready.items():
            target = self.targets[adapter]
            while ready and state.running.get(adapter, 0) < target.limits.in_flight:
                key = ready[0]
                delivery = state.open.get(key, self.now)
                if delivery is None or self._hand_over(key, delivery):
                    ready.popleft()
                elif delivery.over(self.now):
                    ready.popleft()
                    self._give_up(key, delivery, "not sent: the time in which it might be sent was over")
                elif target.may_begin(id(state), self.now):
                    ready.popleft()
                    self._attempt(key, delivery)
                else:
                    break

    def _attempt(self, key: str, delivery: OpenDelivery) -> None:
        state, adapter = self.state, delivery.adapter
        delivery.phase, delivery.next_try = Phase.RUNNING, None
        delivery.attempts += 1
        state.recorded[key] = Attempt(key, delivery.revision, adapter, delivery.rule, delivery.parcel(key))
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
            self._give_up(key, delivery, result.error, result.bounce)
        else:
            self._retry(key, delivery, result)

    def _retry(self, key: str, delivery: OpenDelivery, result: SendResult) -> None:
        delivery.phase = Phase.WAITING
        if result.status is SendStatus.BUSY:
            delivery.attempts -= 1  # nothing was tried
        at = self.now + max(self.plan.wait(key, max(delivery.attempts, 1)), result.retry_after)
        if delivery.recalled:
            self._cancel(key, delivery, delivery.recalled)
        elif self._hand_over(key, delivery):
            return
        elif delivery.attempts >= self.plan.attempts:
            self._give_up(key, delivery, f"gave up: {result.error}", result.bounce)
        elif delivery.over(at):
            self._give_up(key, delivery, f"no time left for another try: {result.error}", result.bounce)
        else:
            delivery.next_try = at
            self._write(key, delivery, DeliveryStatus.RETRYING, result.error)
            self.state.keep(key, delivery)

    # Ends

    def _hand_over(self, key: str, delivery: OpenDelivery) -> bool:
        """Ends a delivery that no adapter is to carry: observed, stopped, or for somebody else by a topic."""
        observed = self.observe or delivery.observed
        stopped = delivery.rule is not None and self.stops(delivery.rule)
        if not observed and not stopped and delivery.adapter in self.adapters:
            return False
        if delivery.uncertain:
            self._give_up(key, delivery, "not tried again: its adapter or its rule was switched off after an attempt")
        elif observed:
            delivery.adapter = OBSERVE
            self._end(key, delivery, DeliveryStatus.OBSERVED)
        elif stopped:
            self._end(key, delivery, DeliveryStatus.CANCELLED, _stopped(delivery.rule or ""))
        else:
            self._leave(key, delivery)
        return True

    def _leave(self, key: str, delivery: OpenDelivery) -> None:
        """There is no adapter for it: a message goes to the outbox topic; a notice is on a topic already."""
        decision, notice = delivery.decision, delivery.notice
        delivery.adapter = OUTBOX_ADAPTER
        if decision is not None:
            self.out.send(OUTBOX, decision.customer.encode(), encode(decision))
            self._end(key, delivery, DeliveryStatus.OUTBOX)
        elif notice is not None and notice.means is not Means.WEBHOOK:
            self._end(key, delivery, DeliveryStatus.OUTBOX)
        else:
            self._give_up(key, delivery, "the settings have no adapter of the name that it is meant for")

    def _cancel(self, key: str, delivery: OpenDelivery, why: str) -> None:
        """Takes it back; one whose attempt runs is taken back once that has ended, if it may still be."""
        if delivery.phase is Phase.RUNNING:
            delivery.recalled = why
            self.state.keep(key, delivery)
        else:
            self._end(key, delivery, DeliveryStatus.UNKNOWN if delivery.uncertain else DeliveryStatus.CANCELLED, why)

    def _give_up(self, key: str, delivery: OpenDelivery, error: str | None, bounce: Bounce = Bounce.NONE) -> None:
        """It ended badly: failed when it surely did not arrive, unknown when it may have."""
        if bounce is not Bounce.NONE and delivery.decision is not None:
            self._tell_of_bounce(key, delivery.decision, hard=bounce is Bounce.HARD)
        self._end(key, delivery, DeliveryStatus.UNKNOWN if delivery.uncertain else DeliveryStatus.FAILED, error)

    def _tell_of_bounce(self, key: str, decision: Decision, *, hard: bool) -> None:
        """The loop closes: what came back is a touchpoint, and a hard bounce switches the channel off."""
        touchpoint = Touchpoint(
            event_id=f"{key}/bounce",
            source=SOURCE,
            occurred_at=from_ms(self.now),
            kind="message.bounced",
            customer_id=decision.customer,
            channel=decision.channel,
            identifiers=_address(decision),
            attributes={"decision_id": decision.decision_id, "hard": hard},
        )
        self.out.count("bounces")
        self.out.send(RAW, decision.customer.encode(), encode(touchpoint))

    def _end(self, key: str, delivery: OpenDelivery, status: DeliveryStatus, error: str | None = None) -> None:
        delivery.next_try = None
        self._write(key, delivery, status, error)
        self.state.end(key, self.now)
        if delivery.care is not None and self.state.words.get(delivery.care.customer) == key:
            del self.state.words[delivery.care.customer]

    def _write(self, key: str, delivery: OpenDelivery, status: DeliveryStatus, error: str | None = None) -> None:
        record = delivery.record(key, status, error, self.now)
        delivery.revision += 1
        self.out.count(f"deliveries.{status}")
        self.out.send(DELIVERIES, record.customer.encode(), encode(record))


def _address(decision: Decision) -> dict[str, str]:
    """Whom a message went to, as touchpoints say it: without it the profile could not tell a bounce of an address that
    was replaced meanwhile from one of the new one. Nothing where it is none that a touchpoint may hold."""
    name = None if decision.channel is None else REACHED_BY.get(decision.channel)
    if name is None or decision.message is None:
        return {}
    try:
        return {name: _ID.validate_python(decision.message.to)}
    except ValidationError:
        return {}


def _stopped(rule: str) -> str:
    return f"not sent: messages about {rule} are stopped"
