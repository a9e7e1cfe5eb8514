"""What journeys tell the agent `incident`: candidates, each to the partition of its rule and group."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.engine.ticks import send_tick
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.state import CLOSING, FIRST, Emitted, Item
from touchline.schemas.candidate import Candidate
from touchline.schemas.codec import encode
from touchline.schemas.control import Tick
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Channel, SignalStatus
from touchline.schemas.wire import CANDIDATES

_MEANS: Final = {
    SignalStatus.OPENED.value: FIRST,
    SignalStatus.UPDATED.value: FIRST,
    SignalStatus.RETRACTED.value: 0,
}
"""What a signal's status makes of its candidate; a signal that has ended still counts where it stands."""

IN_SIGNALS: Final = frozenset({"party", "channel"})
"""What every signal tells of its evidence; of anything else that incidents go by, the events' values are kept."""

_LONGEST_GROUP: Final = 160


def feeds(rules: Sequence[Rule]) -> Mapping[str, Sequence[Rule]]:
    """The rules for incidents that count a rule's signals, by the id of that rule."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        affected = rule.spec.detect.affected
        for fed_by in affected.signals if affected is not None else ():
            found.setdefault(fed_by, []).append(rule)
    return found


@dataclass(slots=True)
class CandidateSender:
    """Sends what the rules for incidents wait for. `rules` holds these and no others."""

    rules: RuleSet
    fed: Mapping[str, Sequence[Rule]]

    @classmethod
    def of(cls, rules: RuleSet) -> "CandidateSender | None":
        """For a set of rules; None when no rule is about incidents."""
        if not rules.incidents:
            return None
        return cls(RuleSet(rules.incidents, rules.hash, rules.tally), feeds(rules.incidents))

    def event(self, event: EnrichedTouchpoint, at: int, out: Outbox, *, too_late: bool) -> None:
        """What happened to a customer. `at` in milliseconds."""
        for number, roles in self.rules.hits(event):
            rule = self.rules.rules[number]
            if too_late and not roles & CLOSING:
                continue
            item = rule.view(event, at, roles)
            groups = rule.groups(event)
            if item is None or not groups:
                self.rules.tally(rule.spec.id, rule.spec.per)
                continue
            for group in groups:
                _send(out, rule, group, event.customer, item, late=too_late)

    def signal(self, rule: str, customer: str, said: Emitted, out: Outbox) -> None:
        """What was said of a customer by a rule, named by its id. It counts as of when the friction became true."""
        roles = _MEANS.get(said.status)
        incidents = self.fed.get(rule)
        if incidents is None or roles is None:
            return
        crossing = said.crossing
        item = Item(crossing.at, 0, 0, said.signal, customer, roles, crossing.party, crossing.channel, {})
        for incident in incidents:
            values = list(_causes(incident.spec.per, said))
            if not values:
                self.rules.tally(incident.spec.id, incident.spec.per)
            for value in values:
                _send(out, incident, f"{incident.spec.per}:{value}"[:_LONGEST_GROUP], customer, item, by_signal=True)


def _causes(per: str, said: Emitted) -> Iterator[object]:
    """The value of what an incident goes by, in a signal: the newest event of the evidence that has one decides."""
    crossing = said.crossing
    if per == "party":
        yield crossing.party
    elif per == "channel":
        yield crossing.channel
    else:
        for facts in reversed(crossing.facts.values()):
            if facts.get(per) is not None:
                yield facts[per]
                return


def _send(
    out: Outbox, rule: Rule, group: str, customer: str, item: Item, *, late: bool = False, by_signal: bool = False
) -> None:
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
        late=late,
        by_signal=by_signal,
        facts=item.facts,
    )
    out.send(CANDIDATES, key_of(rule.spec.id, group).encode(), encode(candidate))
    out.count("candidates")


def send_ticks(out: Outbox, partition: int, partitions: int, low: int, wall: int | None) -> None:
    """Says to every shard of `incident` how far a shard of `journey` is."""
    tick = Tick(partition=partition, partitions=partitions, high=low, wall=wall)
    for number in range(partitions):
        send_tick(out, CANDIDATES, number, tick)


def key_of(rule: str, group: str) -> str:
    """What keys a candidate: a rule's id has no space."""
    return f"{rule} {group}"
