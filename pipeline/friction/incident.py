"""Incidents: the same friction for many customers with one cause. Candidates and ticks in; signals and incidents out.

On the live clock a cause is looked at when time moves, with all that has come by then: many candidates come at once,
and one revision tells of all. In history (the log clock) journeys are as far apart as they are read, so causes are
worked off in order, a slot of time after the other, once nothing can come any more that belongs into it: what is told
then follows from the log alone, whatever was read first.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final, cast

import msgspec

from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Batch, Outbox, Record
from touchline.pipeline.engine.store import NEVER, Cell, KeyedStore
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.engine.watermarks import Watermarks
from touchline.pipeline.friction.affected import AffectedDetector
from touchline.pipeline.friction.announce import Telling
from touchline.pipeline.friction.candidates import TICK_EVERY, key_of, send_ticks
from touchline.pipeline.friction.cause import Cause, decode_cause, encode_cause
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.friction.roll import WITHDRAWN
from touchline.pipeline.friction.rules import Rule, RuleSet, counted_rules
from touchline.pipeline.friction.signals import SignalBuilder
from touchline.pipeline.friction.state import Item
from touchline.pipeline.friction.terms import new_terms, terms_of
from touchline.schemas.candidate import Candidate
from touchline.schemas.codec import DecodeError, decode_candidate
from touchline.schemas.control import Tick
from touchline.schemas.wire import CANDIDATES, INCIDENTS

SLOT: Final = TICK_EVERY
"""In history all that falls into so many milliseconds is told at once."""

_AT_ONCE: Final = 0
"""The timer of a cause that something was added to: the next tick is past it."""

_PORTION: Final = 500
"""How many causes are looked through in a batch after the rules have changed."""


class _Place(msgspec.Struct, array_like=True):
    """How far a shard is. `told`: up to when it has told of everything; `ruleset`: the hash of the rules under which it
    works; `settled`: no cause is left of other rules."""

    told: int = 0
    ruleset: str = ""
    settled: bool = True


def _decode_place(data: bytes) -> _Place:
    return msgspec.msgpack.decode(data, type=_Place)


class IncidentState:
    """All that one shard keeps: causes by rule and group, how far each shard of `journey` is, and what signals say of
    rules, also of those before. `unsettled`: the causes that are still to be looked through; None when that has not
    begun in this memory."""

    def __init__(self) -> None:
        self.causes: KeyedStore[Cause] = KeyedStore(encode_cause, decode_cause)
        self.marks = Watermarks()
        self.place = Cell(_Place(), msgspec.msgpack.encode, _decode_place)
        self.terms = new_terms()
        self.unsettled: Iterator[str] | None = None

    @property
    def pieces(self) -> dict[str, Piece]:
        """For the changelog."""
        return {"c": self.causes, "w": self.marks, "p": self.place, "r": self.terms}


class IncidentProcessor:
    """The logic of `incident` for one shard.

    Counters: `candidates.taken`, `duplicates`, `too_late`, `rules.unknown` (candidates of a rule that is not in force
    here), `rules.forgotten`, `evicted`, `evicted.recent`, `incidents.<status>`.
    """

    inputs = (CANDIDATES,)

    def __init__(self, rules: RuleSet, options: JourneyOptions | None = None) -> None:
        self.options = options or JourneyOptions()
        self._longest = max([self.options.lateness, *self.options.source_lateness.values()])
        self.put_in_force(rules)

    def put_in_force(self, rules: RuleSet) -> None:
        """Another set of rules, for all that is processed from now on. What did not change goes on where it was, what
        did starts afresh, and what it had open expires."""
        self.rules = rules
        self._incidents = {rule.spec.id: rule for rule in rules.incidents}
        self._keys = {rule.key for rule in rules.incidents}
        graces = {rule.spec.id: rule.detector.timing.grace for rule in rules.rules}
        # A signal of an absence has its deadline as its time, and is raised when grace and lateness are over.
        self.lags = {
            rule.spec.id: self._longest + max((graces[name] for name in counted_rules(rule.spec)), default=0)
            for rule in rules.incidents
        }
        departments = {rule.spec.owner for rule in (*rules.rules, *rules.incidents)}
        self._builder = SignalBuilder(self.options.own_parties | departments, rules.hash)

    def new_state(self) -> IncidentState:
        """Empty state."""
        return IncidentState()

    def process(self, batch: Batch, state: IncidentState, out: Outbox) -> None:
        """Takes in candidates and ticks. An empty batch changes nothing but what other rules left: time comes in by
        ticks."""
        place = state.place.value
        if place.ruleset != self.rules.hash:
            self._begin_under_these_rules(state)
        if not place.settled:
            self._settle_some(batch, state, out)
        for record in batch.records:
            tick = tick_of(record)
            if tick is None:
                self._record(record, state, out)
            elif state.marks.tick(tick):
                self._move(tick, batch, state, out)

    def _begin_under_these_rules(self, state: IncidentState) -> None:
        for rule in self.rules.incidents:
            state.terms.put(rule.key, terms_of(rule))
        place = state.place.value
        place.ruleset, place.settled = self.rules.hash, False
        state.place.touch()
        state.unsettled = None

    def _settle_some(self, batch: Batch, state: IncidentState, out: Outbox) -> None:
        """Looks through some causes for those that other rules left."""
        if state.unsettled is None:
            state.unsettled = state.causes.keys()
        low = state.marks.low or 0
        telling = Telling(self._builder, low, low, False, batch.partitions, out)
        count = 0
        for key in islice(state.unsettled, _PORTION):
            count += 1
            cause = state.causes.get(key, 0)
            if cause is not None and cause.rule not in self._keys:
                self._close(telling, key, cause, state)
                state.causes.drop(key)
        if count < _PORTION:
            state.unsettled = None
            state.place.value.settled = True
            state.place.touch()
            for name in sorted(set(state.terms.keys()) - self._keys):
                state.terms.drop(name)

    @staticmethod
    def _close(telling: Telling, key: str, cause: Cause, state: IncidentState) -> None:
        telling.out.count("rules.forgotten")
        telling.close(state.terms.get(cause.rule, 0), key.partition(" ")[2], cause)

    def _record(self, record: Record, state: IncidentState, out: Outbox) -> None:
        try:
            candidate = decode_candidate(record.value or b"")
        except DecodeError:
            out.count("undecodable")
            return
        rule = self._incidents.get(candidate.rule)
        if rule is None:
            out.count("rules.unknown")
            return
        key, horizon = key_of(candidate.rule, candidate.group), self._horizon(state, rule)
        cause = state.causes.get(key, 0)
        if cause is not None and cause.rule != rule.key:
            self._close(Telling(self._builder, horizon, horizon, False, 1, out), key, cause, state)
            cause = None
        if cause is None:
            cause = Cause(rule.key)
        detector, item = _detector(rule), _item(candidate)
        late = candidate.noticed - candidate.at > self._longest
        if candidate.by_signal and not candidate.roles and late:  # it counted until then, wherever the horizon is now
            item = msgspec.structs.replace(item, at=candidate.noticed, roles=WITHDRAWN)
        elif candidate.by_signal and candidate.at >= horizon:
            cause.remove(candidate.event)  # it was none, or may have moved since it was told first
        if item.roles:
            taken = cause.take(item, detector, horizon)
            out.count("candidates.taken" if taken is None else taken.value)
        state.causes.put(key, cause, due=_AT_ONCE)

    def _horizon(self, state: IncidentState, rule: Rule) -> int:
        """No candidate of a rule before it is still to come in time."""
        return max((state.marks.low or 0) - self.lags[rule.spec.id], 0)

    def _move(self, tick: Tick, batch: Batch, state: IncidentState, out: Outbox) -> None:
        """Time has come so far."""
        low, live = state.marks.low or 0, tick.wall is not None
        telling = Telling(self._builder, low, low, bool(state.marks.stalled), batch.partitions, out)
        for _, key, cause in state.causes.due(low):
            rule = self._incidents.get(key.partition(" ")[0])
            if rule is None or rule.key != cause.rule:
                self._close(telling, key, cause, state)
                state.causes.drop(key)
                continue
            horizon = self._horizon(state, rule)
            due = (self._look if live else self._work_off)(telling, rule, key, cause, horizon)
            if due == NEVER:
                state.causes.drop(key)
            else:
                state.causes.put(key, cause, due=due + self.lags[rule.spec.id])
            telling.noticed = low
        if low > state.place.value.told:
            state.place.value.told = low
            state.place.touch()
            send_ticks(out, INCIDENTS, batch.partition, batch.partitions, low, tick.wall)

    def _look(self, telling: Telling, rule: Rule, key: str, cause: Cause, horizon: int) -> int:
        """Tells of a cause with all that has come. Returns when it has to be looked at again."""
        detector, group = _detector(rule), key.partition(" ")[2]
        telling.until = horizon
        self._fold(telling, detector, cause, horizon)
        telling.tell(rule, group, cause, cause.tip(detector))
        for signal in cause.forget(detector, horizon):
            telling.drop(signal)
        return cause.next_due(detector, horizon, live=True)

    def _work_off(self, telling: Telling, rule: Rule, key: str, cause: Cause, horizon: int) -> int:
        """Tells of a cause as of each slot in which something of it changes, and as of when nothing could come before
        the end of the slot any more. Returns when the next one is over."""
        detector, group, lag = _detector(rule), key.partition(" ")[2], self.lags[rule.spec.id]
        while True:
            due = cause.next_due(detector, cause.reached, live=False)
            slot = due if due == NEVER else due + -due % SLOT
            if slot > horizon:
                return slot
            cause.reached = telling.until = slot
            telling.noticed = slot + lag
            self._fold(telling, detector, cause, slot)
            telling.tell(rule, group, cause, cause.base)
            for signal in cause.forget(detector, slot):
                telling.drop(signal)

    @staticmethod
    def _fold(telling: Telling, detector: AffectedDetector, cause: Cause, until: int) -> None:
        before = cause.base.machine.evicted
        spilled = cause.fold(detector, until)
        for what, n in (("evicted", cause.base.machine.evicted - before), ("evicted.recent", spilled)):
            if n > 0:
                telling.out.count(what, n)


def _detector(rule: Rule) -> AffectedDetector:
    return cast("AffectedDetector", rule.detector)


def _item(candidate: Candidate) -> Item:
    """A candidate as the detector sees it; `source` is the customer."""
    return Item(
        candidate.at, candidate.partition, candidate.offset, candidate.event, candidate.customer, candidate.roles,
        candidate.party, candidate.channel.value, candidate.facts,
    )  # fmt: skip
