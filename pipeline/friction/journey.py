"""The journey of each customer: profiles, rules, timers. Touchpoints and ticks in; signals, profiles, contexts out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import DAY, MINUTE, SECOND, to_ms
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Batch, Outbox, Record
from touchline.pipeline.engine.store import NEVER, Cell, KeyedStore
from touchline.pipeline.engine.ticks import send_tick, tick_of
from touchline.pipeline.engine.watermarks import Watermarks
from touchline.pipeline.friction import profile
from touchline.pipeline.friction.candidates import TICK_EVERY, CandidateSender, send_ticks
from touchline.pipeline.friction.code import Mark
from touchline.pipeline.friction.context import ContextWriter
from touchline.pipeline.friction.customer import NOWHERE, Customer
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.outlook import Outlook, OutlookState
from touchline.pipeline.friction.packing import packing
from touchline.pipeline.friction.rules import MAX_KINDS, RuleSet
from touchline.pipeline.friction.telling import Watch
from touchline.pipeline.friction.terms import Terms, new_terms, terms_of
from touchline.pipeline.friction.watch import Watcher
from touchline.pipeline.friction.words import Words
from touchline.pipeline.measures.health import HealthPolicy
from touchline.schemas.codec import DecodeError, decode_touchpoint, encode
from touchline.schemas.control import Tick
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.wire import CANDIDATES, CUSTOMERS, INCIDENTS, SIGNALS, TOUCHPOINTS


@dataclass(frozen=True, slots=True)
class JourneyOptions:
    """Policy. Times in milliseconds. `own_parties`: parties that are ours.
    `health`: how relationships are scored; None where signals alone are asked for, as on history."""

    lateness: int = 10 * MINUTE
    source_lateness: Mapping[str, int] = field(default_factory=dict)
    customer_ttl: int = 400 * DAY
    own_parties: frozenset[str] = frozenset({"own"})
    health: HealthPolicy | None = field(default_factory=HealthPolicy)


_TICK_KEY: Final = b"\x00tick"
"""Of ticks on the compacted topic of profiles: no customer has it, for a key has no null byte."""

_PORTION: Final = 500
"""How many customers are looked through in a batch after the rules have changed."""


class _Place(msgspec.Struct, array_like=True):
    """How far a shard is: `forwarded` is the low that was last passed on; `ruleset` the hash of the rules under which
    it works; `settled`: no customer has anything left of other rules; `told`: as `forwarded`, to the agent
    `incident`."""

    forwarded: int | None = None
    ruleset: str = ""
    settled: bool = True
    told: int | None = None


class JourneyState:
    """All that one shard keeps. `terms`: of the rules in force, and of those before that may still have signals open.
    `unsettled`: the customers that are still to be looked through; None when that has not begun in this memory."""

    def __init__(self) -> None:
        self.words = Words()
        self.customers: KeyedStore[Customer] = KeyedStore(*packing(self.words))
        self.marks = Watermarks()
        self.place = Cell(_Place(), msgspec.msgpack.encode, _decode_place)
        self.terms = new_terms()
        self.outlook = OutlookState()
        self.unsettled: Iterator[str] | None = None

    @property
    def pieces(self) -> dict[str, Piece]:
        """For the changelog; words after the customers, who bring new ones."""
        own: dict[str, Piece] = {"c": self.customers, "w": self.marks, "p": self.place, "r": self.terms}
        return own | {"n": self.words} | self.outlook.pieces

    def profile_of(self, customer: str) -> profile.ProfileState | None:
        """A customer's profile, as far as it is known."""
        known = self.customers.get(customer, self.marks.low or 0)
        return None if known is None else known.profile

    def former(self, key: str) -> Terms | None:
        """What signals say of the rule with that state key."""
        return self.terms.get(key, 0)


def _decode_place(data: bytes) -> _Place:
    return msgspec.msgpack.decode(data, type=_Place)


