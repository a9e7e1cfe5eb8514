"""One episode of one customer while it is being told: touchpoints in the order in which they happen."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from touchline.pipeline.engine.clock import MINUTE, SECOND
from touchline.simulator.friction import MODELS, Fate, Model, Truth, fate_of
from touchline.simulator.people import Person
from touchline.simulator.plan import Plan

T = TypeVar("T")

_BLUE: Final = Model(0.95, 0.95, 24, "service")
_encode: Final = msgspec.json.Encoder().encode


class Event(NamedTuple):
    """A touchpoint on its way: when it arrives (milliseconds since 1970 UTC), its key, its JSON."""

    at: int
    key: bytes
    value: bytes


def iso(ms: int) -> str:
    """A time as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds")


Complain = Callable[["Story", str, str | None], None]
"""Tells how a complaint is made: the story, what it is about, and its subject."""


class Story:
    """Collects what happens in one episode. `now` is where the story stands, in milliseconds since 1970 UTC.

    Args:
        name: unique in the run; event ids begin with it.
        complain: tells how a complaint is made, once one is due.
    """

    __slots__ = ("_complain", "_end", "_key", "_plan", "events", "name", "now", "number", "person", "random", "truths")

    def __init__(
        self, person: Person, plan: Plan, random: Random, *, name: str, start: int, complain: Complain
    ) -> None:
        self.person = person
        self.random = random
        self.name = name
        self.now = start
        self.events: list[Event] = []
        self.truths: list[Truth] = []
        self._key = person.customer_id.encode()
        self._plan = plan
        self._end = plan.end
        self.number = 0
        self._complain = complain

    def wait(self, least: int, most: int) -> None:
        """Lets between `least` and `most` milliseconds pass."""
        self.now += int(least + (most - least) * self.random.random())

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.random.random() < probability

    def pick(self, options: tuple[T, ...], weights: tuple[float, ...] | None = None) -> T:
        """One of the options."""
        if weights is None:
            return options[int(self.random.random() * len(options))]
        return self.random.choices(options, weights)[0]

    def say(self, kind: str, source: str, **fields: Any) -> None:
        """Something happens now. `fields` are those of a Touchpoint."""
        self._write(self._key, {"customer_id": self.person.customer_id}, kind, source, fields)

    def say_unknown(self, cookie: str, kind: str, source: str, **fields: Any) -> None:
        """Something happens to a visitor of whom only a cookie is known."""
        self._write(cookie.encode(), {"identifiers": {"cookie": cookie}}, kind, source, fields)

    def _write(self, key: bytes, who: dict[str, Any], kind: str, source: str, fields: dict[str, Any]) -> None:
        self.number += 1
        now = self.now
        if now < self._end:
            said = {
                "event_id": f"{self.name}.{self.number}",
                "source": source,
                "occurred_at": datetime.fromtimestamp(now / 1_000, UTC),
                "kind": kind,
                **who,
                **fields,
            }
            self.events.append(Event(now, key, _encode(said)))
        self.now = now + SECOND

    def friction(self, name: str, *, at: int, subject: str | None = None) -> None:
        """The customer has friction from `at` on; whether and when they complain about it is decided here."""
        self._settle(name, fate_of(self.random, MODELS[name], self.person.patience), at, subject)

    def out_of_the_blue(self, share: float) -> None:
        """Some complain without any friction that we could know of."""
        if self.chance(share):
            self._settle(None, fate_of(self.random, _BLUE, 0.0), self.now, None)

    def _settle(self, friction: str | None, fate: Fate, at: int, subject: str | None) -> None:
        if at >= self._end:
            return
        customer = self.person.customer_id
        due = at + MINUTE + fate.delay
        reached = self._plan.reached.between(customer, at, due)
        alone, helped = fate.chance < fate.odds, fate.chance < fate.odds_if_reached
        complains = (helped if reached else alone) and due < self._end
        self.truths.append(
            Truth(
                customer=customer,
                episode=self.name,
                friction=friction,
                at=iso(at),
                subject=subject,
                probability=round(fate.odds, 4),
                probability_if_reached=round(fate.odds_if_reached, 4),
                complains=alone,
                complains_if_reached=helped,
                reached=reached,
                would_complain_at=iso(due) if alone else None,
                complained_at=iso(due) if complains else None,
            )
        )
        if alone:
            self._complains(due, fate.topic, subject, silent=not complains)

    def _complains(self, due: int, topic: str, subject: str | None, *, silent: bool) -> None:
        """A complaint at `due`, beside the story. A silent one takes the same chance and leaves no touchpoint."""
        before, count = self.now, len(self.events)
        self.now = due
        self._complain(self, topic, subject)
        self.now = before
        if silent:
            del self.events[count:]
