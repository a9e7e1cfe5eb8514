"""Who is exposed to the cause of an incident and has not been affected yet. Times in milliseconds since 1970 UTC.

Of each thing (`by`: an order, or the customer as a whole) the changes are kept in their order: exposed to a cause from
then on, or no more. So what holds at a time is a function of the events, whatever order they came in. Changes are kept
until the table of incidents is as far as they are: an incident is told of later than it began.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.incidents import Known, KnownIncidents

MAX_CHANGES: Final = 40
"""The most changes of one thing that are kept; the oldest is given up."""

MAX_THINGS: Final = 40
"""The most things of one rule and customer; the oldest is given up."""

_MAX_TIMES: Final = 40
_REMEMBERED: Final = 7 * DAY
"""How long it is known that somebody was affected, and longer while an incident is known that it counts for."""


class Change(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """From `at` on exposed to `cause` (a rule's id and a group), or to nothing: "". Ordered as events are."""

    at: int
    partition: int
    offset: int
    event: str
    cause: str

    @property
    def key(self) -> tuple[int, int, int, str]:
        """What orders changes."""
        return (self.at, self.partition, self.offset, self.event)


class Told(msgspec.Struct, array_like=True, gc=False):
    """What was last said of an incident to a customer's name. `status`: a `SignalStatus`; `at`: exposed since;
    `thing`, `event`: by what."""

    revision: int
    status: str
    at: int
    thing: str
    event: str


class Span(NamedTuple):
    """One time of being exposed to an incident: `[since, until)`."""

    since: int
    until: int
    thing: str
    event: str


class Exposure(msgspec.Struct, array_like=True, gc=False):
    """All that is kept of one customer. `things`: by rule, then by thing. `affected`: by cause, when the customer
    counted as one of it. `told`: by incident."""

    things: dict[str, dict[str, list[Change]]] = msgspec.field(default_factory=dict)
    affected: dict[str, list[int]] = msgspec.field(default_factory=dict)
    told: dict[str, Told] = msgspec.field(default_factory=dict)

    def change(self, rule: str, thing: str, change: Change) -> int | None:
        """Puts a change in its place. Returns how much had to be given up for it; None when it is known."""
        things = self.things.setdefault(rule, {})
        changes = things.pop(thing, [])
        things[thing] = changes  # the newest last
        evicted = len(things) > MAX_THINGS
        if evicted:
            del things[next(iter(things))]
        place = bisect_left(changes, change.key, key=_key_of)
        if changes[place : place + 1] == [change]:
            return None
        changes.insert(place, change)
        if len(changes) > MAX_CHANGES:
            del changes[0]
            return evicted + 1
        return int(evicted)

    def count(self, cause: str, at: int) -> None:
        """The customer is one of those who are affected by a cause."""
        times = self.affected.setdefault(cause, [])
        if at not in times:
            times.append(at)
            times.sort()
            del times[:-_MAX_TIMES]

    def causes(self, rule: str) -> Iterator[str]:
        """What the customer is or was exposed to, by a rule."""
        found = {change.cause for changes in self.things.get(rule, {}).values() for change in changes if change.cause}
        return iter(sorted(found))

    def span(self, rule: str, cause: str, incident: Known, within: int) -> Span | None:
        """The first time of being exposed to an incident before being affected by it: what follows without a break is
        one."""
        times = self.affected.get(cause, ())
        affected = min((at for at in times if incident.first <= at < incident.ended), default=NEVER)
        end = min(incident.ended, affected)
        spans = sorted(
            (
                Span(max(since, incident.opened), min(until, end), thing, event)
                for thing, changes in self.things.get(rule, {}).items()
                for since, until, event in _spans(changes, cause, within, incident.opened)
            ),
            key=_begin_of,
        )
        found: Span | None = None
        for span in spans:
            if span.since >= span.until:
                continue
            if found is None:
                found = span
            elif span.since <= found.until:
                found = found._replace(until=max(found.until, span.until))
        return found

    def forget(self, rules: Mapping[str, int], until: int, horizon: int, incidents: KnownIncidents) -> None:
        """Lets go of what no incident can ask for any more: changes before the one that holds at `until`, and what has
        ended before `horizon`. `rules`: for how long each exposes."""
        for rule in list(self.things):
            within, kept = rules.get(rule), {}
            for thing, changes in self.things[rule].items():
                place = max(bisect_left(changes, (until + 1, 0, 0, ""), key=_key_of) - 1, 0)
                left = changes[place:]
                over = not left[-1].cause or (within is not None and left[-1].at + within <= horizon)
                if within is not None and not (over and left[-1].at < horizon):
                    kept[thing] = left
            if kept:
                self.things[rule] = kept
            else:
                del self.things[rule]
        self.affected = {
            cause: newest for cause, times in self.affected.items()
            if (newest := [at for at in times if at + _REMEMBERED >= horizon or _counts(at, incidents.of(cause))])
        }  # fmt: skip

    def next_due(self, rules: Mapping[str, int], until: int, lateness: int, *, incidents: bool) -> int:
        """When time alone changes something next: what there is to tell of, if there are `incidents` at all, and what
        can be forgotten."""
        dues = [min(times) + _REMEMBERED for times in self.affected.values()]
        for rule, things in self.things.items():
            within = rules.get(rule, 0)
            for changes in things.values():
                last = changes[-1]
                dues.append(last.at + within if last.cause else last.at)
                if incidents:
                    dues.extend(change.at + after - lateness - 1 for change in changes for after in (0, within))
        return min((due for at in dues if (due := at + lateness + 1) > until), default=NEVER)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of the customer."""
        return not self.things and not self.told and not self.affected


def _begin_of(span: Span) -> tuple[int, str, str]:
    """Of those that begin at once, which is the first must not depend on their ends: they may be still to come."""
    return (span.since, span.thing, span.event)


def _counts(at: int, known: Iterable[Known]) -> bool:
    """Whether somebody who was affected at a time is one of those of an incident."""
    return any(incident.first <= at < incident.ended for incident in known)


def _key_of(change: Change) -> tuple[int, int, int, str]:
    return change.key


def _spans(changes: list[Change], cause: str, within: int, opened: int) -> Iterator[tuple[int, int, str]]:
    """When a thing exposes to a cause: since, until, and by which event: the first one, or the one that held when the
    incident was `opened`, for those before that one may have been let go of."""
    since, until, event = 0, 0, ""
    for change, after in zip(changes, [*changes[1:], None], strict=True):
        if change.cause != cause:
            continue
        ends = min(change.at + within, NEVER if after is None else after.at)
        if event and change.at <= until:
            until = max(until, ends)
            event = change.event if change.at <= opened else event
            continue
        if event:
            yield since, until, event
        since, until, event = change.at, ends, change.event
    if event:
        yield since, until, event
