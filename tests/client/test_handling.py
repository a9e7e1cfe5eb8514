"""Handling signals: what fails is tried again or set aside, what was filtered out and what was handled is past."""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import RebalanceInProgressError

from tests.client.support import Topic, signal
from tests.support.environments import PARTITIONS
from touchline.client import BadMemory, Limits, Retry, SignalConsumer, SignalFilter
from touchline.embedded import EmbeddedBroker
from touchline.schemas.codec import encode
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Severity

SOON = Retry(times=2, first=0.05, on=(OSError,))
END = signal(99)
Pair = tuple[str, int]


class Enough(Exception):
    """The last signal came."""


@pytest.fixture
def topic(bootstrap: str, environment: str) -> Iterator[Topic]:
    topic = Topic(bootstrap, environment)
    yield topic
    topic.producer.close()


@pytest.fixture
def session(request: pytest.FixtureRequest) -> float:
    """The embedded broker lets a group wait for half a session; Kafka takes none below 6 s."""
    return 2.0 if "embedded" in request.node.name else 6.0


@pytest.fixture
def options(bootstrap: str, environment: str, session: float) -> dict[str, Any]:
    return {
        "bootstrap": bootstrap,
        "environment": environment,
        "start": "earliest",
        # Kafka on a busy machine may give partitions out anew for longer than the usual 10 s.
        "limits": Limits(session_timeout=session, timeout=60.0),
    }


class Callback:
    """Notes what it is called with; fails so many times for some signals."""

    def __init__(self, **fails: int) -> None:
        self.fails = fails
        self.calls: list[str] = []

    def __call__(self, one: Signal) -> None:
        if one == END:
            raise Enough
        self.calls.append(one.signal_id)
        if self.fails.get(one.signal_id, 0) > 0:
            self.fails[one.signal_id] -= 1
            raise ConnectionError(f"c-1042 of {one.signal_id}")


def left(options: dict[str, Any], group: str, **more: Any) -> list[Pair]:
    """What another consumer of the group still gets before the last one."""
    with SignalConsumer(**options, **more, group=group) as consumer:
        return [(one.signal_id, one.revision) for one in takewhile(lambda one: one != END, consumer)]


def worked(options: dict[str, Any], group: str, callback: Callback, **how: Any) -> None:
    """Hands signals to a callback until the last one."""
    with pytest.raises(Enough), SignalConsumer(**options, group=group) as consumer:
        consumer.run(callback, **{"retry": SOON, **how})


def test_what_fails_is_tried_again_in_its_place(
    topic: Topic, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    topic.signals(signal(1), signal(2), signal(3), END)
    callback = Callback(s2=2)
    with caplog.at_level(logging.WARNING, "touchline.client"):
        worked(options, "one", callback)
    assert callback.calls == ["s1", "s2", "s2", "s2", "s3"]
    # A broker that just gives partitions out anew may refuse a commit for a moment, which is told as well.
    all_told = [record.getMessage() for record in caplog.records if record.name == "touchline.client"]
    told = [message for message in all_told if "callback" in message]
    assert len(told) == 2
    assert "signal s2, revision 1: the callback failed with ConnectionError, next attempt in 0.0" in told[0]
    assert "c-1042" not in " ".join(all_told), "what a callback says may be about a person"
    assert left(options, "one") == []


def test_what_fails_for_good_is_a_dead_letter_and_past(topic: Topic, options: dict[str, Any]) -> None:
    topic.signals(signal(1), signal(2), signal(3), END)
    callback, dead = Callback(s2=9), list[tuple[str, str]]()
    worked(options, "two", callback, dead_letter=lambda one, error: dead.append((one.signal_id, str(error))))
    assert callback.calls == ["s1", "s2", "s2", "s2", "s3"]
    assert dead == [("s2", "c-1042 of s2")]
    assert left(options, "two") == []


def test_without_a_dead_letter_it_comes_out_and_again(topic: Topic, options: dict[str, Any]) -> None:
    topic.signals(signal(1), signal(2), signal(3), END)
    callback = Callback(s2=3)
    with SignalConsumer(**options, group="three") as consumer:
        with pytest.raises(ConnectionError, match="c-1042 of s2"):
            consumer.run(callback, retry=SOON)
        assert callback.calls == ["s1", "s2", "s2", "s2"]
        with pytest.raises(Enough):
            consumer.run(callback, retry=SOON)
    assert callback.calls[4:] == ["s2", "s3"]


def test_only_the_errors_that_are_named_are_tried_again(topic: Topic, options: dict[str, Any]) -> None:
    topic.signals(signal(1))
    callback, dead = Callback(s1=1), list[Signal]()
    with SignalConsumer(**options, group="four") as consumer, pytest.raises(ConnectionError):
        consumer.run(callback, retry=Retry(times=3, on=(TimeoutError,)), dead_letter=lambda one, _: dead.append(one))
    assert (callback.calls, dead) == (["s1"], [])


def test_a_dead_letter_that_fails_leaves_the_signal_unhandled(topic: Topic, options: dict[str, Any]) -> None:
    topic.signals(signal(1), signal(2), END)

    def full(_one: Signal, _error: Exception) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), SignalConsumer(**options, group="five") as consumer:
        consumer.run(Callback(s2=9), retry=SOON, dead_letter=full)
    assert left(options, "five") == [("s2", 1)]


