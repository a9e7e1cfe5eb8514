"""Outreach: signals in, one decision for each out.

Time is in band: as far as the signals' partition has come. Steps about one customer are taken in the order of that
partition and as of their own time there, also those that first had to wait for a profile: so decisions follow from the
log, however its two inputs take turns.
"""

from bisect import insort
from copy import copy
from dataclasses import dataclass
from typing import Final

from touchline.pipeline.engine.clock import DAY, from_ms, to_ms
from touchline.pipeline.engine.processor import Processor
from touchline.pipeline.engine.records import Batch, Outbox
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.outreach.decide import Verdict, decide
from touchline.pipeline.outreach.forward import forward
from touchline.pipeline.outreach.ids import decision_id
from touchline.pipeline.outreach.messages import Messages
from touchline.pipeline.outreach.policy import Contact, Policy
from touchline.pipeline.outreach.state import CustomerState, OutreachState, SignalState, Stage, Step
from touchline.pipeline.outreach.waiting import KEPT, MAX_WAIT, explaining, mind, must_wait
from touchline.schemas.codec import decode_incident, decode_profile, decode_signal, encode
from touchline.schemas.control import Tick
from touchline.schemas.customer import Profile
from touchline.schemas.incident import Incident
from touchline.schemas.outreach import Decision, Message
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Outcome, Scope, SignalStatus
from touchline.schemas.wire import CUSTOMERS, DECISIONS, INCIDENTS, SIGNALS

REMEMBERED: Final = 100 * DAY
"""How long a decided signal is known, so that no later state of it is decided again."""


class OutreachProcessor(Processor[OutreachState]):
    """Decides on each signal of a partition, exactly once for good.

    A signal waits until the profile under which it was raised has come, and one that an incident may explain until the
    incidents of its time are known. A held one is decided again at the end of the quiet hours, or cancelled when it
    ends before.

    Counters: `decisions.<reason>`, `duplicates`, `signals.waiting` and `signals.resumed` (their difference is what
    waits), `signals.forgotten`, `false_alarms` (retracted after a message was sent).
    """

    def __init__(self, policy: Policy, messages: Messages, *, live: bool = True) -> None:
        self._policy = policy
        self._messages = messages
        self._live = live

    @property
    def inputs(self) -> tuple[str, ...]:
        """Signals, the profiles that they were raised under, and incidents."""
        return (SIGNALS, CUSTOMERS, INCIDENTS)

    def new_state(self) -> OutreachState:
        """Empty state."""
        return OutreachState(live=self._live)

    def process(self, batch: Batch, state: OutreachState, out: Outbox) -> None:
        """Takes in signals and ticks, or profiles. The wall clock plays no part."""
        turn = _Turn(self._policy, self._messages, state, out, batch.partition, batch.partitions)
        for record in batch.records:
            tick = tick_of(record)
            if batch.topic == INCIDENTS:
                if tick is not None:
                    turn.told(tick)
                elif record.value is not None:  # one that is forgotten there may still be asked for here
                    turn.incident(decode_incident(record.value))
            elif tick is not None:
                turn.tick(tick)
            elif batch.topic == SIGNALS:
                if record.value is not None:
                    turn.signal(decode_signal(record.value))
            elif record.value is None:
                turn.forget((record.key or b"").decode())
            else:
                turn.profile(decode_profile(record.value))
        now = state.clock.value.at
        state.customers.sweep(now)
        state.signals.sweep(now)


