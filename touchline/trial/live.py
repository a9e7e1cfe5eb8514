"""One event into a running environment, and what comes of it."""

import time
from collections.abc import Callable
from typing import Final

from touchline.client.connection import Connection
from touchline.client.follow import TopicsFromNow
from touchline.client.publisher import Publisher
from touchline.client.reader import ReadRecord
from touchline.schemas import codec
from touchline.schemas.wire import DECISIONS, DELIVERIES, ERROR_OFFSET, ERROR_PARTITION, REJECTED, SIGNALS, TOUCHPOINTS
from touchline.trial.event import TrialEvent
from touchline.trial.memory import refusal_of
from touchline.trial.outcome import Outcome

TOPICS: Final = (TOUCHPOINTS, REJECTED, SIGNALS, DECISIONS, DELIVERIES)
LONGEST: Final = 10.0
"""Seconds until an event of which nothing is heard is taken for a duplicate."""

QUIET: Final = 1.0
"""Seconds after the last that was heard, when nothing more is expected."""


def send_and_follow(
    connection: Connection, publisher: Publisher, event: TrialEvent, heard: Callable[[Outcome], None] = lambda _: None
) -> Outcome:
    """Publishes the event and reads what the agents say of it.

    Args:
        connection: of the environment.
        publisher: to the same.
        event: the event.
        heard: told each time that something more has come.

    Raises: NoBroker, NoTopic, NotDelivered."""
    with TopicsFromNow(connection, TOPICS) as topics:
        begun = time.monotonic()
        receipt = publisher.send(event.value, key=event.key)
        place = receipt.result()
        follower = _Follower(place.partition, place.offset, begun)
        while not follower.is_done():
            for record in topics.read(0.1):
                if follower.take(record):
                    heard(follower.outcome)
                if follower.is_done():
                    break
    return follower.outcome


class _Follower:
    """Knows its own among what others do at the same time: by the place of the raw record, then by ids."""

    def __init__(self, partition: int, offset: int, begun: float) -> None:
        self.outcome = Outcome()
        self._raw = (partition, offset)
        self._begun = self._last = begun
        self._unknown: list[ReadRecord] = []
        self._readers: dict[str, tuple[str, Callable[[ReadRecord], bool]]] = {
            TOUCHPOINTS: ("touchpoint", self._touchpoint),
            REJECTED: ("refusal", self._refusal),
            SIGNALS: ("signal", self._signal),
            DECISIONS: ("decision", self._decision),
            DELIVERIES: ("delivery", self._delivery),
        }

    def take(self, record: ReadRecord) -> bool:
        """Takes in a record; whether anything that has to do with the event is known now that was not before.

        Topics are read side by side, so a signal may be here before its touchpoint: what is not known to be ours is
        looked at again when more is known."""
        if record.value is None:
            return False
        self._unknown.append(record)
        before = len(self._unknown)
        while any(self._recognised(candidate) for candidate in list(self._unknown)):
            pass
        return len(self._unknown) < before

    def _recognised(self, record: ReadRecord) -> bool:
        name, read = self._readers[record.topic]
        if not read(record):
            return False
        self._unknown.remove(record)
        self._last = time.monotonic()
        self.outcome.seconds.setdefault(name, round(self._last - self._begun, 3))
        return True

    def is_done(self) -> bool:
        """Whether nothing more is to be expected."""
        outcome, now = self.outcome, time.monotonic()
        if outcome.refusal is not None or now - self._begun > LONGEST:
            return True
        if outcome.touchpoint is None or outcome.undecided or outcome.undelivered:
            return False
        return now - self._last > QUIET

    def _touchpoint(self, record: ReadRecord) -> bool:
        found = codec.decode_touchpoint(record.value or b"")
        if (found.raw_partition, found.raw_offset) != self._raw:
            return False
        self.outcome.touchpoint = found
        return True

    def _refusal(self, record: ReadRecord) -> bool:
        place = record.header(ERROR_PARTITION), record.header(ERROR_OFFSET)
        if place != (str(self._raw[0]).encode(), str(self._raw[1]).encode()):
            return False
        self.outcome.refusal = refusal_of(record)
        return True

    def _signal(self, record: ReadRecord) -> bool:
        signal, touchpoint = codec.decode_signal(record.value or b""), self.outcome.touchpoint
        if touchpoint is None or signal.customer != touchpoint.customer:
            return False
        self.outcome.signals.append(signal)
        return True

    def _decision(self, record: ReadRecord) -> bool:
        decision = codec.decode_decision(record.value or b"")
        if decision.signal_id not in {signal.signal_id for signal in self.outcome.signals}:
            return False
        self.outcome.decisions.append(decision)
        return True

    def _delivery(self, record: ReadRecord) -> bool:
        delivery = codec.decode_delivery(record.value or b"")
        if delivery.decision_id not in {decision.decision_id for decision in self.outcome.decisions}:
            return False
        self.outcome.deliveries.append(delivery)
        return True
