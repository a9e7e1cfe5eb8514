"""One step of one signal: the verdict, and all that follows from it."""

from bisect import insort
from copy import copy
from dataclasses import dataclass, replace
from typing import Final

from touchline.pipeline.engine.clock import from_ms, to_ms
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.friction.incidents import Known
from touchline.pipeline.outreach.arbitration import MAX_LINKED, ahead, behind, link
from touchline.pipeline.outreach.case import Circumstances, Rival, Verdict, plan_of, purpose_of, target_of
from touchline.pipeline.outreach.contact import Contact, rank_of, remembered
from touchline.pipeline.outreach.decide import decide
from touchline.pipeline.outreach.ids import decision_id
from touchline.pipeline.outreach.messages import Messages
from touchline.pipeline.outreach.plan import PolicyBook
from touchline.pipeline.outreach.rations import Rations
from touchline.pipeline.outreach.requests import cancelled, journey_of, kept, request_of
from touchline.pipeline.outreach.state import (
    CustomerState,
    Ending,
    Held,
    OutreachState,
    SignalState,
    Stage,
    Step,
    Todo,
    keep,
)
from touchline.pipeline.outreach.waiting import explaining
from touchline.schemas.codec import encode, trusted
from touchline.schemas.customer import Profile
from touchline.schemas.outreach import Decision, Message
from touchline.schemas.request import Request
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Arm, Outcome, Reason, Route, SignalStatus
from touchline.schemas.wire import DECISIONS, REQUESTS

_NOT_ANY_MORE: Final = "Not sent any more if it has not left yet: the signal was {} meanwhile."


