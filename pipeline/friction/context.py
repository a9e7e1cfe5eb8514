"""Writes `customers.context`: the health of a relationship, whether to hold promotions, and why."""

from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction import promises
from touchline.pipeline.friction.evidence import shown_time
from touchline.pipeline.friction.relation import CONTACT_KINDS, PLACES, Relation
from touchline.pipeline.friction.telling import Said, Watch
from touchline.pipeline.friction.timeline import FINAL
from touchline.pipeline.measures.health import (
    Ended,
    HealthPolicy,
    Open,
    RuleCost,
    balance,
    care,
    is_news,
    level_of,
    next_change,
    worst,
)
from touchline.schemas.codec import encode
from touchline.schemas.context import MAX_OPEN
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Polarity, Severity, SignalStatus
from touchline.schemas.wire import CONTEXT

_RANKS: Final = {severity.value: -rank for rank, severity in enumerate(Severity)}
_DIGITS: Final = 13
"""Of the id of a signal so much stands for it among those of one customer: 48 bits."""


class ContextWriter:
    """Says how a customer's relationship stands, whenever something of it that can be seen has changed.

    A record follows from one touchpoint or one timer, and not from how many of them came at once: so the same log gives
    the same records, however it is cut into batches.

    Args:
        lateness: how far timers are behind the stream, in milliseconds.
        ttl: so long after their last touchpoint a customer without open signals is forgotten, in milliseconds.
    """

    def __init__(self, policy: HealthPolicy, lateness: int, ttl: int) -> None:
        self._policy = policy
        self._lateness = lateness
        self._ttl = ttl

    def met(self, watch: Watch, event: EnrichedTouchpoint, at: int) -> bool:
        """Notes a touchpoint of a customer who has signals, if it is a contact or says something of a promise. Returns
        whether a promise changed."""
        relation = watch.customer.relation
        if relation is None:
            relation = watch.customer.relation = Relation()
        changed = promises.note(relation, event, at)
        place = PLACES.get(event.kind)
        if place is not None:
            relation.meet((at, place, event.channel.value))
        return changed

    def tell(self, watch: Watch, standing: Iterable[Said]) -> None:
        """Takes in what was said of signals, and publishes what has changed by it or by time. `standing`: all that are
        open."""
        policy, customer = self._policy, watch.customer
        relation = customer.relation
        if relation is None:
            relation = customer.relation = Relation()
        now = max(watch.noticed, relation.at)
        self._take(watch, relation, now)
        counted = relation.trim(policy, now, watch.horizon)
        stand = list(standing)
        if len(stand) > 1:
            stand.sort(key=_worst_first)
        forgotten = customer.seen + self._ttl
        if not stand and (not counted or now >= forgotten):
            self._end(watch, relation)
            return
        up = _opened(stand)
        found = balance(policy, up, counted, now)
        caring, since = care(policy, up, counted)
        promised = promises.waited_for(relation, stand, now)
        seen = _seen(stand, promised, caring=caring)
        if seen != relation.seen or is_news(policy, found, relation.health):
            relation.at, relation.health, relation.seen = now, found.health, seen
            relation.revision += 1
            costs = worst(policy, up, counted, now)
            record = _record(watch.key, relation, stand, costs, (caring, since))
            record["promises"] = promises.shown(promised)
            self._send(watch, encode(record))
        change = next_change(policy, found, counted, now, relation.health)
        relation.due = self._due(watch, change if stand or change is None else min(change, forgotten))

    def _due(self, watch: Watch, change: int | None) -> int:
        if change is None:
            return NEVER
        return max(change - self._lateness, 0 if watch.watermark is None else watch.watermark + 1)

    def _take(self, watch: Watch, relation: Relation, now: int) -> None:
        for terms, _, said in watch.said or ():
            level = level_of(terms.polarity, terms.severity)
            if level is None:
                continue
            number = int(said.signal[:_DIGITS].replace("-", ""), 16)
            ended = None
            if said.status in FINAL and said.status != SignalStatus.RETRACTED.value:
                # What expired by time alone has no end of its own; what ended with its rule ended now.
                crossing = said.crossing
                at = crossing.closed or min(crossing.last + terms.expires, now)
                ended = Ended(number, terms.id, level, at)
            relation.end(number, ended)
        if watch.said:
            watch.said.clear()

    def _end(self, watch: Watch, relation: Relation) -> None:
        """There is nothing to tell any more."""
        watch.customer.relation = None
        if relation.revision:
            self._send(watch, None)

    def forget(self, watch: Watch) -> None:
        """Of an erased customer nothing is left."""
        if watch.said:
            watch.said.clear()
        watch.customer.relation = None
        self._send(watch, None)

    @staticmethod
    def _send(watch: Watch, value: bytes | None) -> None:
        watch.out.send(CONTEXT, watch.key.encode(), value, partition=watch.partition)
        watch.out.count("contexts" if value is not None else "contexts.ended")


def _worst_first(said: Said) -> tuple[bool, int, int, str]:
    terms, _, emitted = said
    return (terms.polarity is not Polarity.FRICTION, _RANKS[terms.severity.value], emitted.crossing.at, emitted.signal)


def _opened(standing: Iterable[Said]) -> list[Open]:
    found = []
    for terms, _, said in standing:
        level = level_of(terms.polarity, terms.severity)
        if level is not None:
            found.append(Open(terms.id, level, said.crossing.at))
    return found


def _seen(standing: Iterable[Said], promised: promises.Promises, *, caring: bool) -> int:
    """Stands for what is seen of the open signals and of promises, and of care in the last bit."""
    seen = [
        f"{said.signal}{said.crossing.at}{said.crossing.party}{terms.severity.value}" for terms, _, said in standing
    ]
    if promised:
        seen += [f"{subject}{until}" for subject, until in promised]
    return crc32("\n".join(seen).encode()) << 1 | caring


def _record(
    customer: str,
    relation: Relation,
    standing: Sequence[Said],
    costs: Iterable[RuleCost],
    care: tuple[bool, int | None],
) -> dict[str, object]:
    """A `CustomerContext` but for its promises. There is one for nearly every signal, and to build and check the
    contract's own classes would take longer than all the rest, so it is written field by field."""
    caring, since = care
    return {
        "customer": customer,
        "revision": relation.revision,
        "at": from_ms(relation.at),
        "health": relation.health,
        "care": caring,
        "care_since": None if since is None else from_ms(since),
        "causes": [{"rule": c.rule, "points": round(c.points, 1), "words": _words(c)} for c in costs],
        "open_count": len(standing),
        "open_signals": [_shown(customer, said) for said in standing[:MAX_OPEN]],
        "contacts": [
            {"kind": CONTACT_KINDS[place], "channel": channel, "at": from_ms(at)}
            for at, place, channel in relation.contacts
        ],
    }


def _shown(customer: str, said: Said) -> dict[str, object]:
    """An `OpenSignal`."""
    terms, name, emitted = said
    return {
        "signal_id": emitted.signal,
        "rule": terms.id,
        "severity": terms.severity,
        "polarity": terms.polarity,
        "owner": terms.owner,
        "party": emitted.crossing.party,
        "group": name or customer,
        "since": from_ms(emitted.crossing.at),
    }


def _words(cost: RuleCost) -> str:
    words = []
    if cost.open:
        since = shown_time(cost.since)
        words.append(f"open since {since}" if cost.open == 1 else f"{cost.open} open, the oldest since {since}")
    if cost.ended:
        last = shown_time(cost.last)
        words.append(f"ended {last}" if cost.ended == 1 else f"{cost.ended} ended, the newest {last}")
    return "; ".join(words)