def test_what_is_filtered_out_is_past(topic: Topic, options: dict[str, Any]) -> None:
    low = signal(1, severity=Severity.LOW)
    topic.signals(low, signal(2), replace(signal(3), owner="care"), low, END)
    callback = Callback()
    worked(options | {"only": SignalFilter(severity="high", owner="logistics")}, "six", callback)
    assert callback.calls == ["s2"]
    assert left(options, "six") == []


def test_a_file_hides_what_was_handled_from_a_group_that_begins_again(
    topic: Topic, options: dict[str, Any], tmp_path: Path
) -> None:
    topic.signals(signal(1), signal(1, 2), signal(2))
    remembering = options | {"remember": tmp_path / "seen.sqlite"}

    def killed() -> None:
        """Nothing is committed: as if the process ended right after the file was written."""
        consumer = SignalConsumer(**remembering, group="seven")
        consumer.commit = lambda: True  # type: ignore[method-assign]
        with consumer:
            assert [one.revision for one in islice(iter(consumer), 2)] == [1, 2]

    killed()
    topic.signals(signal(1, 3), END)
    assert left(remembering, "seven") == [("s2", 1), ("s1", 3)]
    assert left(remembering, "eight")[0] == ("s1", 1), "another group knows nothing"


def test_what_was_not_handled_is_not_remembered(topic: Topic, options: dict[str, Any], tmp_path: Path) -> None:
    topic.signals(signal(1), END)
    remembering = options | {"remember": tmp_path / "seen.sqlite"}
    with pytest.raises(ConnectionError), SignalConsumer(**remembering, group="nine") as consumer:
        consumer.run(Callback(s1=1))
    assert left(remembering, "nine") == [("s1", 1)]