@dataclass(slots=True)
class Settling:
    """Takes steps, in one batch of one shard. `memory`: how long a contact matters. `rations`: what the shard may give
    out in portions."""

    book: PolicyBook
    memory: int
    messages: Messages
    state: OutreachState
    out: Outbox
    partition: int
    rations: Rations

    def take(self, customer: CustomerState, todo: Todo) -> None:
        """One step of a signal, as of its time."""
        at, signal_id, step = todo[:3]
        known = self.state.signals.get(signal_id, at)
        if known is None:
            return
        signal, ended, live = known.signal, todo.ended, self.state.clock.value.live
        if ended is not None and known.stage in {Stage.SENT, Stage.ASKED}:
            asked = known.request.signal if known.request is not None else None
            self.over(signal_id, known, ended.status, None if asked is None else _ended(asked, ended), at)
            return
        if signal is None or known.stage is not (Stage.WAITING if step is Step.DECIDE else Stage.HELD):
            return
        if step is Step.RELEASE and known.release_at != at:
            return  # taken already
        if ended is None and live and known.ended is not None:
            ended = Ending(known.ended, known.revision)
        if ended is not None:
            signal = _ended(signal, ended)
        # Only a release waits, in history, for word of profiles up to then; what ended needs none of later.
        until = at if step is Step.RELEASE or (live and step is Step.END) else None
        profile = customer.profile(signal.profile_revision, until, live)
        incident = explaining(self.state, signal, at)
        more, mine = self._circumstances(customer, known, signal, incident, at)
        verdict = decide(signal, profile, customer.contacts, self.book, at, more)
        self._settle(customer, known, signal, verdict, more, mine, profile)

    def over(self, signal_id: str, known: SignalState, status: SignalStatus, ended: Signal | None, at: int) -> None:
        """The signal has ended after something went out about it. `ended`: as it ended, where that is at hand."""
        if known.stage is Stage.SENT and status is SignalStatus.RETRACTED:
            self.out.count("false_alarms")
        if known.request is not None and ended is not None:
            self._ask(cancelled(known.request, ended, at))
            known.request = None
            self.out.count("requests.cancelled")
        elif known.send_before is not None and ended is not None:
            if self.state.clock.value.live and at < known.send_before:
                self._cancel(known, ended, at)
            known.send_before = None
        keep(self.state, signal_id, known, at)

    def _cancel(self, known: SignalState, ended: Signal, at: int) -> None:
        """Says to whoever carries the message that it is not needed any more."""
        plan = self.book.plan(ended)
        verdict = Verdict(
            outcome=Outcome.SUPPRESSED,
            reason=Reason.RESOLVED,
            explanation=_NOT_ANY_MORE.format(ended.status),
            plan=plan,
            about=ended.rule,
            purpose=purpose_of(ended.polarity, plan),
        )
        known.decision += 1
        self._emit(self._decision(ended, known, verdict, None, at=at))

    def _circumstances(
        self, customer: CustomerState, known: SignalState, signal: Signal, incident: Known | None, at: int
    ) -> tuple[Circumstances, Held]:
        book, state, signal_id = self.book, self.state, signal.signal_id
        plan, telling = plan_of(book, signal, incident)
        mine = Held(at, -rank_of(plan.priority, signal.severity), to_ms(signal.at), signal_id, plan.route)
        told_by = customer.told.get(incident.incident, "") if telling and incident is not None else ""
        more = Circumstances(
            incident=incident,
            told_by="" if told_by == signal_id else told_by,
            since=known.first,
            turn=known.turn,
            turns=self.rations.turns(plan),
            taken=self.rations.taken(plan, at),
            turns_from=state.clock.value.at if state.clock.value.live else 0,
            winner=None if known.winner is None else Rival(*known.winner),
            waiting=ahead(state, book, customer, mine) if customer.held and plan.route is Route.CUSTOMER else None,
            ramp_left=self.rations.ramp_left(book.switches, at),
        )
        return more, mine

    def _settle(
        self, customer: CustomerState, known: SignalState, signal: Signal, verdict: Verdict, more: Circumstances,
        mine: Held, profile: Profile | None,
    ) -> None:  # fmt: skip
        at, signal_id = mine.at, signal.signal_id
        known.decision += 1
        known.first = at if known.first is None else known.first
        known.release_at, known.called = None, False
        if verdict.arm is not Arm.NONE:
            known.experiment, known.arm = verdict.experiment, verdict.arm
        customer.held = [one for one in customer.held if one.signal_id != signal_id]
        if verdict.telling and more.incident is not None and verdict.outcome is not Outcome.SUPPRESSED:
            customer.tell(more.incident.incident, signal_id)
        elif customer.told:
            customer.withdraw(signal_id)
        if more.turns is not None and (verdict.sent or verdict.reason is Reason.PACED):
            self.rations.take_turn(verdict.plan, more.turns, more.turn, at if verdict.sent else verdict.release_at)
        known.turn = verdict.release_at if verdict.reason is Reason.PACED else None
        if verdict.outcome is Outcome.HELD:
            known.stage = Stage.HELD
            self._emit(self._decision(signal, known, verdict, profile, at=at))
            self._hold(customer, known, verdict, mine)
        elif verdict.sent:
            self._go(customer, known, signal, verdict, mine, profile)
        else:
            self._stay(known, signal, verdict, more, at, profile)
        keep(self.state, signal_id, known, at)

    def _hold(self, customer: CustomerState, known: SignalState, verdict: Verdict, mine: Held) -> None:
        if verdict.release_at is None:
            return
        known.release_at = verdict.release_at
        held = mine._replace(at=verdict.release_at)
        insort(customer.held, held)
        if verdict.release_at <= self.state.clock.value.at:
            known.called = True
            customer.insert(held)  # it waited so long that the hold is over
            self.out.count("signals.waiting")

    def _stay(
        self, known: SignalState, signal: Signal, verdict: Verdict, more: Circumstances, at: int,
        profile: Profile | None,
    ) -> None:  # fmt: skip
        """Nothing goes out."""
        known.stage, known.signal = Stage.DONE, None
        by = ""
        if verdict.reason is Reason.INCIDENT:
            by = more.told_by
        elif verdict.reason is Reason.LOWER_PRIORITY:
            rival = more.winner or more.waiting
            by = rival.signal_id if rival is not None else ""
        if by and more.winner is None:
            link(self.state, by, signal.signal_id, at)
        self._emit(self._decision(signal, known, verdict, profile, at=at, linked=(by,) if by else ()))

    def _go(
        self, customer: CustomerState, known: SignalState, signal: Signal, verdict: Verdict, mine: Held,
        profile: Profile | None,
    ) -> None:  # fmt: skip
        """A message or a request goes out."""
        at, plan, observed = mine.at, verdict.plan, bool(verdict.observed_by)
        known.signal = None
        others = customer.waiting()
        earlier = customer.contacts
        customer.contacts = remembered(earlier, at, self.memory)
        channel = verdict.channel or plan.channels[0]
        customer.contacts.append(Contact(at, verdict.about, observed, channel, plan.cap_group, plan.route, -mine.rank))
        if plan.route is not Route.CUSTOMER:
            known.stage = Stage.ASKED
            decision = self._decision(signal, known, verdict, profile, at=at)
            self._emit(decision)
            open_ones = [one for one in (self._open(held, at) for held in others) if one is not None]
            suggestion = self._render(signal, verdict, profile, "").text if plan.route is Route.PERSON else ""
            journey = journey_of(signal, earlier, open_ones)
            request = request_of(decision, signal, verdict, profile, at=at, suggestion=suggestion, journey=journey)
            known.request = kept(request)
            self._ask(request)
            return
        known.stage = Stage.SENT
        linked = list(known.linked)
        if others:
            linked += behind(self.state, customer, mine, verdict)
        known.linked = []
        if not observed:
            self.rations.count(self.book.switches, at)
            known.send_before = verdict.send_before if self.state.clock.value.live else None
        message = None
        if profile is not None and verdict.channel is not None:
            address = profile.addresses[verdict.channel]
            tested = self.book.switches.test_recipient
            message = self._render(signal, verdict, profile, tested.get(verdict.channel, address))
        self._emit(
            self._decision(signal, known, verdict, profile, at=at, message=message, linked=tuple(linked[:MAX_LINKED]))
        )

    def _open(self, held: Held, at: int) -> Signal | None:
        known = self.state.signals.get(held.signal_id, at)
        return None if known is None else known.signal

    def _render(self, signal: Signal, verdict: Verdict, profile: Profile | None, address: str) -> Message:
        """The only place where texts are made. What is told of an incident has the text of the incident's rule."""
        plan = verdict.plan
        if plan.template is None and verdict.about != signal.rule:
            plan = replace(plan, template=verdict.about)
        channel = verdict.channel or plan.channels[0]
        return self.messages.render(signal, profile, channel, plan, decision_id(signal.signal_id), address)

    def _decision(
        self, signal: Signal, known: SignalState, verdict: Verdict, profile: Profile | None, *, at: int,
        message: Message | None = None, linked: tuple[str, ...] = (),
    ) -> Decision:  # fmt: skip
        plan = verdict.plan
        return trusted(
            Decision,
            decision_id=decision_id(signal.signal_id),
            revision=known.decision,
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
            observed=bool(verdict.observed_by),
            purpose=verdict.purpose,
            channel=verdict.channel,
            message=message,
            explanation=verdict.explanation,
            signal_at=signal.at,
            at=from_ms(at),
            release_at=None if verdict.release_at is None else from_ms(verdict.release_at),
            send_before=None if verdict.send_before is None else from_ms(verdict.send_before),
            profile_revision=0 if profile is None else profile.revision,
            policy=plan.id,
            route=plan.route,
            target=target_of(signal, plan),
            template=_template(verdict) if verdict.sent else "",
            observed_by=verdict.observed_by,
            experiment=known.experiment,
            arm=known.arm,
            priority=plan.priority,
            linked=linked,
        )

    def _emit(self, decision: Decision) -> None:
        self.out.count(f"decisions.{decision.reason}")
        self.out.send(DECISIONS, decision.customer.encode(), encode(decision), partition=self.partition)

    def _ask(self, request: Request) -> None:
        """To the partition of its target: the desk of a queue, or an owner, is not where the customer is."""
        self.out.send(REQUESTS, request.target.encode(), encode(request))


def _ended(signal: Signal, how: Ending) -> Signal:
    ended = copy(signal)
    ended.status, ended.revision = how
    return ended


def _template(verdict: Verdict) -> str:
    return verdict.plan.template or verdict.about
