"""Incidents: the same friction for many customers with one cause. Candidates and ticks in; signals and incidents out.

A cause is looked at again when time moves, not at each candidate: many come at once, and one revision tells of all.
Ticks come with the candidates, so what is told follows from the log, however it is cut into batches.
"""

from dataclasses import replace
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Batch, Outbox, Record
from touchline.pipeline.engine.store import NEVER, KeyedStore
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.engine.watermarks import Watermarks
from touchline.pipeline.friction.candidates import feeds, key_of
from touchline.pipeline.friction.cause import Cause
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.signals import SignalBuilder, Surroundings, signal_id
from touchline.pipeline.friction.state import Crossing, Emitted, Item
from touchline.pipeline.friction.terms import terms_of
from touchline.pipeline.friction.timeline import FINAL, TAKEN, paired, status_of
from touchline.schemas.candidate import Candidate
from touchline.schemas.codec import DecodeError, decode_candidate, encode
from touchline.schemas.incident import MAX_LISTED, Incident
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Scope, SignalStatus
from touchline.schemas.wire import CANDIDATES, INCIDENTS, SIGNALS

_AT_ONCE: Final = 0
"""The timer of a cause that something was added to: the next tick is past it."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Cause).decode


class IncidentState:
    """All that one shard keeps: causes by rule and group, and how far each shard of `journey` is."""

    def __init__(self) -> None:
        self.causes: KeyedStore[Cause] = KeyedStore(_encode, _decode)
        self.marks = Watermarks()

    @property
    def pieces(self) -> dict[str, Piece]:
        """For the changelog."""
        return {"c": self.causes, "w": self.marks}


class IncidentProcessor:
    """The logic of `incident` for one shard.

    Counters: `candidates.taken`, `duplicates`, `too_late`, `rules.unknown` (candidates of a rule that is not in force
    here), `rules.forgotten`, `evicted`, `evicted.recent`, `incidents.<status>`.
    """

    inputs = (CANDIDATES,)

    def __init__(self, rules: RuleSet, options: JourneyOptions | None = None) -> None:
        self.options = options or JourneyOptions()
        self._rules = {rule.spec.id: rule for rule in rules.incidents}
        fed = feeds(rules.incidents)
        graces = [rule.detector.timing.grace for rule in rules.rules if rule.spec.id in fed]
        longest = max([self.options.lateness, *self.options.source_lateness.values()])
        # A signal of an absence has its deadline as its time, and is raised when grace and lateness are over.
        self._lag = longest + max(graces, default=0)
        departments = {rule.spec.owner for rule in (*rules.rules, *rules.incidents)}
        self._builder = SignalBuilder(self.options.own_parties | departments, rules.hash)

    def new_state(self) -> IncidentState:
        """Empty state."""
        return IncidentState()

    def process(self, batch: Batch, state: IncidentState, out: Outbox) -> None:
        """Takes in candidates and ticks. An empty batch changes nothing: time comes in by ticks."""
        for record in batch.records:
            tick = tick_of(record)
            if tick is None:
                self._record(record, state, out)
            elif state.marks.tick(tick):
                self._evaluate(batch.partitions, state, out)

    def _record(self, record: Record, state: IncidentState, out: Outbox) -> None:
        try:
            candidate = decode_candidate(record.value or b"")
        except DecodeError:
            out.count("undecodable")
            return
        rule = self._rules.get(candidate.rule)
        if rule is None:
            out.count("rules.unknown")
            return
        key, horizon = key_of(candidate.rule, candidate.group), self._horizon(state)
        cause = state.causes.get(key, 0)
        if cause is None:
            cause = Cause(rule.key)
        if not candidate.roles:
            cause.retract(candidate.event, candidate.customer, least=int(rule.threshold or 0))
        else:
            if candidate.by_signal and candidate.at >= horizon:
                cause.withdraw(candidate.event)  # its anchors may have moved since it was told first
            taken = cause.take(_item(candidate), rule.detector, horizon, late=candidate.late)
            out.count("candidates.taken" if taken is TAKEN else taken.value)
        state.causes.put(key, cause, due=_AT_ONCE)

    def _horizon(self, state: IncidentState) -> int:
        low = state.marks.low
        return 0 if low is None else max(low - self._lag, 0)

    def _evaluate(self, partitions: int, state: IncidentState, out: Outbox) -> None:
        horizon = self._horizon(state)
        telling = _Telling(self._builder, state.marks.low or 0, horizon, bool(state.marks.stalled), partitions, out)
        for _, key, cause in state.causes.due(horizon):
            name, _, group = key.partition(" ")
            rule = self._rules.get(name)
            if rule is None or rule.key != cause.rule:
                telling.close(rule, group, cause)
                state.causes.drop(key)
                continue
            telling.tell(rule, group, cause)
            due = cause.next_due(rule.detector, horizon)
            if due == NEVER:
                state.causes.drop(key)
            else:
                state.causes.put(key, cause, due=due)


def _item(candidate: Candidate) -> Item:
    """A candidate as the detector sees it; `source` is the customer."""
    return Item(
        candidate.at, candidate.partition, candidate.offset, candidate.event, candidate.customer, candidate.roles,
        candidate.party, candidate.channel.value, candidate.facts,
    )  # fmt: skip


class _Telling:
    """What is said of causes at one moment. `low`: how far the stream is; `horizon`: what comes is not before it."""

    def __init__(
        self, builder: SignalBuilder, low: int, horizon: int, provisional: bool, partitions: int, out: Outbox
    ) -> None:
        self._builder = builder
        self._low, self._horizon, self._provisional = low, horizon, provisional
        self._partitions = partitions
        self._out = out

    def tell(self, rule: Rule, group: str, cause: Cause) -> None:
        """Says what has changed, and lets go of what is over."""
        before = cause.base.evicted
        machine, items, spilled = cause.evaluate(rule.detector, self._horizon)
        for what, n in (("evicted", cause.base.evicted - before), ("evicted.recent", spilled)):
            if n > 0:
                self._out.count(what, n)
        for old, crossing in paired(cause.emitted, machine.crossings):
            if crossing is not None:
                self._crossing(rule, group, cause, old, crossing, items)
            elif old is not None and old.status not in FINAL:
                old.status = SignalStatus.RETRACTED.value
                self._send(rule, group, cause, old)
        for signal in cause.forget(rule.detector, self._horizon):
            self._row(signal, None)

    def close(self, rule: Rule | None, group: str, cause: Cause) -> None:
        """Ends what a rule has open whose logic is another now, or that is gone: then nobody can say any more whose it
        was, and only the table of incidents is told."""
        self._out.count("rules.forgotten")
        for said in cause.emitted:
            if rule is not None and said.status not in FINAL:
                said.status = SignalStatus.EXPIRED.value
                self._send(rule, group, cause, said)
            self._row(said.signal, None)

    def _crossing(
        self, rule: Rule, group: str, cause: Cause, old: Emitted | None, crossing: Crossing, items: tuple[Item, ...]
    ) -> None:
        status = status_of(crossing, 1 if old is None else old.revision + 1, rule.detector.timing, self._horizon)
        said = old
        if said is None:
            taken = [known.signal for known in cause.emitted]
            said = Emitted(signal_id(rule, group, crossing, taken), 0, status.value, crossing)
            cause.emitted.append(said)
        earlier, was = said.crossing, said.status
        said.crossing = crossing
        customers = cause.note_affected(said, items)
        said.crossing = msgspec.structs.replace(crossing, facts={**crossing.facts, "": {"customers": customers}})
        if old is not None and _is_known(earlier, was, said.crossing, status):
            return
        said.status = status.value
        self._send(rule, group, cause, said)

    def _send(self, rule: Rule, group: str, cause: Cause, said: Emitted) -> None:
        said.revision += 1
        around = Surroundings(group, group, self._low, 0, self._provisional)
        signal = replace(self._builder.signal(terms_of(rule), said, around), scope=Scope.INCIDENT)
        self._out.send(SIGNALS, group.encode(), encode(signal))
        self._row(said.signal, encode(_incident(rule, cause, said, signal)))
        self._out.count(f"incidents.{said.status}")

    def _row(self, signal: str, row: bytes | None) -> None:
        """Each partition has the whole table, so that a shard reads its own and knows all incidents."""
        for partition in range(self._partitions):
            self._out.send(INCIDENTS, signal.encode(), row, partition=partition)


def _is_known(earlier: Crossing, was: str, crossing: Crossing, status: SignalStatus) -> bool:
    """Whether there is nothing new to say."""
    is_open = status in {SignalStatus.OPENED, SignalStatus.UPDATED}
    if is_open == (was in FINAL) or (not is_open and was != status.value):
        return False
    return (earlier.at, earlier.events, earlier.total, earlier.count, earlier.last, earlier.closed, earlier.facts) == (
        crossing.at, crossing.events, crossing.total, crossing.count, crossing.last, crossing.closed, crossing.facts,
    )  # fmt: skip


def _incident(rule: Rule, cause: Cause, said: Emitted, signal: Signal) -> Incident:
    return Incident(
        incident_id=signal.signal_id,
        revision=signal.revision,
        status=signal.status,
        rule=signal.rule,
        rule_version=signal.rule_version,
        group=signal.group,
        party=signal.party,
        control=signal.control,
        severity=signal.severity,
        owner=signal.owner,
        covers=rule.spec.covers,
        customers=len(cause.affected.get(said.signal, {})),
        affected=cause.first_affected(said.signal, MAX_LISTED),
        at=signal.at,
        last=from_ms(said.crossing.last),
        raised_at=signal.raised_at,
        evidence=signal.evidence,
    )
