"""All lives of a plan as one stream in order of arrival.

Episodes are told in the order in which they begin, and an event leaves as soon as no later episode can come before
it: memory holds the open episodes, not the whole run.
"""

import heapq
import re
from collections.abc import Callable, Iterator
from random import Random

from touchline.pipeline.engine.clock import DAY, MINUTE
from touchline.simulator import living, shopping, support
from touchline.simulator.friction import Truth
from touchline.simulator.people import Person, local_moment, person_of, random_of
from touchline.simulator.plan import Plan
from touchline.simulator.story import Event, Story

Teller = Callable[[Story], None]

_EPISODES: tuple[tuple[Teller, float], ...] = (
    (shopping.look_around, 36.0),
    (shopping.visit_unknown, 10.0),
    (shopping.visit_store, 4.0),
    (shopping.buy, 22.0),
    (living.use_app, 40.0),
    (living.use_device, 22.0),
    (support.question, 11.0),
    (shopping.renew, 3.0),
)
_TELLERS = tuple(teller for teller, _ in _EPISODES)
_WEIGHTS = tuple(weight for _, weight in _EPISODES)
_DAYS_BETWEEN = 5.5
_TIME = re.compile(rb'("occurred_at":"[^"]*)Z')
_BROKEN = (
    lambda value: value[: len(value) // 2],
    lambda value: _TIME.sub(rb"\1", value, count=1),
    lambda value: value[:-1] + b',"chanel":"voice"}',
    lambda value: value.replace(b'"occurred_at"', b'"ocurred_at"', 1),
)

_Begin = tuple[int, int, int, Teller]
"""When an episode begins (ms), of which customer (index), its number in their life, and what happens."""


def touchpoints(plan: Plan, truth: Callable[[Truth], None] | None = None) -> Iterator[Event]:
    """The stream of a plan, in order of arrival; with `late` 0 that is the order of time.

    `truth` is told every friction and complaint, in the order in which their episodes begin.
    """
    people: dict[int, Person] = {}
    waiting: list[tuple[int, int, Event]] = []
    serial = 0
    for begin in sorted(_beginnings(plan, people), key=lambda begin: begin[:3]):
        while waiting and waiting[0][0] <= begin[0]:
            yield heapq.heappop(waiting)[2]
        story = _tell(plan, people[begin[1]], begin)
        if truth is not None:
            for line in story.truths:
                truth(line)
        for event in story.events:
            serial += 1
            heapq.heappush(waiting, (event.at, serial, event))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _beginnings(plan: Plan, people: dict[int, Person]) -> Iterator[_Begin]:
    begin, end = plan.first, plan.end
    for index in range(plan.customers):
        person = people[index] = person_of(index, plan.seed, plan.start)
        random = random_of(plan.seed, "life", index)
        first = begin + (int(random.random() * plan.days * DAY * 0.8) if person.is_new else 0)
        known = first + int(random.random() * 30 * MINUTE)
        yield known, index, 0, living.become_known
        day, number = float(known + DAY // 4), 0
        while (day := day + random.expovariate(1 / (_DAYS_BETWEEN * DAY)) * _pace(person)) < end:
            number += 1
            start = local_moment(random, person, int(day) // DAY * DAY)
            if known < start < end:
                yield start, index, number, _kind_of(random, person)


def _pace(person: Person) -> float:
    """Those with the app or a device are seen more often."""
    return 1.0 - 0.3 * person.uses_app - 0.2 * person.has_device


def _kind_of(random: Random, person: Person) -> Teller:
    teller = random.choices(_TELLERS, _WEIGHTS)[0]
    if teller is living.use_app and not person.uses_app:
        return shopping.look_around
    if teller is living.use_device and not person.has_device:
        return shopping.look_around
    if teller is shopping.renew and not person.subscribes:
        return shopping.buy
    return teller


def _tell(plan: Plan, person: Person, begin: _Begin) -> Story:
    start, index, number, teller = begin
    random = random_of(plan.seed, index, number)
    story = Story(person, plan, random, name=f"{index:06d}-{number}", start=start, complain=support.complain)
    teller(story)
    if plan.late or plan.duplicates or plan.broken:
        story.events = list(_dirty(plan, random, story.events))
    return story


def _dirty(plan: Plan, random: Random, events: list[Event]) -> Iterator[Event]:
    """The same events, some of them later, twice, or with an unreadable copy that a publisher sent first."""
    for event in events:
        chance = random.random()
        if chance < plan.late:
            yield event._replace(at=event.at + int(random.expovariate(1 / (4 * MINUTE))) + 1)
        else:
            yield event
        if (chance := chance - plan.late) < plan.duplicates and chance >= 0:
            yield event._replace(at=event.at + int(random.random() * 5 * MINUTE))
        elif 0 <= chance - plan.duplicates < plan.broken:
            yield event._replace(value=_BROKEN[random.randrange(len(_BROKEN))](event.value))
