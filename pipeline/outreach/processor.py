"""Outreach: signals in, one decision for each out.

Time is in band: as far as the signals' partition has come. Steps about one customer are taken in the order of that
partition and as of their own time there, also those that first had to wait for a profile: so decisions follow from the
log, however its two inputs take turns.
"""

from dataclasses import dataclass

from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.processor import Processor
from touchline.pipeline.engine.records import Batch, Outbox, Record
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.outreach.forward import forward
from touchline.pipeline.outreach.messages import Messages
from touchline.pipeline.outreach.plan import PolicyBook
from touchline.pipeline.outreach.rations import Rations
from touchline.pipeline.outreach.settle import Settling
from touchline.pipeline.outreach.state import (
    REMEMBERED,
    CustomerState,
    Ending,
    OutreachState,
    SignalState,
    Stage,
    Step,
    Todo,
    keep,
)
from touchline.pipeline.outreach.waiting import KEPT, MAX_WAIT, first_held, mind, must_wait
from touchline.schemas.codec import decode_delivery, decode_incident, decode_profile, decode_signal
from touchline.schemas.control import Tick
from touchline.schemas.customer import Profile
from touchline.schemas.incident import Incident
from touchline.schemas.outreach import Delivery
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import DeliveryStatus, Scope
from touchline.schemas.wire import CUSTOMERS, DELIVERIES, INCIDENTS, SIGNALS

_UNDER_WAY = frozenset({DeliveryStatus.ATTEMPTED, DeliveryStatus.RETRYING})


class OutreachProcessor(Processor[OutreachState]):
    """Decides on each signal of a partition, exactly once for good.

    A signal waits until the profile under which it was raised has come, and one that an incident may explain until the
    incidents of its time are known. A held one is decided again when its hold is over, or cancelled when it ends
    before. Deliveries tell which messages have left, so that only one that has not is cancelled when its signal ends.

    Counters: `decisions.<reason>`, `duplicates`, `signals.waiting` and `signals.resumed` (their difference is what
    waits), `signals.forgotten`, `false_alarms` (retracted after a message was sent), `requests.cancelled`.

    Args:
        book: what is to be done about which signals.
        messages: the texts.
        live: whether the run is on the live clock, until a tick says.
    """

    def __init__(self, book: PolicyBook, messages: Messages, *, live: bool = True) -> None:
        self._live = live
        self.put_in_force(book, messages)

    def put_in_force(self, book: PolicyBook, messages: Messages) -> None:
        """Another book and other texts, from the next batch on; called between batches, in the loop that hands them
        over. What is held is decided by them at its release."""
        self.book = book
        self._messages = messages
        self._memory = book.memory

    @property
    def inputs(self) -> tuple[str, ...]:
        """Signals, the profiles that they were raised under, incidents, and what became of messages."""
        return (SIGNALS, CUSTOMERS, INCIDENTS, DELIVERIES)

    def new_state(self) -> OutreachState:
        """Empty state."""
        return OutreachState(live=self._live)

    def process(self, batch: Batch, state: OutreachState, out: Outbox) -> None:
        """Takes in signals and ticks, profiles, incidents or deliveries. The wall clock plays no part."""
        rations = Rations(state, batch.partition, batch.partitions)
        settling = Settling(self.book, self._memory, self._messages, state, out, batch.partition, rations)
        turn = _Turn(settling, state, out, max(self._memory, REMEMBERED), batch.partitions)
        for record in batch.records:
            turn.record(batch.topic, record)
        now = state.clock.value.at
        state.customers.sweep(now)
        state.signals.sweep(now)
        state.turns.sweep(now)
        state.ramp.sweep(now)


