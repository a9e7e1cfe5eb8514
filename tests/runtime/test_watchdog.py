"""What stands still is noticed; what waits on purpose, or has nothing to do, is left alone."""

import threading
from dataclasses import dataclass

from touchline.agents.runtime.watchdog import Progress, Watchdog


@dataclass
class Time:
    """A clock that a test moves."""

    now: float = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def watched(time: Time) -> tuple[Progress, Watchdog]:
    """A shard's progress and the dog that looks at it: stuck after 60 seconds."""
    progress = Progress(time)
    return progress, Watchdog(lambda: {3: progress}, 60, lambda reason: None, time)


def pass_time(time: Time, dog: Watchdog, seconds: int, *, beating: bool = True) -> str | None:
    """What the dog says at the first look at which it says something."""
    for _ in range(seconds):
        time.now += 1
        if beating:
            dog.beat()
        if reason := dog.look():
            return reason
    return None


def test_nothing_to_do_is_not_stuck() -> None:
    time = Time()
    _, dog = watched(time)
    assert pass_time(time, dog, 500) is None


def test_fetched_records_that_stay_uncommitted() -> None:
    time = Time()
    progress, dog = watched(time)
    progress.fetched(5)
    reason = pass_time(time, dog, 500)
    assert reason == "shard 3 has work to do and has made no progress for 61 s"


def test_records_that_are_there_and_never_come() -> None:
    time = Time()
    progress, dog = watched(time)
    progress.behind(10)
    assert pass_time(time, dog, 50) is None
    progress.behind(12)
    assert pass_time(time, dog, 50) is not None


def test_commits_are_progress() -> None:
    time = Time()
    progress, dog = watched(time)
    for _ in range(20):
        progress.fetched(5)
        assert pass_time(time, dog, 50) is None
        progress.committed(5)
    progress.committed(0)
    assert pass_time(time, dog, 500) is None


def test_an_opening_that_stands_still() -> None:
    time = Time()
    progress, dog = watched(time)
    progress.opening()
    assert pass_time(time, dog, 50) is None
    progress.moved()
    assert pass_time(time, dog, 50) is None
    assert pass_time(time, dog, 50) is not None


def test_waiting_on_purpose_is_not_stuck() -> None:
    time = Time()
    progress, dog = watched(time)
    progress.fetched(5)
    with progress.waiting():
        assert pass_time(time, dog, 500) is None
    assert pass_time(time, dog, 50) is None
    assert pass_time(time, dog, 50) is not None


def test_a_main_loop_that_does_not_come_round() -> None:
    time = Time()
    _, dog = watched(time)
    assert pass_time(time, dog, 500, beating=False) == "the main loop has not come round for 61 s"


def test_a_process_that_was_stopped_gets_its_time_anew() -> None:
    time = Time()
    progress, dog = watched(time)
    progress.fetched(5)
    assert pass_time(time, dog, 30) is None
    time.now += 1_000
    assert dog.look() is None
    assert pass_time(time, dog, 50) is None
    assert pass_time(time, dog, 50) is not None


def test_the_thread_bites() -> None:
    bitten, reasons = threading.Event(), []

    def bite(reason: str) -> None:
        reasons.append(reason)
        bitten.set()

    dog = Watchdog(dict, 0.7, bite)
    dog.start()
    assert bitten.wait(20)
    assert reasons[0].startswith("the main loop")
    dog.join(5)
