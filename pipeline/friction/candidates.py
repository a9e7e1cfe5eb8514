"""What journeys tell the agent `incident`: candidates, each to the partition of its rule and group."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from touchline.pipeline.engine.clock import SECOND, to_ms
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.engine.ticks import send_tick
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.state import CLOSING, FIRST, Crossing, Emitted, Item
from touchline.schemas.candidate import Candidate
from touchline.schemas.codec import encode
from touchline.schemas.control import Tick
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Channel, SignalStatus
from touchline.schemas.wire import CANDIDATES, INCIDENTS

IN_SIGNALS: Final = frozenset({"party", "channel"})
"""What every signal tells of its evidence; of anything else that incidents go by, the events' values are kept."""

TICK_EVERY: Final = 5 * SECOND
"""How far apart the ticks are that say how far journeys are: each goes to every shard of `incident`."""

_LONGEST_GROUP: Final = 160
_LONGEST_FACT: Final = 60
_NO_RULES: Final[tuple[Rule, ...]] = ()


def feeds(rules: Sequence[Rule]) -> Mapping[str, Sequence[Rule]]:
    """The rules for incidents that count a rule's signals, by the id of that rule."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        affected = rule.spec.detect.affected
        for fed_by in affected.signals if affected is not None else ():
            found.setdefault(fed_by, []).append(rule)
    return found


Note = Callable[[str, str, str, int], None]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The rules for incidents that count a rule's signals, and those that explain them."""

    counting: Sequence[Rule]
    covering: Sequence[Rule]


class CandidateSender:
    """Sends what the rules for incidents wait for. `longest`: the lateness, in milliseconds; what changes later than
    that after its own time has not moved. `note` is told of each customer who counts: rule, group, customer, time."""

    def __init__(self, rules: RuleSet, longest: int, note: Note) -> None:
        self._rules = RuleSet(rules.incidents, rules.hash, rules.tally)
        self._longest = longest
        self._note = note
        counting = feeds(rules.incidents)
        covering: dict[str, list[Rule]] = {}
        for rule in rules.incidents:
            for covered in rule.spec.covers:
                covering.setdefault(covered, []).append(rule)
        self._wanted = {
            name: _Wanted(counting.get(name, _NO_RULES), covering.get(name, _NO_RULES))
            for name in counting.keys() | covering.keys()
        }

    @classmethod
    def of(cls, rules: RuleSet, longest: int, note: Note) -> "CandidateSender | None":
        """For a set of rules; None when no rule is about incidents."""
        return cls(rules, longest, note) if rules.incidents else None

    def waits_for(self, kind: str) -> bool:
        """Whether any rule waits for that kind of event."""
        return any(pattern.wants(kind) for rule in self._rules.rules for pattern in rule.patterns)

    def event(self, event: EnrichedTouchpoint, _state: object, out: Outbox, *, too_late: bool) -> None:
        """What happened to a customer."""
        at = to_ms(event.occurred_at)
        for number, found in self._rules.hits(event):
            rule, roles = self._rules.rules[number], found & CLOSING if too_late else found
            if not roles:
                continue
            item = rule.view(event, at, roles)
            groups = rule.groups(event)
            if item is None or not groups:
                self._rules.tally(rule.spec.id, rule.spec.per)
                continue
            for group in groups:
                self._send(out, rule, group, event.customer, item)

    def signal(self, signal: Signal, said: Emitted, former: Crossing | None, noticed: int, out: Outbox) -> None:
        """What is said of a customer, and what was said before. It counts as of when the friction became true, also
        when it has ended since. Notes in the signal which incidents would explain it. `noticed` in milliseconds."""
        wanted = self._wanted.get(signal.rule)
        if wanted is None:
            return
        crossing = said.crossing
        signal.causes = tuple(
            [key_of(rule.spec.id, group) for rule in wanted.covering for group in _groups(rule, crossing)]
        )
        gone = signal.status is SignalStatus.RETRACTED
        stands = said.revision > 1 and noticed - crossing.at > self._longest  # told before, as of the same time
        for rule in wanted.counting:
            groups = list(_groups(rule, crossing))
            if not groups:
                self._rules.tally(rule.spec.id, rule.spec.per)
            for group in _groups(rule, former) if former is not None else ():
                if group not in groups:
                    self._send(out, rule, group, signal.customer, _item(signal, former or crossing, 0), noticed)
            for group in groups if gone or not stands else ():
                self._send(out, rule, group, signal.customer, _item(signal, crossing, 0 if gone else FIRST), noticed)

    def _send(self, out: Outbox, rule: Rule, group: str, customer: str, item: Item, noticed: int | None = None) -> None:
        """`noticed`: of a signal."""
        candidate = Candidate(
            rule=rule.spec.id,
            group=group,
            customer=customer,
            event=item.event,
            at=item.at,
            partition=item.partition,
            offset=item.offset,
            roles=item.roles,
            party=item.party,
            channel=Channel(item.channel),
            by_signal=noticed is not None,
            noticed=noticed or 0,
            facts={
                name: value[:_LONGEST_FACT] if isinstance(value, str) else value for name, value in item.facts.items()
            },
        )
        out.send(CANDIDATES, key_of(rule.spec.id, group).encode(), encode(candidate))
        out.count("candidates")
        if item.roles & FIRST:
            self._note(rule.spec.id, group, customer, item.at)


def _item(signal: Signal, crossing: Crossing, roles: int) -> Item:
    """A signal as a candidate. An absence may have its deadline before the event that it came after. What comes at the
    same time is ordered by whose it is: a signal's id depends on what came first."""
    at = max(crossing.at, crossing.first)
    whose = f"{signal.rule}\n{signal.customer}\n{signal.group}".encode()
    place = int.from_bytes(blake2b(whose, digest_size=6).digest())
    return Item(at, 0, place, signal.signal_id, signal.customer, roles, crossing.party, crossing.channel, {})


def _groups(rule: Rule, crossing: Crossing) -> Iterator[str]:
    """What a signal has in common with others, as an incident's rule sees it: the newest event of the evidence that has
    it decides."""
    per = rule.spec.per
    if per in IN_SIGNALS:
        yield f"{per}:{crossing.party if per == 'party' else crossing.channel}"
        return
    for facts in reversed(crossing.facts.values()):
        value = facts.get(per)
        if value is not None:
            yield f"{per}:{value}"[:_LONGEST_GROUP]
            return


def send_ticks(out: Outbox, topic: str, partition: int, partitions: int, high: int, wall: int | None) -> None:
    """Says to every shard of an agent how far this one is."""
    tick, key = Tick(partition=partition, partitions=partitions, high=high, wall=wall), f"tick {partition}".encode()
    for number in range(partitions):
        send_tick(out, topic, number, tick, key if topic == INCIDENTS else None)


def key_of(rule: str, group: str) -> str:
    """What keys a candidate, and names a cause: a rule's id has no space."""
    return f"{rule} {group}"