@dataclass(slots=True)
class _Turn:
    """One batch at work."""

    policy: Policy
    messages: Messages
    state: OutreachState
    out: Outbox
    partition: int
    partitions: int

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
        forward(self.state.forwarded, tick, self.partition, self.partitions, self.out)

    def told(self, tick: Tick) -> None:
        """Incidents are told up to then; what waited for that goes on."""
        if self.state.told.tick(tick):
            self._resume_until(self.state.told.low or 0)

    def incident(self, row: Incident) -> None:
        """A state of an incident."""
        if row.covers:
            self.state.incidents.take(row)

    def _resume_until(self, until: int) -> None:
        for _, key, _ in self.state.waiting.due(until):
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
            self._keep(signal.signal_id, known, now)
            self._enter(signal.customer, now, signal.signal_id, Step.DECIDE)
        elif signal.revision <= known.revision:
            self.out.count("duplicates")
        else:
            known.revision = signal.revision
            known.ended = None if signal.is_open else signal.status
            self._keep(signal.signal_id, known, now)
            if known.ended is not None:
                self._enter(signal.customer, now, signal.signal_id, Step.END)

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
            at, signal_id, step = customer.queue.pop(0)
            self.out.count("signals.resumed")
            self._step(customer, at, signal_id, step)
        mind(self.state, key, customer)

    def forget(self, key: str) -> None:
        """The profile was deleted."""
        customer = self._customer(key)
        customer.profiles.clear()
        self._keep_customer(key, customer, self.state.clock.value.at)

    def _advance(self, to: int) -> None:
        """Moves time; held signals whose quiet hours end until then are decided again, as of that end."""
        clock = self.state.clock
        if to <= clock.value.at:
            return
        for at, signal_id, held in self.state.signals.due(to):
            if held.signal is not None:
                held.release_at = None
                self._keep(signal_id, held, at)
                self._enter(held.signal.customer, at, signal_id, Step.RELEASE)
        clock.value.at = to
        clock.touch()

    def _enter(self, key: str, at: int, signal_id: str, step: Step) -> None:
        """Takes a step, or puts it behind what already waits for a profile of the customer, or for incidents."""
        customer = self._customer(key)
        item = (at, signal_id, step)
        if customer.queue or must_wait(self.state, customer, item):
            customer.queue.append(item)
            self.out.count("signals.waiting")
            self._resume(key, customer)
        else:
            self._step(customer, at, signal_id, step)
        self._keep_customer(key, customer, at)

    def _step(self, customer: CustomerState, at: int, signal_id: str, step: Step) -> None:
        """Takes a step; what the customer has held until then is released first.

        In history a customer's signals may be days ahead of the ticks, which are as far as the slowest raw partition:
        that would put the release behind them. On the live clock they are together."""
        while customer.held and customer.held[0][0] <= at and not self.state.clock.value.live:
            release_at, held = customer.held.pop(0)
            self._take(customer, release_at, held, Step.RELEASE)
        self._take(customer, at, signal_id, step)

    def _take(self, customer: CustomerState, at: int, signal_id: str, step: Step) -> None:
        state = self.state.signals.get(signal_id, at)
        if state is None:
            return
        if step is Step.END and state.stage is Stage.SENT and state.ended is SignalStatus.RETRACTED:
            self.out.count("false_alarms")
        signal = state.signal
        live = self.state.clock.value.live
        wanted = Stage.WAITING if step is Step.DECIDE else Stage.HELD
        if signal is None or state.stage is not wanted:
            return
        if state.ended is not None and (step is Step.END or live):
            signal = copy(signal)
            signal.status, signal.revision = state.ended, state.revision
        profile = customer.profile(signal.profile_revision, None if step is Step.DECIDE else at, live)
        verdict = decide(signal, profile, customer.contacts, self.policy, at, explaining(self.state, signal, at))
        state.decision += 1
        state.release_at = None
        customer.held = [item for item in customer.held if item[1] != signal_id]
        message = self._settle(customer, state, verdict, profile, at)
        self._emit(signal, state.decision, verdict, message=message, profile=profile, at=at)
        if verdict.release_at is not None and verdict.release_at <= self.state.clock.value.at:
            customer.insert(verdict.release_at, signal_id)  # it waited so long that the quiet hours are over
            self.out.count("signals.waiting")
        elif verdict.release_at is not None:
            state.release_at = verdict.release_at
            insort(customer.held, (verdict.release_at, signal_id))
        self._keep(signal_id, state, at)

    def _settle(
        self, customer: CustomerState, state: SignalState, verdict: Verdict, profile: Profile | None, at: int
    ) -> Message | None:
        """Remembers the verdict; the message when there is one to send."""
        if verdict.outcome is Outcome.HELD:
            state.stage = Stage.HELD
            return None
        signal, state.signal = state.signal, None
        state.stage = Stage.DONE
        if verdict.channel is None or profile is None or signal is None:
            return None
        state.stage = Stage.SENT
        customer.contacts = [c for c in customer.contacts if at - c.at < self.policy.memory]
        customer.contacts.append(Contact(at, signal.rule, self.policy.observe))
        return self.messages.render(signal, profile.addresses[verdict.channel])

    def _emit(
        self,
        signal: Signal,
        revision: int,
        verdict: Verdict,
        *,
        message: Message | None,
        profile: Profile | None,
        at: int,
    ) -> None:
        decision = Decision(
            decision_id=decision_id(signal.signal_id),
            revision=revision,
            signal_id=signal.signal_id,
            signal_revision=signal.revision,
            rule=signal.rule,
            severity=signal.severity,
            owner=signal.owner,
            control=signal.control,
            customer=signal.customer,
            group=signal.group,
            outcome=verdict.outcome,
            reason=verdict.reason,
            observed=self.policy.observe,
            purpose=verdict.purpose,
            channel=verdict.channel,
            message=message,
            explanation=verdict.explanation,
            signal_at=signal.at,
            at=from_ms(at),
            release_at=None if verdict.release_at is None else from_ms(verdict.release_at),
            send_before=None if verdict.send_before is None else from_ms(verdict.send_before),
            profile_revision=0 if profile is None else profile.revision,
        )
        self.out.count(f"decisions.{verdict.reason}")
        self.out.send(DECISIONS, signal.customer.encode(), encode(decision), partition=self.partition)

    def _customer(self, key: str) -> CustomerState:
        return self.state.customers.get(key, self.state.clock.value.at) or CustomerState()

    def _keep_customer(self, key: str, customer: CustomerState, at: int) -> None:
        """A customer of whom only messages are known is forgotten once these don't matter any more."""
        lasting = customer.profiles or customer.queue
        expires = NEVER if lasting else self._latest(at) + max(self.policy.memory, REMEMBERED)
        self.state.customers.put(key, customer, expires=expires)

    def _keep(self, signal_id: str, state: SignalState, at: int) -> None:
        due = NEVER if state.release_at is None else state.release_at
        expires = self._latest(at) + REMEMBERED if state.signal is None else NEVER
        self.state.signals.put(signal_id, state, due=due, expires=expires)

    def _latest(self, at: int) -> int:
        return max(at, self.state.clock.value.at)
