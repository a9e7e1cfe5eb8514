"""The desk against its promises, for histories of requests and staff in any order, cut and restarted anywhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.desk.cases import NINE, Item, done, person, queue, record, request, returned, taken, tick, topic_of
from tests.outreach.cases import signal
from touchline.pipeline.desk.match import fits
from touchline.pipeline.desk.processor import DeskPolicy, DeskProcessor
from touchline.pipeline.desk.state import DeskState, Person
from touchline.pipeline.desk.tasks import QueuePolicy
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Output
from touchline.schemas.codec import decode_task
from touchline.schemas.control import Tick
from touchline.schemas.request import Request, Skill
from touchline.schemas.staff import StaffEvent
from touchline.schemas.task import Task, TaskStatus
from touchline.schemas.vocabulary import SignalStatus
from touchline.schemas.wire import TASKS

POLICY = DeskPolicy(QueuePolicy(most_waiting=3, keep=DAY))
PEOPLE = ("anna", "ben", "cleo")
SKILLS = (Skill(), Skill(language="de"), Skill(topics=("delivery",)), Skill(seniority=3))
moments = st.integers(0, 12 * 60).map(lambda minute: NINE + minute * MINUTE)
ids = st.sampled_from([f"r-{n}" for n in range(6)])
who = st.sampled_from(PEOPLE)
DEEDS: st.SearchStrategy[Callable[..., StaffEvent]] = st.sampled_from([taken, taken, done, returned])


@st.composite
def people(draw: st.DrawFn) -> StaffEvent:
    at = draw(moments)
    until = draw(st.none() | st.integers(3, 9).map(lambda hours: from_ms(at + hours * HOUR)))
    return person(
        draw(who),
        at,
        capacity=draw(st.integers(0, 2)),
        languages=draw(st.sampled_from([(), ("de",)])),
        topics=draw(st.sampled_from([(), ("delivery",)])),
        seniority=draw(st.sampled_from([0, 4])),
        present_from=draw(st.sampled_from([None, from_ms(at), from_ms(at), from_ms(at + HOUR)])),
        present_until=until,
    )


@st.composite
def asked(draw: st.DrawFn) -> list[Item]:
    """A request, and what became of it."""
    at, name = draw(moments), draw(ids)
    fields: dict[str, Any] = {
        "priority": draw(st.integers(0, 100)),
        "skill": draw(st.sampled_from(SKILLS)),
        "due_at": from_ms(at + draw(st.integers(1, 8)) * HOUR),
        "escalate_to": draw(st.sampled_from(["", "", "owner:care"])),
        "about": signal(f"s-{name}", at, customer=draw(st.sampled_from(["c-1", "c-2"]))),
    }
    items: list[Item] = [request(name, at, **fields)]
    for make, somebody, minutes in draw(st.lists(st.tuples(DEEDS, who, st.integers(1, 400)), max_size=4)):
        items.append(make(name, somebody, at + minutes * MINUTE))
    if draw(st.integers(0, 3)) == 0:
        later = at + draw(st.integers(1, 300)) * MINUTE
        ended = signal(f"s-{name}", at, status=SignalStatus.RESOLVED, revision=1)
        items.append(request(name, later, **{**fields, "about": ended}, revision=1, cancelled=True))
    return items


events = st.one_of(
    people(),
    st.builds(lambda at, most: queue(at, most_waiting=most), moments, st.integers(1, 4)),
    st.builds(taken, ids, who, moments),
    st.builds(done, ids, who, moments),
    st.builds(returned, ids, who, moments),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Item]:
    found: list[Item] = [item for some in draw(st.lists(asked(), max_size=6)) for item in some]
    found += draw(st.lists(people(), min_size=2, max_size=8)) + draw(st.lists(events, max_size=4))
    unique = {}
    for item in found:
        unique[(item.request_id, item.revision) if isinstance(item, Request) else (item.queue, item.event_id)] = item  # type: ignore[union-attr]
    return list(unique.values())


END = tick(NINE + 3 * DAY)


@dataclass
class Watched:
    """A shard, looked at after each batch."""

    shard: LocalShard = field(default_factory=lambda: LocalShard(DeskProcessor(POLICY), 0, 1))
    outputs: list[Output] = field(default_factory=list)

    def give(self, items: Sequence[Item], *, restart: bool = False) -> None:
        for item_topic, some in _runs(items):
            records = [record(item, n) for n, item in enumerate(some)]
            self.outputs += self.shard.process(item_topic, records, NINE + 4 * DAY)
            if restart:
                self.shard.restart()

    @property
    def told(self) -> list[Task]:
        return [decode_task(output.value or b"") for output in self.outputs if output.topic == TASKS]


def _runs(items: Sequence[Item]) -> list[tuple[str, list[Item]]]:
    """Neighbours of one topic as a batch."""
    found: list[tuple[str, list[Item]]] = []
    for item in items:
        if found and found[-1][0] == topic_of(item):
            found[-1][1].append(item)
        else:
            found.append((topic_of(item), [item]))
    return found


@settings(max_examples=100, deadline=None)
@given(history=histories(), data=st.data())
def test_any_order_any_cut_and_any_restart_give_the_same(history: list[Item], data: st.DataObject) -> None:
    one = Watched()
    one.give([*history, END])
    ordered = data.draw(st.permutations(history))
    other = Watched()
    for item in [*ordered, END]:
        other.give([item], restart=data.draw(st.booleans()))
    assert other.outputs == one.outputs
    assert other.shard.counts == one.shard.counts


@settings(max_examples=100, deadline=None)
@given(history=histories(), steps=st.lists(moments, max_size=8))
def test_it_does_not_matter_how_often_time_ticks(history: list[Item], steps: list[int]) -> None:
    one = Watched()
    one.give([*history, END])
    other = Watched()
    left = sorted(history, key=_time)
    for high in sorted(steps):
        other.give([*(item for item in left if _time(item) <= high), tick(high)])
        left = [item for item in left if _time(item) > high]
    other.give([*left, END])
    assert other.outputs == one.outputs


def _time(item: Item) -> int:
    return item.high if isinstance(item, Tick) else to_ms(item.at)


@settings(max_examples=100, deadline=None)
@given(history=histories())
def test_no_task_is_lost_and_all_end(history: list[Item]) -> None:
    run = Watched()
    run.give([*history, END])
    last = {task.task_id: task for task in run.told}
    asked = {item.request_id for item in history if isinstance(item, Request) and not item.cancelled}
    withdrawn = {item.request_id for item in history if isinstance(item, Request) and item.cancelled}
    assert asked - withdrawn <= last.keys() <= asked
    assert not [task for task in last.values() if task.status.is_open]  # a day after it was due at the latest
    revisions: dict[str, list[int]] = {}
    for task in run.told:
        revisions.setdefault(task.task_id, []).append(task.revision)
    assert all(numbers == list(range(len(numbers))) for numbers in revisions.values())


@settings(max_examples=100, deadline=None)
@given(history=histories())
def test_nobody_is_offered_what_they_can_not_do_or_more_than_they_have_places_for(history: list[Item]) -> None:
    run, seen = Watched(), 0
    for item in sorted(history, key=_time):
        run.give([item, tick(_time(item))])
        state: DeskState = run.shard.state
        known = state.queues.get("service", 0)
        staff = known.people if known is not None else {}
        for task in run.told[seen:]:
            assert task.status is not TaskStatus.ASSIGNED or (task.person or "") in staff
        seen = len(run.told)
        now = state.now
        for name, somebody in staff.items():
            _check(state, name, somebody, now)
        for _, task_id in known.waiting if known is not None else ():
            assert (waits := state.tasks.get(task_id, 0)) is not None
            assert waits.status is TaskStatus.WAITING


def _check(state: DeskState, name: str, somebody: Person, now: int) -> None:
    held = [(task_id, state.tasks.get(task_id, 0)) for task_id in somebody.tasks]
    offered = [task for _, task in held if task is not None and task.status is TaskStatus.ASSIGNED]
    assert all(task is not None and task.person == name and task.status.is_open for _, task in held)
    assert not offered or somebody.present(now)
    assert not offered or len(held) <= somebody.capacity
    assert all(task.request is not None and fits(somebody, task.request.skill) for task in offered)


@settings(max_examples=60, deadline=None)
@given(
    old=st.integers(0, 50),
    others=st.lists(st.integers(0, 100), min_size=30, max_size=60),
)
def test_no_task_starves_while_more_urgent_ones_keep_coming(old: int, others: list[int]) -> None:
    """One person works off a task every half hour, and one comes every half hour. The old one is next once those that
    came later can be more urgent by no more than it has waited."""
    run, at = Watched(LocalShard(DeskProcessor(DeskPolicy(QueuePolicy(keep=9 * DAY))), 0, 1)), NINE
    due: dict[str, Any] = {"due_at": from_ms(NINE + 8 * DAY)}
    run.give([person("anna", NINE - HOUR, capacity=1), request("busy", NINE, priority=100, **due), tick(NINE)])
    run.give([request("old", NINE + 1, priority=old, **due), tick(NINE + 1)])
    for number, priority in enumerate(others):
        at += 30 * MINUTE
        busy = next(task for task in reversed(run.told) if task.status is TaskStatus.ASSIGNED)
        run.give(
            [request(f"new-{number:02}", at - 1, priority=priority, **due), done(busy.task_id, "anna", at), tick(at)]
        )
    got = next(task for task in run.told if task.task_id == "old" and task.status is TaskStatus.ASSIGNED)
    assert to_ms(got.at) <= NINE + (100 - old) * 6 * MINUTE + HOUR
