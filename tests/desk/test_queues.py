"""Tasks: who gets one, and what becomes of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.desk.cases import (
    NINE,
    Item,
    done,
    feed,
    languages,
    person,
    queue,
    request,
    returned,
    shard,
    states,
    taken,
    tasks,
    tick,
)
from tests.outreach.cases import signal
from touchline.pipeline.desk.processor import DeskPolicy, DeskProcessor
from touchline.pipeline.desk.state import MAX_PEOPLE, TaskState
from touchline.pipeline.desk.tasks import QueuePolicy
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.schemas.codec import decode_request
from touchline.schemas.request import Request, Skill
from touchline.schemas.staff import Opening
from touchline.schemas.vocabulary import SignalStatus
from touchline.schemas.wire import REQUESTS


def run(*items: Any, policy: DeskPolicy | None = None) -> tuple[LocalShard, list[tuple[str, str, str | None]]]:
    """What comes out of items and a tick at nine."""
    desk = shard(policy)
    return desk, states(tasks(feed(desk, *items, tick(NINE))))


def test_a_request_becomes_a_task_for_who_is_there_with_all_that_they_need() -> None:
    desk = shard()
    found = tasks(feed(desk, person(), request(language="en"), tick(NINE)))
    assert states(found) == [("r-1", "waiting", None), ("r-1", "assigned", "anna")]
    last = found[-1]
    assert (last.queue, last.customer, last.signal.evidence) == ("service", "c-1", "waited 20 min")
    assert (last.journey, last.suggestion, last.linked) == (("09:00 call.started by voice",), "We are sorry.", ("s-9",))
    assert last.why == "anna: no skill asked for; speaks the customer's language; 0 of 2 places in use"
    assert [task.revision for task in found] == [0, 1]
    assert desk.counts["tasks.assigned"] == 1


def test_nothing_happens_before_time_has_come() -> None:
    desk = shard()
    assert feed(desk, person(), request(), tick(NINE - 1)) == []
    assert states(tasks(feed(desk, tick(NINE))))[-1] == ("r-1", "assigned", "anna")


def test_time_is_that_of_the_slowest_shard_of_outreach() -> None:
    desk = shard()
    two: dict[str, Any] = {"partitions": 2, "live": False}
    assert feed(desk, person(), request(), tick(NINE + HOUR, partition=0, **two)) == []
    assert feed(desk, tick(NINE - 1, partition=1, **two)) == []
    assert len(tasks(feed(desk, tick(NINE, partition=1, **two)))) == 2


@pytest.mark.parametrize(
    ("skill", "who"),
    [
        (Skill(language="de"), "ben"),
        (Skill(topics=("delivery",)), "cleo"),
        (Skill(topics=("delivery", "payment")), None),
        (Skill(products=("router",)), "dan"),
        (Skill(seniority=5), "dan"),
        (Skill(language="de", seniority=5), None),
    ],
)
def test_only_who_has_the_whole_skill_gets_it(skill: Skill, who: str | None) -> None:
    _, found = run(
        person("anna"),
        person("ben", languages=("de",)),
        person("cleo", topics=("delivery",)),
        person("dan", products=("router",), seniority=7),
        request(skill=skill),
    )
    assert found[-1] == ("r-1", "waiting" if who is None else "assigned", who)


def test_the_customers_language_is_preferred_not_demanded() -> None:
    _, found = run(person("anna"), person("zoe", languages=("de",)), request(language="de-AT"))
    assert found[-1][2] == "zoe"
    _, found = run(person("anna"), request(language="fr"))
    assert found[-1][2] == "anna"


def test_who_helped_the_customer_before_comes_first_then_the_least_loaded_then_the_longest_idle() -> None:
    desk = shard()
    early, later = person("zoe", NINE - 3 * HOUR, capacity=4), person("anna", NINE - 2 * HOUR, capacity=4)
    feed(desk, early, later, tick(NINE - HOUR))
    first = states(tasks(feed(desk, request("r-1"), tick(NINE))))
    assert first[-1][2] == "zoe"  # longest idle
    other = signal("s-2", NINE + 1, customer="c-2")
    assert states(tasks(feed(desk, request("r-2", NINE + 1, about=other), tick(NINE + 1))))[-1][2] == "anna"
    feed(desk, taken("r-1", "zoe", NINE + 2), done("r-1", "zoe", NINE + 3), tick(NINE + 3))
    feed(desk, request("r-3", NINE + 4, about=signal("s-3", customer="c-3")), tick(NINE + 4))
    again = tasks(feed(desk, request("r-4", NINE + 5), tick(NINE + 5)))[-1]
    assert again.person == "zoe"  # knows c-1, though as loaded as anna
    assert "helped this customer before" in again.why


def test_nobody_gets_more_than_they_have_places_for() -> None:
    desk, found = run(person(capacity=2), *(request(f"r-{n}") for n in range(4)))
    assert [task for task, status, _ in found if status == "assigned"] == ["r-0", "r-1"]
    assert desk.counts["tasks.assigned"] == 2


def test_the_more_urgent_task_is_next_when_a_place_is_free() -> None:
    desk = shard()
    feed(desk, person(capacity=1), request("r-0", NINE - MINUTE), tick(NINE - MINUTE))
    feed(desk, request("r-low", priority=10), request("r-high", NINE + 1, priority=90), tick(NINE + 1))
    found = states(tasks(feed(desk, done("r-0", "anna", NINE + 2), tick(NINE + 2))))
    assert found == [("r-0", "done", "anna"), ("r-high", "assigned", "anna")]


def test_waiting_is_worth_priority_so_none_starves() -> None:
    desk = shard(DeskPolicy(QueuePolicy(aging=6 * MINUTE)))
    feed(desk, person(capacity=1), request("r-0", NINE - MINUTE), tick(NINE - MINUTE))
    long: dict[str, Any] = {"due_at": from_ms(NINE + 2 * DAY)}
    feed(desk, request("r-old", priority=0, **long), tick(NINE))
    feed(desk, request("r-new", NINE + 10 * HOUR + 1, priority=100, **long), tick(NINE + 10 * HOUR + 1))
    found = states(tasks(feed(desk, done("r-0", "anna", NINE + 11 * HOUR), tick(NINE + 11 * HOUR))))
    assert found[-1] == ("r-old", "assigned", "anna")


def test_who_goes_gives_back_what_was_not_taken() -> None:
    desk = shard()
    feed(desk, person(present_until=from_ms(NINE + HOUR)), request("r-1"), request("r-2", NINE + 1), tick(NINE + 1))
    feed(desk, taken("r-1", "anna", NINE + 2), person("ben", NINE + 3), tick(NINE + 3))
    found = tasks(feed(desk, tick(NINE + HOUR)))
    assert states(found) == [("r-2", "waiting", None), ("r-2", "assigned", "ben")]
    assert found[0].why == "anna is away"
    assert found[0].at == from_ms(NINE + HOUR)


def test_a_shift_that_begins_brings_somebody() -> None:
    desk = shard()
    assert states(tasks(feed(desk, person(present_from=from_ms(NINE + HOUR)), request(), tick(NINE))))[-1][2] is None
    assert states(tasks(feed(desk, tick(NINE + HOUR)))) == [("r-1", "assigned", "anna")]


def test_less_capacity_or_skill_takes_back_what_was_not_taken() -> None:
    desk = shard()
    delivery = Skill(topics=("delivery",))
    feed(desk, person(topics=("delivery",)), request("r-1", skill=delivery, priority=90), tick(NINE))
    feed(desk, request("r-2", NINE + 1, priority=10), tick(NINE + 1))
    found = states(tasks(feed(desk, person(at=NINE + 2, topics=("delivery",), capacity=1), tick(NINE + 2))))
    assert found == [("r-2", "waiting", None)]  # the less urgent one
    found = states(tasks(feed(desk, person(at=NINE + 3, capacity=1), tick(NINE + 3))))
    assert found == [("r-1", "waiting", None), ("r-2", "assigned", "anna")]


def test_a_task_that_is_let_lie_goes_to_another_at_half_of_its_time() -> None:
    desk = shard()
    feed(desk, person("anna"), request(), tick(NINE))
    assert feed(desk, person("ben", NINE + 1), tick(NINE + 2 * HOUR - 1)) == []
    found = tasks(feed(desk, tick(NINE + 2 * HOUR)))
    assert states(found) == [("r-1", "waiting", None), ("r-1", "assigned", "ben")]
    assert found[0].why == "anna did not take it in half of its time"


def test_a_task_that_is_late_goes_to_another_again_and_again_until_it_expires() -> None:
    desk = shard(DeskPolicy(QueuePolicy(keep=DAY)))
    feed(desk, person("anna"), request(), taken("r-1", "anna", NINE + 1), tick(NINE + 1))
    feed(desk, returned("r-1", "anna", NINE + 3 * HOUR), person("ben", NINE + 3 * HOUR), tick(NINE + 3 * HOUR))
    found = tasks(feed(desk, tick(NINE + 4 * HOUR)))
    assert [(task.status.value, task.person, task.late) for task in found] == [
        ("waiting", None, True),
        ("assigned", "anna", True),
    ]
    assert found[0].why == "ben did not take it until it was due"
    assert states(tasks(feed(desk, tick(NINE + 8 * HOUR))))[-1] == ("r-1", "assigned", "ben")
    last = tasks(feed(desk, tick(NINE + 5 * DAY)))[-1]
    assert (last.status.value, last.at) == ("expired", from_ms(NINE + 4 * HOUR + DAY))


def test_a_task_that_was_taken_stays_with_its_person_and_is_told_to_be_late_once() -> None:
    desk = shard()
    feed(desk, person("anna"), person("ben"), request(), taken("r-1", "anna", NINE + 1), tick(NINE + 1))
    found = tasks(feed(desk, tick(NINE + 20 * HOUR)))
    assert [(task.status.value, task.person, task.late) for task in found] == [("taken", "anna", True)]


def test_what_is_given_back_goes_to_another_and_not_to_the_same_before_it_is_due() -> None:
    desk = shard()
    feed(desk, person("anna"), request(), tick(NINE))
    found = tasks(feed(desk, returned("r-1", "anna", NINE + 1, "not_my_topic"), tick(NINE + 3 * HOUR)))
    assert states(found) == [("r-1", "waiting", None)]
    assert found[0].why == "anna gave it back (not_my_topic)"
    assert states(tasks(feed(desk, tick(NINE + 4 * HOUR))))[-1] == ("r-1", "assigned", "anna")


def test_another_may_take_what_was_offered() -> None:
    desk = shard()
    feed(desk, person("anna"), request(), tick(NINE))
    found = tasks(feed(desk, person("ben", NINE + 1), taken("r-1", "ben", NINE + 2), tick(NINE + 2)))
    assert states(found) == [("r-1", "taken", "ben")]
    assert found[0].why == "taken by ben instead of anna"
    assert feed(desk, taken("r-1", "ben", NINE + 3), tick(NINE + 3)) == []


def test_done_says_how_and_by_whom() -> None:
    desk = shard()
    feed(desk, person(), request(), taken("r-1", "anna", NINE + 1), tick(NINE + 1))
    (last,) = tasks(feed(desk, done("r-1", "anna", NINE + 2, "refunded"), tick(NINE + 2)))
    assert (last.status.value, last.person, last.outcome) == ("done", "anna", "refunded")
    assert feed(desk, done("r-1", "ben", NINE + 3), request(), tick(NINE + 4)) == []
    assert desk.counts["staff.unknown_task"] == 1
    assert desk.counts["duplicates"] == 1


def cancelled(request_id: str, at: int, **changes: Any) -> Request:
    ended = signal(f"s-{request_id}", NINE, status=SignalStatus.RESOLVED, revision=1)
    return request(request_id, at, about=ended, revision=1, cancelled=True, **changes)


def test_a_cancelled_request_withdraws_its_task_and_frees_the_person() -> None:
    desk = shard()
    feed(desk, person(capacity=1), request("r-1"), tick(NINE))
    feed(desk, request("r-2", NINE + 1), tick(NINE + 1))
    found = tasks(feed(desk, cancelled("r-1", NINE + 2), tick(NINE + 2)))
    assert states(found) == [("r-1", "cancelled", "anna"), ("r-2", "assigned", "anna")]
    assert found[0].why == "not needed any more: the signal is resolved"


def test_one_that_was_cancelled_before_it_came_never_begins() -> None:
    desk = shard()
    assert feed(desk, cancelled("r-1", NINE), tick(NINE)) == []
    assert feed(desk, request("r-1", NINE + 1), tick(NINE + 1)) == []


def test_a_full_queue_refuses_the_least_urgent() -> None:
    desk = shard()
    items = [request(f"r-{n}", NINE + n, priority=50 + 10 * n) for n in range(3)]
    found = tasks(feed(desk, queue(most_waiting=2), *items, tick(NINE + 3)))
    assert states(found)[-2:] == [("r-2", "waiting", None), ("r-0", "refused", None)]
    assert found[-1].why == "the queue is full: 2 more urgent tasks wait"
    found = tasks(feed(desk, request("r-3", NINE + 4, priority=0), tick(NINE + 4)))
    assert [(task.task_id, task.status.value, task.revision) for task in found] == [("r-3", "refused", 0)]
    assert desk.counts["tasks.refused"] == 2


def escalated(desk: LocalShard, outputs: Any) -> list[Request]:
    return [decode_request(output.value) for output in outputs if output.topic == REQUESTS]


def test_what_nobody_took_in_time_goes_on_and_is_cancelled_there_too() -> None:
    desk = shard()
    feed(desk, request(escalate_after=HOUR, escalate_to="owner:service"), tick(NINE))
    outputs = feed(desk, tick(NINE + HOUR))
    (task,), (further,) = tasks(outputs), escalated(desk, outputs)
    assert (task.status.value, task.escalated_to, task.why) == ("escalated", "owner:service", "nobody took it in time")
    assert (further.target, further.at, further.escalate_to) == ("owner:service", from_ms(NINE + HOUR), "")
    assert further.request_id != "r-1"
    outputs = feed(desk, cancelled("r-1", NINE + 2 * HOUR, escalate_to="owner:service"), tick(NINE + 2 * HOUR))
    (withdrawn,) = escalated(desk, outputs)
    assert (withdrawn.request_id, withdrawn.target) == (further.request_id, "owner:service")
    assert withdrawn.cancelled
    assert withdrawn.revision > further.revision


def test_what_was_taken_has_time_until_it_is_due() -> None:
    desk = shard()
    asked = request(escalate_after=HOUR, escalate_to="queue:second")
    feed(desk, person(), asked, taken("r-1", "anna", NINE + 1), tick(NINE + 4 * HOUR - 1))
    outputs = feed(desk, tick(NINE + 4 * HOUR))
    (task,) = tasks(outputs)
    assert (task.status.value, task.person, task.why) == ("escalated", "anna", "was not finished in time")
    assert escalated(desk, outputs)[0].target == "queue:second"


def test_a_full_queue_escalates_what_may_go_on() -> None:
    desk = shard()
    feed(desk, queue(most_waiting=1), request("r-1", priority=90), tick(NINE))
    outputs = feed(desk, request("r-2", NINE + 1, escalate_to="queue:second"), tick(NINE + 1))
    assert [task.status.value for task in tasks(outputs)] == ["escalated"]
    assert [further.target for further in escalated(desk, outputs)] == ["queue:second"]


def test_an_escalation_to_a_queue_becomes_a_task_there() -> None:
    desk = shard()
    feed(desk, request(escalate_after=HOUR, escalate_to="queue:second"), tick(NINE))
    (further,) = escalated(desk, feed(desk, tick(NINE + HOUR)))
    found = tasks(feed(desk, person("eva", NINE + HOUR, queue="second"), further, tick(NINE + 2 * HOUR)))
    assert [(task.queue, task.status.value, task.person) for task in found] == [
        ("second", "waiting", None),
        ("second", "assigned", "eva"),
    ]


def test_a_closed_queue_hands_out_nothing_until_it_opens_and_due_times_count_opening_hours() -> None:
    week = Opening(days=("mon", "tue", "wed", "thu", "fri"), start="08:00", end="18:00")
    desk = shard()
    evening = NINE + 8 * HOUR + 30 * MINUTE  # 17:30 UTC is 19:30 in Berlin
    feed(desk, queue(hours=(week,), zone="Europe/Berlin", due=2 * HOUR), person(), tick(NINE))
    (task,) = tasks(feed(desk, request(at=evening, due_at=None), tick(evening)))
    assert (task.status.value, task.due_at) == ("waiting", datetime(2026, 6, 11, 8, tzinfo=UTC))
    opens = to_ms(datetime(2026, 6, 11, 6, tzinfo=UTC))
    assert feed(desk, tick(opens - 1)) == []
    assert states(tasks(feed(desk, tick(opens)))) == [("r-1", "assigned", "anna")]


def test_in_observe_mode_it_is_recorded_who_would_get_it_and_nobody_does() -> None:
    desk = shard()
    found = tasks(feed(desk, person(), request(observed=True), tick(NINE)))
    assert states(found) == [("r-1", "observed", None)]
    assert found[0].why.startswith("observe mode; it would be offered to anna: ")
    desk = shard(DeskPolicy(QueuePolicy(observe=True)))
    (task,) = tasks(feed(desk, request(), tick(NINE)))
    assert task.why == "observe mode; it would wait in the queue"


def test_a_known_request_counts_once_more_only_when_it_is_cancelled() -> None:
    desk = shard()
    feed(desk, person("anna"), request(), tick(NINE))
    assert feed(desk, request("r-1", NINE + 1, revision=1, skill=languages("de")), tick(NINE + 1)) == []
    assert desk.counts["duplicates"] == 1
    assert states(tasks(feed(desk, cancelled("r-1", NINE + 2), tick(NINE + 2)))) == [("r-1", "cancelled", "anna")]


def test_an_older_word_about_a_person_is_passed_over() -> None:
    desk = shard()
    feed(desk, person(at=NINE - HOUR), tick(NINE - 1))
    feed(desk, person(at=NINE - 2 * HOUR, capacity=0), tick(NINE))
    assert desk.counts["staff.stale"] == 1
    assert states(tasks(feed(desk, request(at=NINE + 1), tick(NINE + 1))))[-1][2] == "anna"


def test_one_too_many_takes_the_place_of_who_is_away_longest() -> None:
    desk = shard()
    away: dict[str, Any] = {"present_from": None}
    staff = [person(f"p-{n:03}", NINE - HOUR + n, **away if n in {7, 9} else {}) for n in range(MAX_PEOPLE)]
    feed(desk, *staff, person("late", NINE), tick(NINE))
    people = desk.state.queues.get("service", 0).people
    assert (len(people), "p-007" in people, "p-009" in people, "late" in people) == (MAX_PEOPLE, False, True, True)
    feed(desk, person("later", NINE + 1), person("latest", NINE + 2), tick(NINE + 2))
    assert (len(people), "p-009" in people, "later" in people, "latest" in people) == (MAX_PEOPLE, False, True, False)
    assert desk.counts["people.too_many"] == 1  # the others are there, and stay


def test_an_older_word_about_a_task_is_passed_over() -> None:
    desk = shard()
    feed(desk, person(), request(), taken("r-1", "anna", NINE + 10), tick(NINE + 10))
    assert feed(desk, done("r-1", "anna", NINE + 9), tick(NINE + 11)) == []
    assert desk.counts["staff.stale"] == 1
    assert states(tasks(feed(desk, done("r-1", "anna", NINE + 12), tick(NINE + 12)))) == [("r-1", "done", "anna")]


def test_the_last_sixteen_who_let_a_task_lie_come_last() -> None:
    desk = shard()
    feed(desk, *(person(f"p-{n:02}") for n in range(20)), request(), tick(NINE))
    found = states(tasks(feed(desk, tick(NINE + 3 * DAY))))
    lay_with = ["p-00", *(who for _, status, who in found if status == "assigned" and who)][:-1]
    state: TaskState = desk.state.tasks.get("r-1", 0)
    assert len(lay_with) > 16
    assert state.passed == lay_with[-16:]


def restarted(desk: LocalShard, **changes: Any) -> LocalShard:
    """The same desk after a restart with other settings."""
    desk.processor = DeskProcessor(DeskPolicy(QueuePolicy(**changes)))
    desk.restart()
    return desk


def test_a_restart_with_another_aging_finds_what_waits() -> None:
    desk = shard()
    feed(desk, request("r-1"), request("r-2", NINE + 1), request("r-3", NINE + 2), tick(NINE + 2))
    restarted(desk, aging=60 * MINUTE)
    found = states(tasks(feed(desk, cancelled("r-2", NINE + 3), tick(NINE + 3))))
    assert found == [("r-2", "cancelled", None)]
    assert [task for _, task in desk.state.queues.get("service", 0).waiting] == ["r-1", "r-3"]
    found = states(tasks(feed(desk, person(at=NINE + 4), tick(NINE + 4))))
    assert found == [("r-1", "assigned", "anna"), ("r-3", "assigned", "anna")]


def test_what_waits_when_the_mode_becomes_observe_goes_to_nobody_until_it_is_live_again() -> None:
    desk = shard()
    feed(desk, request("r-1"), tick(NINE))
    restarted(desk, observe=True)
    assert feed(desk, person(at=NINE + 1), tick(NINE + 1)) == []
    restarted(desk)
    assert states(tasks(feed(desk, person("ben", NINE + 2), tick(NINE + 2)))) == [("r-1", "assigned", "anna")]


def test_a_restart_in_between_changes_nothing() -> None:
    items: list[Item] = [person("anna"), person("ben"), request("r-1"), request("r-2", NINE + 1), tick(NINE + 1)]
    later: list[Item] = [
        taken("r-1", "anna", NINE + 2),
        tick(NINE + 2 * HOUR),
        tick(NINE + 5 * HOUR),
        tick(NINE + 9 * DAY),
    ]
    one, other = shard(), shard()
    expected, found = feed(one, *items), []
    for item in items:
        found += feed(other, item)
        other.restart()
    for item in later:
        expected += feed(one, item)
        found += feed(other, item)
        other.restart()
    assert found == expected
