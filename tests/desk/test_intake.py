"""What workforce systems publish: what is taken, and why a record is refused."""

import json
from typing import Any

import pytest

from tests.desk.cases import NINE, feed, person, shard, tick
from touchline.pipeline.desk.intake import parse, read
from touchline.pipeline.desk.processor import DeskPolicy
from touchline.pipeline.engine.clock import MINUTE, from_ms
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.engine.reject import rejection_of
from touchline.pipeline.intake.errors import InvalidEvent
from touchline.schemas.staff import PersonChanged, QueueChanged
from touchline.schemas.wire import REJECTED, STAFF

PERSON = {"kind": "person.changed", "event_id": "1", "at": "2026-06-10T08:00:00Z", "queue": "service", "person": "anna"}
QUEUE = {"kind": "queue.changed", "event_id": "1", "at": "2026-06-10T08:00:00Z", "queue": "service"}
DONE = {**PERSON, "kind": "task.done", "task_id": "t-1"}


def test_what_people_write_is_taken() -> None:
    hours = [
        {"days": "mon-wed, sat", "start": "08:00", "end": "24:00"},
        {"days": ["sun"], "start": "10:00", "end": "12:00"},
    ]
    found = read(json.dumps({**QUEUE, "hours": hours, "zone": "Europe/Berlin", "due": "4h"}).encode())
    assert isinstance(found, QueueChanged)
    assert [opening.days for opening in found.hours] == [("mon", "tue", "wed", "sat"), ("sun",)]
    assert found.due == 4 * 60 * MINUTE
    found = read(json.dumps({**QUEUE, "hours": [{"days": "fri-mon", "start": "08:00", "end": "09:00"}]}).encode())
    assert isinstance(found, QueueChanged)
    assert found.hours[0].days == ("fri", "sat", "sun", "mon")
    absent = read(json.dumps(PERSON).encode())
    assert isinstance(absent, PersonChanged)
    assert (absent.present_from, absent.capacity) == (None, 1)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({**PERSON, "kind": "person.changes"}, "bad_value: kind: expected one of person.changed, queue.changed, "),
        ({**PERSON, "kind": "person.changes"}, 'did you mean "person.changed"'),
        ({"person": "anna"}, "missing_field: kind: is missing"),
        ({**PERSON, "kind": 7}, "bad_value: kind: expected one of"),
        ({**DONE}, "missing_field: outcome: is missing in task.done"),
        ({**PERSON, "langages": ["de"]}, "unknown_field: langages: person.changed has no such field"),
        ({**PERSON, "langages": ["de"]}, 'did you mean "languages"'),
        ({**PERSON, "capacity": "two"}, "wrong_type: capacity: expected a whole number"),
        ({**PERSON, "capacity": 101}, "bad_value: capacity: expected at most 100"),
        ({**PERSON, "at": "2026-06-10T08:00:00"}, "bad_time: at: is no time with its offset"),
        ({**PERSON, "present_from": "1781078400"}, "bad_time: present_from: has no offset"),
        ({**QUEUE, "zone": "Mars/Olympus"}, "bad_value: zone: is no time zone"),
        ({**QUEUE, "due": "soon"}, "bad_value: due: "),
        ({**QUEUE, "due": "1s"}, "bad_value: due: is less than a minute"),
        ({**QUEUE, "hours": [{"days": "someday", "start": "08:00", "end": "09:00"}]}, "expected days such as mon-fri"),
        ({**QUEUE, "hours": [{"days": "mon", "start": "20:00", "end": "06:00"}]}, "ends before it starts"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(event: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidEvent) as error:
        read(json.dumps(event).encode())
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("value", "key", "said"),
    [
        (None, b"queue:service", "the record has no value"),
        (b"{", b"queue:service", "not_json"),
        (b"[]", b"queue:service", "an event of staff is a JSON object"),
        (b'"' + b"x" * 300_000 + b'"', b"queue:service", "too_large"),
        (json.dumps(PERSON).encode(), b"anna", "bad_value: key: the key of the record is queue:"),
        (json.dumps(PERSON).encode(), None, "bad_value: key"),
    ],
)
def test_a_record_that_is_none_is_refused(value: bytes | None, key: bytes | None, said: str) -> None:
    with pytest.raises(InvalidEvent) as error:
        parse(value, key)
    assert said in str(error.value)


def test_no_value_of_a_record_is_repeated() -> None:
    for event in (
        {**PERSON, "languages": "secret"},
        {**PERSON, "person": {"name": "secret"}},
        {**PERSON, "at": "secret"},
    ):
        with pytest.raises(InvalidEvent) as error:
            read(json.dumps(event).encode())
        assert "secret" not in str(error.value)


def test_what_is_refused_goes_to_the_dead_letters_and_the_others_count() -> None:
    desk = shard()
    good = json.dumps({**PERSON, "present_from": "2026-06-10T08:00:00Z"}).encode()
    bad = PlainRecord(7, NINE, b"queue:service", b'{"kind": "person.changed"}')
    outputs = desk.process(STAFF, [bad, PlainRecord(8, NINE, b"queue:service", good)], NINE)
    (letter,) = outputs
    assert (letter.topic, letter.value) == (REJECTED, bad.value)
    why = rejection_of(PlainRecord(0, 0, letter.key, letter.value, letter.headers))
    assert why is not None
    assert (why.topic, why.offset, why.code, why.field) == (STAFF, 7, "missing_field", "event_id")
    feed(desk, tick(NINE))
    assert desk.counts == {"rejected.missing_field": 1, "staff.person.changed": 1}


def test_on_the_live_clock_the_far_future_is_refused_and_in_history_it_is_not() -> None:
    ahead = person(at=NINE)
    record = PlainRecord(0, NINE - 6 * MINUTE, b"queue:service", json.dumps(_plain(ahead)).encode())
    live, history = shard(), shard(DeskPolicy(live=False))
    assert [output.topic for output in live.process(STAFF, [record], 0)] == [REJECTED]
    assert history.process(STAFF, [record], 0) == []
    assert live.counts == {"rejected.future_time": 1}


def _plain(event: PersonChanged) -> dict[str, Any]:
    return {**PERSON, "at": event.at.isoformat(), "present_from": from_ms(NINE).isoformat()}
