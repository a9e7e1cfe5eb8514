"""Tells customers' journeys of incidents that may reach them next, before they complain.

A shard of `journey` has its customers' exposure at hand. It looks at a customer when their exposure changes, and
through all of them, a portion a batch, when an incident begins or ends; in either case as of the time up to which the
agent `incident` has told of everything. What is said follows from what stood when, not from when it was looked at.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Batch, Outbox
from touchline.pipeline.engine.store import NEVER, Cell, KeyedStore
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.engine.watermarks import Watermarks
from touchline.pipeline.friction.announce import foretold
from touchline.pipeline.friction.exposure import Change, Exposure, Span, Told
from touchline.pipeline.friction.fields import read
from touchline.pipeline.friction.incidents import Known, KnownIncidents
from touchline.pipeline.friction.profile import ProfileState
from touchline.pipeline.friction.rules import CUSTOMER, Rule, RuleSet
from touchline.pipeline.friction.signals import SignalBuilder
from touchline.pipeline.friction.state import UNLESS
from touchline.pipeline.friction.terms import Terms, new_terms, terms_of
from touchline.pipeline.friction.timeline import FINAL
from touchline.schemas.codec import decode_incident, encode
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import SignalStatus
from touchline.schemas.wire import SIGNALS

PORTION: Final = 500
"""How many customers are looked through in a batch when an incident begins or ends."""

_LONGEST_NAME: Final = 160
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Exposure).decode

ProfileOf = Callable[[str], ProfileState | None]


class _Place(msgspec.Struct, array_like=True):
    """`wanted`: times by which all customers have to be looked through; `running`: that has begun, as of the time when
    it did; `live`: whether the table of incidents moves with the wall clock."""

    wanted: list[int] = []
    running: int | None = None
    live: bool = True


def _decode_place(data: bytes) -> _Place:
    return msgspec.msgpack.decode(data, type=_Place)


class OutlookState:
    """What a shard of `journey` keeps for incidents: its customers' exposure, the table, how far it is told, and what
    signals say of rules. `left`: the customers who are still to be looked through; None when that has not begun in this
    memory."""

    def __init__(self) -> None:
        self.customers: KeyedStore[Exposure] = KeyedStore(_encode, _decode)
        self.incidents = KnownIncidents()
        self.marks = Watermarks()
        self.place = Cell(_Place(), _encode, _decode_place)
        self.terms = new_terms()
        self.left: Iterator[str] | None = None

    @property
    def pieces(self) -> dict[str, Piece]:
        """For the changelog."""
        return {"x": self.customers, "xi": self.incidents, "xw": self.marks, "xp": self.place, "xr": self.terms}

    def low(self, lateness: int) -> int:
        """Up to when customers can be looked at: incidents are told up to then. In history also all that exposes has
        come by then, so that what is told does not depend on what was read first."""
        low = self.marks.low
        if low is None:
            return 0
        return low if self.place.value.live else max(low - lateness - 1, 0)  # what is as late as may be counts

    def has_work(self, lateness: int) -> bool:
        """Whether there is a reason to look through the customers, or that has begun."""
        place, low = self.place.value, self.low(lateness)
        return low > 0 and (place.running is not None or any(time <= low for time in place.wanted))


class Outlook:
    """The rules that say who is exposed, at work. `lateness`: the longest, in milliseconds."""

    def __init__(self, rules: RuleSet, own_parties: frozenset[str], lateness: int) -> None:
        exposing = [rule for rule in rules.incidents if rule.spec.exposed is not None]
        self._exposing = {_name(rule): rule for rule in exposing}
        self._within = {name: _within(rule) for name, rule in self._exposing.items()}
        self._listening = RuleSet(tuple(_listener(rule) for rule in exposing), rules.hash, rules.tally)
        self._names = [_name(rule) for rule in exposing]
        self._ids = {rule.spec.id for rule in exposing}
        departments = {rule.spec.owner for rule in (*rules.rules, *rules.incidents)}
        self._builder = SignalBuilder(own_parties | departments, rules.hash)
        self._lateness = lateness
        self.noted: list[tuple[str, str, str, int]] = []

    def note(self, rule: str, group: str, customer: str, at: int) -> None:
        """A customer counts as affected by a cause; taken into the state at the end of the batch, by `remember`."""
        if rule in self._ids:
            self.noted.append((rule, group, customer, at))

    def remember(self, state: OutlookState) -> None:
        """Takes in what was noted."""
        for rule, group, customer, at in self.noted:
            exposure = state.customers.get(customer, 0) or Exposure()
            exposure.count(f"{rule} {group}", at)
            self._keep(customer, exposure, at, state)
        self.noted.clear()

    def begin(self, state: OutlookState) -> None:
        """Other rules are in force: all customers are looked through for what those before have left."""
        for rule in self._exposing.values():
            state.terms.put(rule.spec.id, terms_of(rule))
        if len(state.incidents):
            state.place.value.wanted.append(0)
            state.place.touch()

    def waits_for(self, kind: str) -> bool:
        """Whether any rule waits for that kind of event."""
        return any(pattern.wants(kind) for rule in self._listening.rules for pattern in rule.patterns)

    def event(self, event: EnrichedTouchpoint, state: OutlookState, out: Outbox, *, too_late: bool) -> None:
        """What happened to a customer. What comes too late exposes nobody any more."""
        at = to_ms(event.occurred_at)
        for number, roles in self._listening.hits(event):
            rule, name = self._listening.rules[number], self._names[number]
            exposed, over = rule.spec.exposed, bool(roles & UNLESS)
            if exposed is None or (too_late and not over):
                continue
            thing = "" if exposed.by == CUSTOMER else _named(exposed.by, read(event, exposed.by))
            cause = "" if over else _named(rule.spec.per, read(event, rule.spec.per))
            if thing is None or cause is None:
                self._listening.tally(rule.spec.id, exposed.by if thing is None else rule.spec.per)
                continue
            cause = f"{rule.spec.id} {cause}" if cause else ""
            change = Change(at, event.raw_partition, event.raw_offset, event.event_id, cause)
            exposure = state.customers.get(event.customer, 0) or Exposure()
            evicted = exposure.change(name, thing, change)
            if evicted is not None:
                self._keep(event.customer, exposure, at, state)
            if evicted:
                out.count("evicted.exposure", evicted)

    def _keep(self, customer: str, exposure: Exposure, changed: int, state: OutlookState) -> None:
        """`changed`: the time as of which there is something new, which matters when there are incidents."""
        incidents, low = len(state.incidents) > 0, state.low(self._lateness)
        due = exposure.next_due(self._within, low, self._lateness, incidents=incidents)
        state.customers.put(customer, exposure, due=min(changed, due) if incidents else due)

    def heard(self, batch: Batch, state: OutlookState, out: Outbox, profile_of: ProfileOf) -> None:
        """Rows of the table of incidents, and how far it is told."""
        for record in batch.records:
            tick = tick_of(record)
            if tick is None:
                if record.value is not None:
                    row = decode_incident(record.value)
                    if state.terms.get(row.rule, 0) is not None and state.incidents.take(row):
                        state.place.value.wanted.append(to_ms(row.opened_at if row.is_open else row.raised_at))
                        state.place.touch()
                continue
            place = state.place.value
            if place.live != (tick.wall is not None):
                place.live = tick.wall is not None
                state.place.touch()
            if state.marks.tick(tick):
                low = state.low(self._lateness)
                for _, customer, exposure in state.customers.due(low):
                    self._look(customer, exposure, low, state, out, profile_of)

    def work(self, state: OutlookState, out: Outbox, profile_of: ProfileOf) -> None:
        """Looks through a portion of the customers, if there is a reason to."""
        if not state.has_work(self._lateness):
            return
        place, low = state.place.value, state.low(self._lateness)
        if place.running is None:
            place.wanted = [time for time in place.wanted if time > low]
            place.running = low
            state.place.touch()
            state.left = None
        if state.left is None:
            state.left = state.customers.keys()
        count = 0
        for customer in islice(state.left, PORTION):
            count += 1
            exposure = state.customers.get(customer, 0)
            if exposure is not None:
                self._look(customer, exposure, low, state, out, profile_of)
        if count < PORTION:
            state.incidents.forget(place.running)
            place.running, state.left = None, None
            state.place.touch()

    def _look(
        self, customer: str, exposure: Exposure, low: int, state: OutlookState, out: Outbox, profile_of: ProfileOf
    ) -> None:
        """Says what has changed for a customer as of a time."""
        profile = profile_of(customer)
        if profile is not None and profile.erased is not None:
            exposure.things.clear()
        stands: dict[str, Known] = {}
        for name, rule in self._exposing.items():
            for cause in exposure.causes(name):
                for known in state.incidents.of(cause):
                    stands[known.incident] = known
                    span = exposure.span(name, cause, known, _within(rule))
                    said = span if span is not None and span.since <= low else None
                    self._say(_Case(customer, exposure, known, low, profile), said, state, out)
        everything = {known.incident: known for known in state.incidents.all()}
        for incident in [one for one in exposure.told if one not in stands]:
            if incident in everything:
                self._say(_Case(customer, exposure, everything[incident], low, profile), None, state, out)
            else:
                del exposure.told[incident]
        exposure.forget(self._within, low, low - self._lateness, state.incidents)
        if exposure.is_empty:
            state.customers.drop(customer)
        else:
            self._keep(customer, exposure, NEVER, state)

    def _say(self, case: "_Case", span: Span | None, state: OutlookState, out: Outbox) -> None:
        told, incident = case.exposure.told.get(case.known.incident), case.known
        terms = state.terms.get(incident.rule, 0)
        if terms is None:
            return
        if span is None:
            if told is not None and told.status not in FINAL:  # disproved by what came late, unless the rule is gone
                gone = incident.rule not in self._ids
                status = SignalStatus.EXPIRED if gone else SignalStatus.RETRACTED
                self._tell(case, told, status, case.low, terms, out)
            return
        over = span.until <= case.low
        if told is None:
            if over and state.place.value.live:
                return  # nobody could be told of it any more
            told = case.exposure.told[incident.incident] = Told(0, "", span.since, span.thing, span.event)
            self._tell(case, told, SignalStatus.OPENED, span.since, terms, out)
        if over and told.status not in FINAL:
            ended = SignalStatus.RETRACTED if incident.disproved and span.until == incident.ended else None
            self._tell(case, told, ended or SignalStatus.RESOLVED, span.until, terms, out)

    def _tell(self, case: "_Case", told: Told, status: SignalStatus, raised: int, terms: Terms, out: Outbox) -> None:
        told.revision += 1
        told.status = status.value
        revision = 0 if case.profile is None else case.profile.revision
        signal = foretold(self._builder, terms, case.known, case.customer, told, max(raised, told.at))
        signal.profile_revision = revision
        out.send(SIGNALS, case.customer.encode(), encode(signal))
        out.count(f"exposed.{status}")


class _Case(msgspec.Struct):
    customer: str
    exposure: Exposure
    known: Known
    low: int
    profile: ProfileState | None


def _within(rule: Rule) -> int:
    exposed = rule.spec.exposed
    return 0 if exposed is None else exposed.within


def _name(rule: Rule) -> str:
    """Of what is kept for a rule: another way of being exposed has another."""
    logic = json.dumps((rule.spec.per, asdict(rule.spec)["exposed"]), sort_keys=True, default=str)
    return f"{rule.spec.id}:{hashlib.blake2b(logic.encode(), digest_size=4).hexdigest()}"


def _listener(rule: Rule) -> Rule:
    """A rule that waits for what exposes."""
    return Rule(rule.spec, rule.key, rule.detector, rule.exposed, (), None, rule.evidence, rule.threshold, rule.within)


def _named(kind: str, value: object) -> str | None:
    """A thing or a cause by its kind, as the groups of rules are called."""
    return None if value is None else f"{kind}:{value}"[:_LONGEST_NAME]
