"""What one rule did with one customer's events: the engine of the live run, one event at a time, and looked at between.

Nothing here decides anything: it hands events to the processor, and notes the state and the signals before and after.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from touchline.pipeline.engine.clock import HOUR, SECOND, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.customer import Group
from touchline.pipeline.friction.evidence import shown_length, shown_time
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor, JourneyState
from touchline.pipeline.friction.linking import parts_of
from touchline.pipeline.friction.places import Place, fits, patterns
from touchline.pipeline.friction.rules import CUSTOMER, Rule, RuleSet
from touchline.pipeline.friction.state import EMPTY, FIRST, End, Machine
from touchline.pipeline.friction.timeline import tip_of
from touchline.pipeline.friction.verdict import Verdict, fields_told, judge
from touchline.schemas.codec import decode_signal, encode
from touchline.schemas.control import Tick
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.wire import SIGNALS, TICK_HEADER, TOUCHPOINTS

States = dict[str, Machine]
"""What a rule keeps of each of its groups."""


@dataclass(frozen=True, slots=True)
class Part:
    """A pattern of the rule whose kind an event has, and what its condition came to (None: it has none)."""

    role: str
    verdict: Verdict | None

    @property
    def holds(self) -> bool | None:
        """Whether the event fits; None: unknown."""
        return True if self.verdict is None else self.verdict.holds


@dataclass(frozen=True, slots=True)
class Step:
    """One event, or time that passed (`event` None). `at` in milliseconds: when it happened; of time, how far it
    had gone when something came to light.

    `parts`: empty when the rule does not wait for such events. `lacks`: the field without which it does not count.
    `groups`: those that it belongs to. `before`, `after`: the state of those that changed. `linked`: what was said by
    the rules that a rule on rules names."""

    at: int
    event: EnrichedTouchpoint | None
    parts: tuple[Part, ...] = ()
    lacks: str | None = None
    groups: tuple[str, ...] = ()
    too_late: bool = False
    values: dict[str, Value] = field(default_factory=dict)
    before: States = field(default_factory=dict)
    after: States = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    linked: tuple[Signal, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether the event plays a part in the rule."""
        return any(part.holds for part in self.parts) and self.lacks is None and not self.too_late


@dataclass(slots=True)
class Tracer:
    """Traces a rule. `options` as in the live run."""

    rules: RuleSet
    rule: Rule
    options: JourneyOptions
    _shard: LocalShard = field(init=False)
    _places: list[Place] = field(init=False)
    _offset: int = 0

    def __post_init__(self) -> None:
        self._shard = LocalShard(JourneyProcessor(self.rules, self.options), 0, 1)
        self._places = patterns(self.rule.spec)

    def trace(self, events: Sequence[EnrichedTouchpoint], until: int) -> list[Step]:
        """What became of one customer's events that had arrived by `until` (milliseconds), in the order of arrival, and
        of the time between them."""
        steps: list[Step] = []
        high = min((to_ms(event.occurred_at) for event in events), default=until) - HOUR
        for event in events:
            at = to_ms(event.occurred_at)
            arrived = at + round(event.late_seconds * SECOND)
            if arrived > until:
                continue
            high = max(high, arrived)
            steps.extend(self._time(event.customer, high))
            steps.append(self._event(event, at))
        if events and until >= high:
            steps.extend(self._time(events[0].customer, until))
        return steps

    def _time(self, customer: str, high: int) -> list[Step]:
        """Time comes to `high`, by way of each deadline that falls due, so that each is told with its own time."""
        timing = self.rule.detector.timing
        waits = timing.grace + self.options.lateness
        pending = [one for machine in self._states(customer).values() for one in machine.pending if not one.closed]
        due = sorted({at for one in pending if (at := one.deadline + waits + 1) < high})
        return [step for at in (*due, high) for step in self._tick(customer, at)]

    def _tick(self, customer: str, high: int) -> list[Step]:
        """A step only when the rule says something."""
        before = self._states(customer)
        value = encode(Tick(partition=0, partitions=1, high=high))
        signals = self._process(PlainRecord(self._next(), high, None, value, ((TICK_HEADER, b"1"),)), customer)
        own, linked = self._told(signals)
        if not signals:
            return []
        noticed = min(to_ms(signal.raised_at) for signal in signals)
        return [Step(noticed, None, before=before, after=self._states(customer), signals=own, linked=linked)]

    def _event(self, event: EnrichedTouchpoint, at: int) -> Step:
        before = self._states(event.customer)
        parts = tuple(self._parts(event, before))
        names = [] if self.rule.spec.per == CUSTOMER else [self.rule.spec.per]
        lateness = self.options.source_lateness.get(event.source, self.options.lateness)
        lacks = next((name for name in self._needed() if parts and self._missing(event, name)), None)
        record = PlainRecord(self._next(), at, event.customer.encode(), encode(event))
        own, linked = self._told(self._process(record, event.customer))
        after = self._states(event.customer)
        changed = {name for name in {**before, **after} if before.get(name) != after.get(name)}
        return Step(
            at, event, parts, lacks, tuple(self.rule.groups(event)) if parts else (),
            event.late_seconds * SECOND > lateness, fields_told(event, (*names, *self.rule.captures)),
            {name: state for name, state in before.items() if name in changed},
            {name: state for name, state in after.items() if name in changed}, own, linked,
        )  # fmt: skip

    def _needed(self) -> list[str]:
        return [name for name in (self.rule.needs, self.rule.spec.per) if name is not None and name != CUSTOMER]

    def _missing(self, event: EnrichedTouchpoint, name: str) -> bool:
        """Whether an event lacks what the rule counts or counts by, as the rule itself sees it."""
        if name == self.rule.spec.per and not self.rule.groups(event):
            return True
        return name == self.rule.needs and self.rule.view(event, to_ms(event.occurred_at), FIRST) is None

    def _parts(self, event: EnrichedTouchpoint, states: States) -> list[Part]:
        found: list[Part] = []
        for place in self._places:
            if any(fits(event.kind, kind) for kind in place.kinds):
                known = self._known(event, states)
                verdict = judge(place.condition, event, known) if place.condition is not None else None
                found.append(Part(_role(place), verdict))
        return found

    def _known(self, event: EnrichedTouchpoint, states: States) -> dict[str, dict[str, Value]]:
        """What is kept of the newest earlier event of each name, for conditions that look at one."""
        known: dict[str, dict[str, Value]] = {}
        names: Sequence[str] = getattr(self.rule.detector, "names", ())
        for group in self.rule.groups(event):
            machine = states.get(group)
            if machine is None:
                continue
            for item in machine.window:
                known.update({name: item.facts for n, name in enumerate(names) if item.roles & (FIRST << n)})
            for pending in machine.pending:
                known[getattr(self.rule.detector, "alias", "")] = pending.item.facts
        return known

    def _states(self, customer: str) -> States:
        state: JourneyState = self._shard.state
        kept = state.customers.get(customer, 0)
        if kept is None:
            return {}
        key, detector = self.rule.key, self.rule.detector
        names = {mark[1] for heard in kept.recent for mark in heard.marks if mark[0] == key}
        groups = {**{name: Group() for name in sorted(names)}, **kept.groups.get(key, {})}
        states = {name: tip_of(kept, key, name, group, detector) for name, group in groups.items()}
        return {name: state for name, state in states.items() if state is not EMPTY}

    def _process(self, record: PlainRecord, customer: str) -> tuple[Signal, ...]:
        outputs = self._shard.process(TOUCHPOINTS, [record], 0)
        self._shard.changelog.clear()
        found = (decode_signal(o.value or b"") for o in outputs if o.topic == SIGNALS and o.key is not None)
        wanted = {self.rule.spec.id, *parts_of(self.rule)}
        return tuple(s for s in found if s.rule in wanted and s.customer == customer)

    def _told(self, signals: Sequence[Signal]) -> tuple[tuple[Signal, ...], tuple[Signal, ...]]:
        """The rule's own, and those of the rules that it names."""
        own = tuple(signal for signal in signals if signal.rule == self.rule.spec.id)
        return own, tuple(signal for signal in signals if signal.rule != self.rule.spec.id)

    def _next(self) -> int:
        self._offset += 1
        return self._offset - 1