@dataclass(slots=True)
class _Turn:
    """One batch at work: who is next, and as of when. `remember`: how long a customer is known without a profile."""

    settling: Settling
    state: OutreachState
    out: Outbox
    remember: int
    partitions: int

    def record(self, topic: str, record: Record) -> None:
        """One record of one input."""
        tick = tick_of(record)
        if tick is not None:
            if topic == INCIDENTS:
                self.told(tick)
            elif topic == CUSTOMERS:
                self.profiled(tick)
            else:
                self.tick(tick)
        elif record.value is None:
            if topic == CUSTOMERS:
                self.forget((record.key or b"").decode())
        elif topic == SIGNALS:
            self.signal(decode_signal(record.value))
        elif topic == CUSTOMERS:
            self.profile(decode_profile(record.value))
        elif topic == INCIDENTS:  # one that is forgotten there may still be asked for here
            self.incident(decode_incident(record.value))
        else:
            self.delivery(decode_delivery(record.value))

    def tick(self, tick: Tick) -> None:
        """Time has come so far."""
        clock = self.state.clock
        live = tick.wall is not None
        if clock.value.live != live:
            clock.value.live = live
            clock.touch()
        self._advance(tick.high)
        if live:
            self._resume_until(tick.high - MAX_WAIT)
        if self.state.incidents:
            self.state.incidents.forget(tick.high - KEPT)
        self._forward(tick)

    def told(self, tick: Tick) -> None:
        """Incidents are told up to then; what waited for that goes on."""
        if self.state.told.tick(tick):
            self._resume_until(self.state.told.low or 0)

    def profiled(self, tick: Tick) -> None:
        """Profiles are told up to then; what waited for that goes on."""
        if tick.high > self.state.profiled.value:
            self.state.profiled.value = tick.high
            self.state.profiled.touch()
            self._resume_until(tick.high)
            if tick.wall is None:
                self._forward(tick)

    def _forward(self, tick: Tick) -> None:
        """Time for the desk. In history a request may still have to wait for word of profiles or incidents."""
        high = tick.high
        if tick.wall is None:
            high = min(self.state.clock.value.at, self.state.profiled.value)
            first = self.state.waiting.first_due(high)
            high = high if first is None else first - 1
        onward = Tick(partition=self.settling.partition, partitions=self.partitions, high=high, wall=tick.wall)
        forward(self.state.forwarded, onward, self.out)

    def incident(self, row: Incident) -> None:
        """A state of an incident."""
        if row.covers:
            self.state.incidents.take(row)

    def _resume_until(self, until: int) -> None:
        # All of them first: one that still waits for the other of the two is due at the same time again.
        for _, key, _ in list(self.state.waiting.due(until)):
            customer = self._customer(key)
            self._resume(key, customer)
            self._keep_customer(key, customer, self.state.clock.value.at)

    def signal(self, signal: Signal) -> None:
        """A state of a signal."""
        # As of when it was noticed: ticks are as far as the slowest source, and other customers' signals may be ahead.
        clock = self.state.clock.value
        now = max(to_ms(signal.raised_at), clock.at)
        if signal.scope is Scope.INCIDENT and not clock.live:
            now = to_ms(signal.raised_at)  # no customer's: in history it comes when journeys are further on
        known = self.state.signals.get(signal.signal_id, now)
        if known is None:
            if not signal.is_open and now - to_ms(signal.at) >= REMEMBERED:
                self.out.count("signals.forgotten")
                return
            ended = None if signal.is_open else signal.status
            known = SignalState(signal.revision, signal=signal, ended=ended)
            keep(self.state, signal.signal_id, known, now)
            self._enter(signal.customer, Todo(now, signal.signal_id, Step.DECIDE))
        elif signal.revision <= known.revision:
            self.out.count("duplicates")
        else:
            known.revision = signal.revision
            known.ended = None if signal.is_open else signal.status
            keep(self.state, signal.signal_id, known, now)
            if known.ended is not None and known.stage in {Stage.SENT, Stage.ASKED}:
                self.settling.over(signal.signal_id, known, known.ended, signal, now)
            elif known.ended is not None:
                ending = Ending(known.ended, signal.revision)
                self._enter(signal.customer, Todo(now, signal.signal_id, Step.END, ended=ending))

    def delivery(self, delivery: Delivery) -> None:
        """How far a message is: one that has left, or never will, can't be cancelled any more."""
        known = self.state.signals.get(delivery.signal_id, self.state.clock.value.at)
        if known is not None and known.send_before is not None and delivery.status not in _UNDER_WAY:
            known.send_before = None
            keep(self.state, delivery.signal_id, known, self.state.clock.value.at)

    def profile(self, profile: Profile) -> None:
        """A version of a customer's profile; what waited for it goes on."""
        customer = self._customer(profile.customer)
        if not customer.learn(profile, self.state.clock.value.at):
            self.out.count("duplicates")
            return
        self._resume(profile.customer, customer)
        self._keep_customer(profile.customer, customer, to_ms(profile.updated_at))

    def _resume(self, key: str, customer: CustomerState) -> None:
        """Takes the steps that need not wait any more."""
        while customer.queue and not must_wait(self.state, customer, customer.queue[0]):
            if self._release_first(customer, customer.queue[0]):
                continue  # what became of it may have to wait again
            todo = customer.queue.pop(0)
            self.out.count("signals.resumed")
            self.settling.take(customer, todo)
        mind(self.state, key, customer)

    def forget(self, key: str) -> None:
        """The profile was deleted."""
        customer = self._customer(key)
        customer.profiles.clear()
        self._keep_customer(key, customer, self.state.clock.value.at)

    def _advance(self, to: int) -> None:
        """Moves time; signals whose hold is over until then are decided again, as of its end."""
        clock = self.state.clock
        if to <= clock.value.at:
            return
        for at, _, known in self.state.signals.due(to):
            if known.signal is not None:
                self._release(known.signal.customer, at)
        clock.value.at = to
        clock.touch()

    def _release(self, key: str, until: int) -> None:
        """What a customer has held until then, in its order: of those of one time the highest rank first."""
        for held in [one for one in self._customer(key).held if one.at <= until]:
            known = self.state.signals.get(held.signal_id, held.at)
            if known is not None and known.release_at == held.at and not known.called:
                known.called = True
                keep(self.state, held.signal_id, known, held.at)
                self._enter(key, held.todo())

    def _enter(self, key: str, todo: Todo) -> None:
        """Takes a step, or puts it behind what already waits for a profile of the customer, or for incidents."""
        customer = self._customer(key)
        if customer.queue or must_wait(self.state, customer, todo) or self._release_first(customer, todo):
            customer.queue.append(todo)
            self.out.count("signals.waiting")
        else:
            self.settling.take(customer, todo)
        if customer.queue:
            self._resume(key, customer)
        self._keep_customer(key, customer, todo.at)

    def _release_first(self, customer: CustomerState, todo: Todo) -> bool:
        """Takes what is released before a step, one at a time: it may be held again, until before that step as well,
        and then waits for what is told until then. False when there is none."""
        held = first_held(self.state, customer, todo.at)
        if held is None:
            return False
        customer.held.pop(0)
        self.settling.take(customer, held.todo())
        return True

    def _customer(self, key: str) -> CustomerState:
        return self.state.customers.get(key, self.state.clock.value.at) or CustomerState()

    def _keep_customer(self, key: str, customer: CustomerState, at: int) -> None:
        """A customer of whom only messages are known is forgotten once these don't matter any more."""
        lasting = customer.profiles or customer.queue or customer.held
        expires = NEVER if lasting else max(at, self.state.clock.value.at) + self.remember
        self.state.customers.put(key, customer, expires=expires)