class JourneyProcessor:
    """The logic of `journey` for one shard."""

    inputs = (TOUCHPOINTS, INCIDENTS)

    def __init__(self, rules: RuleSet, options: JourneyOptions | None = None) -> None:
        self.options = options or JourneyOptions()
        self._longest = max([self.options.lateness, *self.options.source_lateness.values()])
        health, ttl = self.options.health, self.options.customer_ttl
        self._contexts = ContextWriter(health, self.options.lateness, ttl) if health is not None else None
        self.put_in_force(rules)

    def put_in_force(self, rules: RuleSet) -> None:
        """Another set of rules, for all that is processed from now on. Each shard goes over to it with its next batch:
        what did not change goes on where it was, what did starts afresh, and what it had open expires."""
        self.rules = rules
        self._outlook = Outlook(rules, self.options.own_parties, self._longest)
        self._candidates = CandidateSender.of(rules, self._longest, self._outlook.note)
        self._beside: dict[str, tuple[CandidateSender | Outlook, ...]] = {}
        self._watcher = Watcher(rules, self.options.own_parties, self._candidates)

    def new_state(self) -> JourneyState:
        """Empty state."""
        return JourneyState()

    def process(self, batch: Batch, state: JourneyState, out: Outbox) -> None:
        """Takes in touchpoints and ticks. An empty batch changes nothing but what other rules left: time comes in
        by ticks."""
        watch = Watch("", Customer(), None, None, 0, False, batch.partition, out, partitions=batch.partitions)
        watch.said = [] if self._contexts is not None else None
        self._set_time(watch, state)
        if state.place.value.ruleset != self.rules.hash:
            self._begin_under_these_rules(state)
        if not state.place.value.settled:
            self._settle_some(watch, state)
        self._outlook.noted.clear()
        if batch.topic == INCIDENTS:
            self._outlook.heard(batch, state.outlook, out, state.profile_of)
        for record in batch.records if batch.topic != INCIDENTS else ():
            tick = tick_of(record) if record.headers else None
            if tick is not None:
                self._tick(tick, watch, state)
            else:
                self._record(record, watch, state)
        self._outlook.remember(state.outlook)
        self._outlook.work(state.outlook, out, state.profile_of)
        if batch.records and state.marks.low is not None:
            freed = state.customers.sweep(state.marks.low)
            if freed:
                out.count("customers.expired", freed)
        for (rule, name), n in self.rules.tally.drain().items():
            out.count(f"unknown.{rule}.{name}", n)

    def has_work(self, state: JourneyState) -> bool:
        """Whether an empty batch would still do something: customers are looked through a portion a batch."""
        return not state.place.value.settled or state.outlook.has_work(self._longest)

    def _begin_under_these_rules(self, state: JourneyState) -> None:
        for rule in self.rules.rules:
            state.terms.put(rule.key, terms_of(rule))
        self._outlook.begin(state.outlook)
        state.place.value.ruleset, state.place.value.settled = self.rules.hash, False
        state.place.touch()
        state.unsettled = None

    def _settle_some(self, watch: Watch, state: JourneyState) -> None:
        """Looks through some customers for what other rules left; those who have an event or a timer meanwhile are
        seen to then."""
        if state.unsettled is None:
            state.unsettled = state.customers.keys()
        low = state.marks.low or 0
        count = 0
        for watch.key in islice(state.unsettled, _PORTION):
            count += 1
            customer = state.customers.get(watch.key, low)
            if customer is None:
                continue
            watch.customer = customer
            watch.noticed = max(low, customer.reached + self.options.lateness if customer.reached else 0)
            if self._watcher.settle(watch, state.former):
                self._tell(watch)
                self._put(watch, state)
        if count < _PORTION:
            state.unsettled = None
            state.place.value.settled = True
            state.place.touch()
            for key in sorted(set(state.terms.keys()) - self.rules.by_key.keys()):
                state.terms.drop(key)

    def _set_time(self, watch: Watch, state: JourneyState) -> None:
        low = state.marks.low
        if low is None:
            watch.mark, watch.horizon = None, 0
        else:
            watch.mark, watch.horizon = low - self.options.lateness, low - self._longest
        watch.watermark, watch.provisional = watch.mark, bool(state.marks.stalled)

    def _record(self, record: Record, watch: Watch, state: JourneyState) -> None:
        try:
            event = decode_touchpoint(record.value or b"")
        except DecodeError:
            watch.out.count("undecodable")
            return
        marks: list[Mark] = []
        facts = self.rules.read(event, marks)
        personal = event.kind in profile.KINDS and profile.concerns(event)
        if marks or personal:
            self._event(event, marks, facts if facts is not None else {}, watch, state, personal=personal)
        if self._candidates is not None and self._beside.get(event.kind) != ():
            self._many(self._candidates, event, watch, state)

    def _many(self, candidates: CandidateSender, event: EnrichedTouchpoint, watch: Watch, state: JourneyState) -> None:
        """What an event is to rules for incidents; which of them wait for a kind is looked up once."""
        kind = event.kind
        if kind not in self._beside:
            if len(self._beside) >= MAX_KINDS:
                self._beside.clear()
            self._beside[kind] = tuple(side for side in (candidates, self._outlook) if side.waits_for(kind))
        for side in self._beside[kind]:
            lateness = self.options.source_lateness.get(event.source, self.options.lateness)
            side.event(event, state.outlook, watch.out, too_late=event.late_seconds * SECOND > lateness)

    def _event(
        self,
        event: EnrichedTouchpoint,
        marks: list[Mark],
        facts: dict[str, Value],
        watch: Watch,
        state: JourneyState,
        *,
        personal: bool,
    ) -> None:
        """An event that rules wait for or, `personal`, that says something of the profile."""
        at, late = to_ms(event.occurred_at), event.late_seconds * SECOND
        key = watch.key = event.customer
        mark = watch.mark
        customer = state.customers.get(key, 0 if mark is None else mark + self.options.lateness)
        if customer is None:
            customer = Customer()
            customer.tidied = customer.swept = watch.horizon
        watch.customer, watch.noticed, watch.watermark, watch.own = customer, at + round(late), mark, 0
        if not state.place.value.settled:
            self._watcher.settle(watch, state.former)
        partition = event.raw_partition
        if customer.home != partition:
            customer.home = partition if customer.home is None else NOWHERE
        if customer.home == partition and state.marks.is_history(partition):
            self._catch_up(watch, state)
        reached = customer.reached
        watch.watermark = reached if reached and (mark is None or reached > mark) else mark
        if personal:
            self._profile(event, at, watch)
        known = customer.profile
        if marks and not (known is not None and known.erased is not None and at <= known.erased[0]):
            lateness = self.options.lateness
            if self.options.source_lateness:
                lateness = self.options.source_lateness.get(event.source, lateness)
            self._watcher.take(watch, event, at, marks, facts, too_late=late > lateness)
        customer.seen = max(customer.seen, at)
        if self._contexts is not None and (watch.said or customer.relation is not None):
            self._tell(watch, anew=self._contexts.met(watch, event, at))
        self._put(watch, state)

    def _catch_up(self, watch: Watch, state: JourneyState) -> None:
        """Lets the timers of a customer go off that are due by the time of their own raw partition.

        Where history is worked off in large steps another partition may be days behind, and so is the watermark. All
        touchpoints of a customer come from one partition, so what they did by a deadline is known once that partition
        has passed it; if timers waited for the others, what is said would depend on how fast those are read. On the
        live clock partitions are together, and a customer seen on several of them has no time of their own."""
        customer, noticed = watch.customer, watch.noticed
        reached = noticed - self.options.lateness
        if customer.next_due <= reached:
            while (due := customer.next_due) <= reached:
                self._timers(watch, due)
            watch.noticed = noticed
            self._set_time(watch, state)
        customer.reached = max(customer.reached, reached)
        watch.own = noticed - self._longest

    def _timers(self, watch: Watch, due: int) -> None:
        """A customer's timers that are due then, as of that time and however far anything else is."""
        watch.watermark, watch.noticed = due, due + self.options.lateness
        self._watcher.timers(watch)
        relation = watch.customer.relation
        self._tell(watch, anew=relation is not None and relation.due <= due)

    def _tell(self, watch: Watch, *, anew: bool = False) -> None:
        """Publishes what became of the relationship, when signals (`anew`: time, or a promise) may have changed it."""
        if self._contexts is not None and (watch.said or anew):
            self._contexts.tell(watch, self._watcher.teller.standing(watch.customer))

    def _put(self, watch: Watch, state: JourneyState) -> None:
        key, customer = watch.key, watch.customer
        if not (customer.groups or customer.recent) and customer.profile is None and customer.relation is None:
            state.customers.drop(key)  # nothing is known of them, or no more
            return
        expires, due = customer.seen + self.options.customer_ttl, customer.next_due
        if due != NEVER:
            expires = max(expires, due + self._longest + DAY)
        state.customers.put(key, customer, due=due, expires=expires)

    def _profile(self, event: EnrichedTouchpoint, at: int, watch: Watch) -> None:
        known = watch.customer.profile
        if known is None:
            known = watch.customer.profile = profile.ProfileState()
        before = profile.copied(known)
        for name in profile.apply(known, event, at):
            watch.out.count(f"profile.unusable.{name}" if name in profile.NAMES else "profile.unusable")
        if not profile.changed(before, known):
            return
        if event.kind == profile.ERASED:
            self._watcher.erase(watch)
            if self._contexts is not None:
                self._contexts.forget(watch)
        known.revision += 1
        if CUSTOMERS not in watch.out.unread:
            record = encode(profile.profile_of(watch.key, known))
            watch.out.send(CUSTOMERS, watch.key.encode(), record, partition=watch.partition)

    def _tick(self, tick: Tick, watch: Watch, state: JourneyState) -> None:
        place = state.place.value
        rose = state.marks.tick(tick)
        self._set_time(watch, state)
        low = state.marks.low
        if not rose or low is None:
            return
        # Each timer goes off as of its own time, wherever the ticks stand: a signal is noticed when the slowest raw
        # partition could first have shown it, also when history is worked off in large steps.
        for due, watch.key, watch.customer in state.customers.due(low - self.options.lateness):
            watch.horizon = due + self.options.lateness - self._longest
            if not state.place.value.settled:
                watch.noticed = due + self.options.lateness
                self._watcher.settle(watch, state.former)
            self._timers(watch, due)
            self._put(watch, state)
        self._set_time(watch, state)
        if place.forwarded is None or low - place.forwarded >= SECOND:
            place.forwarded = low
            state.place.touch()
            onward = Tick(partition=0, partitions=1, high=low, wall=tick.wall)
            send_tick(watch.out, SIGNALS, watch.partition, onward)
            if tick.wall is None:  # on the live clock nobody waits for it
                send_tick(watch.out, CUSTOMERS, watch.partition, onward, _TICK_KEY)
        if self._candidates is not None and (place.told is None or low - place.told >= TICK_EVERY):
            place.told = low
            state.place.touch()
            send_ticks(watch.out, CANDIDATES, watch.partition, watch.partitions, low, tick.wall)