def _role(place: Place) -> str:
    """As the rule writes it: `expect`, `after s`, the step `tried`."""
    named = place.alias is not None and place.alias not in {place.role, "last"}
    role = {"steps": "step", "match": "fits", "count": "counts", "distinct": "counts"}.get(place.role, place.role)
    return f"{role} {place.alias}" if named else role


def state_words(rule: Rule, machine: Machine, at: int) -> list[str]:
    """What a state says at a time, in words; nothing when it is empty."""
    words: list[str] = []
    if isinstance(rule.detector, CompositeDetector):
        machine = rule.detector.current(machine)
        words.append(_standing(rule.detector, machine, at))
    window = [item for item in machine.window if item.at >= at - (rule.within or 0)]
    names: Sequence[str] = getattr(rule.detector, "names", ())
    if names and window:
        seen = [name for n, name in enumerate(names) if any(item.roles & (FIRST << n) for item in window)]
        words.append(f"seen so far: {', '.join(seen)}")
    elif window and not parts_of(rule) and rule.threshold is not None and rule.within is not None:
        measure = "" if rule.spec.detect.count or rule.spec.detect.distinct else " events, threshold"
        of = f"{len(window)}{measure or ' of'} {rule.threshold}"
        words.append(f"{of} within {shown_length(rule.within)}")
    for pending in machine.pending if not parts_of(rule) else ():
        over = "too late" if pending.closed else "overdue since" if pending.deadline < at else "waits until"
        words.append(f"{over} {shown_time(pending.closed or pending.deadline)}")
    words.extend(f"a signal is open since {shown_time(c.at)}" for c in machine.crossings if c.end is End.OPEN)
    cooldown = rule.spec.cooldown
    if cooldown and machine.last_open is not None and at < machine.last_open + cooldown:
        words.append(f"no other is opened until {shown_time(machine.last_open + cooldown)} (cooldown)")
    return words


def _standing(detector: CompositeDetector, machine: Machine, at: int) -> str:
    """Which signals stand within reach, and which rules have none."""
    window = [item for item in machine.window if at - detector.timing.within <= item.at <= at]
    stand = [f"{detector.rules[item.offset]} since {shown_time(item.at)}" for item in window]
    sides = {detector.sides[item.offset] for item in window}
    missing = [detector.side(side) for side in range(detector.sides[-1] + 1) if side not in sides]
    told = f"{len(sides)} of {detector.at_least} stand" + (f": {', '.join(stand)}" if stand else "")
    return f"{told}; missing: {', '.join(missing)}" if missing else told
