"""What waits for the broker is bounded."""

import threading

from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import KafkaTimeoutError

from touchline.client.window import Window


class Sent:
    """A record on its way, as kafka-python tells of it."""

    def __init__(self) -> None:
        self.exception: BaseException | None = None
        self._done = threading.Event()

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    def end(self, exception: BaseException | None = None) -> None:
        self.exception = exception
        self._done.set()

    def get(self, timeout: float) -> None:
        if not self._done.wait(timeout):
            raise KafkaTimeoutError


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=40))
def test_never_more_than_the_limit_unless_alone_and_every_failure_is_counted(steps: list[tuple[int, bool]]) -> None:
    waiting: list[tuple[Sent, int]] = []
    window, failed = Window(10), 0
    for size, fails in steps:
        while not window.make_room(size, 0):
            sent, _ = waiting.pop(0)
            sent.end(OSError() if fails else None)
            failed += fails
        sent = Sent()
        window.add(sent, size)
        waiting.append((sent, size))
        on_the_way = [size for sent, size in waiting if not sent.is_done]
        assert sum(on_the_way) <= 10 or len(on_the_way) == 1
    left, failures, first = window.settle()
    assert (left, failures) == (len(waiting), failed)
    assert (first is None) == (failed == 0)
    assert window.settle() == (left, 0, None)


def test_it_waits_for_the_first_to_arrive() -> None:
    window, sent = Window(10), Sent()
    window.add(sent, 8)
    assert not window.make_room(8, 0.01)
    threading.Timer(0.05, sent.end).start()
    assert window.make_room(8, 10)