class Own:
    """A memory of one's own."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def has(self, signal_id: str, revision: int) -> bool:
        return self.known.get(signal_id, -1) >= revision

    def add(self, signal_id: str, revision: int) -> None:
        self.known[signal_id] = revision


def test_a_memory_of_ones_own_is_written_after_the_callback_and_before_the_commit(
    topic: Topic, options: dict[str, Any]
) -> None:
    topic.signals(*(signal(number) for number in range(5)), END)
    memory, committed = Own(), list[tuple[int, int]]()

    class Eager(SignalConsumer):
        """Commits whatever it can at every step, and notes how much was remembered then."""

        def _commit_in_time(self) -> None:
            committed.extend((offset, len(memory.known)) for offset in self._progress.to_commit().values() if offset)
            self.commit()

    def callback(one: Signal) -> None:
        if one == END:
            raise Enough
        assert one.signal_id not in memory.known

    with pytest.raises(Enough), Eager(**options, group="ten", remember=memory) as consumer:
        consumer.run(callback)
    assert committed == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]


def test_a_file_that_can_not_be_used_is_told_at_once(topic: Topic, options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadMemory, match="unable to open database file"):
        SignalConsumer(**options, group="eleven", remember=tmp_path / "nowhere" / "seen.sqlite")


def test_an_argument_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="SignalConsumer has no argument filter"):
        SignalConsumer("127.0.0.1:1", "pager", filter=SignalFilter())  # type: ignore[call-arg]


def test_what_could_not_be_committed_in_a_rebalance_is_told_once_and_committed_before_it_leaves(
    topic: Topic, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    topic.signals(signal(1), END)
    consumer = SignalConsumer(**options, group="thirteen")
    commit, refused = consumer._kafka.commit, list[object]()

    def refusing(offsets: Any, **how: Any) -> None:
        """As a broker does while it gives the partitions out anew."""
        if any(place.offset for place in offsets.values()) and len(refused) < 2:
            refused.append(offsets)
            raise RebalanceInProgressError
        commit(offsets, **how)

    consumer._kafka.commit = refusing
    with caplog.at_level(logging.WARNING, "touchline.client"), pytest.raises(Enough), consumer:
        consumer.run(Callback())
    assert len(refused) == 2
    assert len([record for record in caplog.records if "could not commit" in record.getMessage()]) == 1
    assert left(options, "thirteen") == []


def test_a_group_that_answers_after_the_poll_is_joined_again(topic: Topic, options: dict[str, Any]) -> None:
    """The topic changes, so the group is joined anew, which takes longer than the poll it began in. What was handled
    is committed all the same."""
    topic.signals(signal(1), signal(2), END)
    consumer = SignalConsumer(**options, group="fourteen")
    coordinator, callback = consumer._kafka._coordinator, Callback(s2=2)
    join, late = coordinator._do_join_and_sync_async, list[bool]()

    async def joined_late() -> Any:
        answer = await join()
        late.append(True)
        await coordinator._net.sleep(0.5)
        return answer

    def changing(one: Signal) -> None:
        if not callback.calls:
            coordinator._assignment_snapshot = {topic.name: {0}}
            coordinator._do_join_and_sync_async = joined_late
        callback(one)

    with pytest.raises(Enough), consumer:
        consumer.run(changing, retry=SOON)
    assert late, "it joined while it was late"
    assert left(options, "fourteen") == []


@pytest.mark.slow
def test_a_long_wait_leaves_the_group_alone_and_another_consumer_takes_its_share(
    topic: Topic, options: dict[str, Any], session: float
) -> None:
    """While one signal waits to be tried again for longer than a session and than `handling`, a second consumer joins;
    every signal is handled, and the one that waits is tried again by whoever has it then."""
    sent = 0

    def send(count: int) -> None:
        nonlocal sent
        for number in range(sent, sent + count):
            topic.value(encode(signal(number)), partition=number % PARTITIONS)
        sent += count

    send(40)
    patient = options | {"limits": Limits(session_timeout=session, handling=session, idle=session * 3 + 5)}
    handled: dict[str, list[str]] = {"a": [], "b": []}
    failing, failures = threading.Event(), list[str]()

    def work(name: str) -> None:
        def callback(one: Signal) -> None:
            waits_for_the_other = name == "a" and not handled["b"]  # however long joining takes
            if one.signal_id == "s13" and (len(failures) < 2 or waits_for_the_other):
                failures.append(name)
                failing.set()
                raise TimeoutError
            handled[name].append(one.signal_id)

        with SignalConsumer(**patient, group="twelve") as consumer:
            consumer.run(callback, retry=Retry(times=40, first=session * 3, longest=session * 3))

    workers = [threading.Thread(target=work, args=(name,)) for name in handled]
    workers[0].start()
    assert failing.wait(60)
    workers[1].start()
    until = time.monotonic() + 90
    while not handled["b"] and time.monotonic() < until:
        send(PARTITIONS)  # the first may have handled all there was of the partitions that are the second's now
        time.sleep(0.5)
    for worker in workers:
        worker.join(100)
        assert not worker.is_alive()
    assert set(handled["a"] + handled["b"]) == {f"s{number}" for number in range(sent)}
    assert handled["b"], "the second one got its share"


def test_a_broker_that_goes_away_ends_nothing_and_raises_nothing(tmp_path: Path) -> None:
    with EmbeddedBroker(log_file=tmp_path / "broker.log") as broker:
        topic = Topic(broker.bootstrap, "")
        topic.name = topic.name.removeprefix(".")
        topic.signals(signal(1))
        topic.producer.close()
        limits = Limits(session_timeout=1, idle=2, timeout=1)
        consumer = SignalConsumer(broker.bootstrap, "pager", start="earliest", limits=limits)
        signals = iter(consumer)
        assert next(signals).signal_id == "s1"
    assert list(signals) == [], "it waits for the broker until it has waited long enough"
    consumer.close()
