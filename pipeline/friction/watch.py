"""Runs the rules on one customer: which groups an event concerns, and in which order."""

from collections.abc import Callable, Sequence
from typing import Final

from touchline.pipeline.engine.clock import MINUTE
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.candidates import CandidateSender
from touchline.pipeline.friction.code import Mark
from touchline.pipeline.friction.customer import Customer, Group, Heard
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.folding import SWEEP_EVERY, Folder, spots
from touchline.pipeline.friction.passing import Passing
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.state import CLOSING, EMPTY, FIRST, OPENING, Item, Machine
from touchline.pipeline.friction.telling import Spot, Teller, Watch
from touchline.pipeline.friction.terms import Terms
from touchline.pipeline.friction.timeline import MAX_RECENT, Fate, again, apply_late, insert, is_known, tip_of
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import SignalStatus

_TIDY_EVERY: Final = 10 * MINUTE
_WORTH: Final = 8
"""So many recent events are worth the work of taking those behind the horizon into the bases of their groups."""

Facts = dict[str, Value]


class Watcher:
    """The rules in force, at work."""

    def __init__(self, rules: RuleSet, own_parties: frozenset[str], candidates: CandidateSender | None = None) -> None:
        self._rules = rules
        self.teller = Teller(rules, own_parties, candidates)
        self._folder = Folder(rules, self.teller)
        self._passing = Passing(rules, self._new_group, self.teller.changed)

    def take(
        self, watch: Watch, event: EnrichedTouchpoint, at: int, marks: list[Mark], facts: Facts, *, too_late: bool
    ) -> None:
        """Shows an event to the rules and groups that it concerns. `facts`: the fields that rules keep of it."""
        customer = watch.customer
        if watch.horizon - customer.tidied >= _TIDY_EVERY and (
            len(customer.recent) >= _WORTH or watch.horizon - customer.swept >= SWEEP_EVERY
        ):
            self._folder.tidy(watch)
        item = Item(
            at, event.raw_partition, event.raw_offset, event.event_id, event.source, FIRST, event.party,
            event.channel._value_, facts,  # `_value_` is what `.value` returns, without the call
        )  # fmt: skip
        self._placed(watch, item, marks, too_late=too_late)
        if watch.links:
            self._passing.run(watch)

    def _placed(self, watch: Watch, item: Item, marks: list[Mark], *, too_late: bool) -> None:
        """Puts an event where it belongs: after the others, between them, or nowhere any more."""
        customer, at = watch.customer, item.at
        recent = customer.recent
        if too_late or (at, item.partition, item.offset) <= customer.floor:
            self._too_late(watch, item, marks)
            return
        heard = Heard(item, tuple(marks))
        if recent:
            if is_known(item, recent):
                watch.out.count(Fate.DUPLICATE.value)
                return
            last = recent[-1].item
            if at < last.at or (at == last.at and item.key <= last.key):
                self._between(watch, heard)
                return
        for key, name, roles in marks:
            groups = customer.groups.get(key)
            group = groups.get(name) if groups is not None else None
            if group is not None or roles & OPENING:
                self._next(watch, key, name, group, item if roles == FIRST else item.playing(roles))
        recent.append(heard)
        if len(recent) > MAX_RECENT:
            self._folder.spill(watch)

    def _next(self, watch: Watch, key: str, name: str, group: Group | None, item: Item) -> None:
        """An event that comes in order, for a group to which it may matter."""
        rule, customer = self._rules.by_key[key], watch.customer
        detector = rule.detector
        if group is None:
            group = self._new_group(customer, key, name)
            group.tip = EMPTY
            if customer.unread:  # what was not written down beside recent events opened and expected nothing
                group.todo = tuple(customer.heard(key, name))
        elif group.tip is None:
            tip_of(customer, key, name, group, detector)
        if not group.late and detector.waits(group.tip or EMPTY, len(group.todo), item):
            group.todo = (*group.todo, item)
            return
        before = tip_of(customer, key, name, group, detector)
        after = group.tip = detector.step(before, item)
        if after is not before:
            self.teller.changed(watch, (rule, name, group), before, after)

    def _between(self, watch: Watch, heard: Heard) -> None:
        """An event that comes between others: its groups are stepped again."""
        customer, concerned = watch.customer, list[tuple[Spot, Machine]]()
        for key, name, roles in heard.marks:
            rule, group = self._rules.by_key[key], customer.group(key, name)
            if group is None and not roles & OPENING and not _follows_unread(customer, key, name):
                continue  # it says nothing yet, and is kept for what may come before it
            group = group or self._new_group(customer, key, name)
            concerned.append(((rule, name, group), tip_of(customer, key, name, group, rule.detector)))
        insert(customer, heard)
        for spot, before in concerned:
            rule, name, group = spot
            self.teller.changed(watch, spot, before, again(customer, rule.key, name, group, rule.detector))
        if len(customer.recent) > MAX_RECENT:
            self._folder.spill(watch)

    def _too_late(self, watch: Watch, item: Item, marks: Sequence[Mark]) -> None:
        """An event that came too late: it opens nothing, and may end or disprove what is open."""
        customer = watch.customer
        watch.out.count(Fate.TOO_LATE.value)
        for key, name, roles in marks:
            if not roles & CLOSING:
                continue
            rule, group = self._rules.by_key[key], customer.group(key, name)
            if group is None:
                if not _follows_unread(customer, key, name):
                    continue
                group = self._new_group(customer, key, name)
            closer = item.playing(roles & CLOSING)
            before, after = apply_late(customer, key, name, group, rule.detector, closer)
            self.teller.changed(watch, (rule, name, group), before, after)

    @staticmethod
    def _new_group(customer: Customer, key: str, name: str) -> Group:
        group = Group()
        group.due = NEVER
        of = customer.groups.get(key)
        if of is None:
            customer.groups[key] = {name: group}
        else:
            of[name] = group
        return group

    def timers(self, watch: Watch) -> None:
        """Says what the watermark alone has changed."""
        customer, by_key = watch.customer, self._rules.by_key
        watermark = watch.watermark if watch.watermark is not None else 0
        due = sorted(
            (key, name)
            for key, groups in customer.groups.items()
            for name, group in groups.items()
            if group.due is None or group.due <= watermark
        )
        for key, name in due:
            group = customer.groups[key][name]
            spot = by_key[key], name, group
            self.teller.say(watch, spot)
            group.due = self.teller.due(watch, spot)
        if watch.links:
            self._passing.run(watch)
        self._folder.tidy(watch)
        still = {mark[:2] for heard in customer.recent for mark in heard.marks}
        for key, name in due:
            said = customer.group(key, name)
            if said is not None and (key, name) not in still:
                self._folder.let_go(watch, by_key[key], name, said)
        customer.due = max(self.teller.least(watch), watermark + 1)

    def erase(self, watch: Watch) -> None:
        """Ends and forgets everything."""
        customer = watch.customer
        for key, name in spots(customer):
            self.teller.close(watch, self.teller.terms[key], name, customer.groups[key][name])
        customer.groups, customer.recent, customer.due = {}, [], NEVER

    def settle(self, watch: Watch, former: Callable[[str], Terms | None]) -> bool:
        """Lets go of the state of rules whose logic is another now, or that are gone; what they had open expires, in
        the words of `former`. A cooldown that runs goes on under the rule of the same id. Returns whether there was
        anything to let go of."""
        customer, by_key = watch.customer, self._rules.by_key
        gone = sorted(key for key in customer.groups if key not in by_key)
        unheard = any(mark[0] not in by_key for heard in customer.recent for mark in heard.marks)
        if not gone and not unheard:
            return False
        if unheard:
            customer.forget(lambda mark: mark[0] not in by_key)
        for key in gone:
            groups = customer.groups.pop(key)
            watch.out.count("rules.forgotten", len(groups))
            terms = former(key)
            if terms is None:
                continue  # written by a release that kept none
            heir = self._rules.by_id.get(terms.id)
            for name, group in sorted(groups.items()):
                self.teller.close(watch, terms, name, group)
                if heir is not None and heir.spec.per == terms.per:
                    _inherit(customer, heir, name, group, watch.horizon)
        customer.due = self.teller.least(watch)
        return True


def _follows_unread(customer: Customer, key: str, name: str) -> bool:
    """Whether there is a group although it is not here: it follows from recent events that came from storage."""
    return customer.unread and any(item.roles & OPENING for item in customer.heard(key, name))


def _inherit(customer: Customer, heir: Rule, name: str, group: Group, horizon: int) -> None:
    """What another logic keeps of a group: when a signal was last opened, while that still holds others back."""
    opened = [said.crossing.at for said in group.emitted if said.status != SignalStatus.RETRACTED.value]
    if group.base.last_open is not None:
        opened.append(group.base.last_open)
    last, cooldown = max(opened, default=None), heir.spec.cooldown
    if cooldown and last is not None and last + cooldown > horizon:
        fresh = Group(Machine(last_open=last))
        customer.groups.setdefault(heir.key, {}).setdefault(name, fresh)
