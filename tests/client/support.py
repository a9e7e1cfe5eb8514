"""Signals to be read."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaProducer

from touchline.schemas.codec import encode
from touchline.schemas.control import Tick
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Control, Polarity, Severity, SignalStatus, Stage
from touchline.schemas.wire import SIGNALS, TICK_HEADER

AT = datetime(2026, 5, 4, 10, tzinfo=UTC)


def signal(number: int, revision: int = 1, severity: Severity = Severity.HIGH) -> Signal:
    """One that is opened (revision 1) or updated."""
    return Signal(
        signal_id=f"s{number}",
        revision=revision,
        status=SignalStatus.OPENED if revision == 1 else SignalStatus.UPDATED,
        rule="delivery_promise_broken",
        rule_version=1,
        polarity=Polarity.FRICTION,
        severity=severity,
        owner="logistics",
        control=Control.PARTNER,
        stage=Stage.DELIVERY,
        party="carrier",
        channel=None,
        customer=f"c-{number}",
        group=f"order:{number}",
        at=AT,
        raised_at=AT,
        evidence="promised and not delivered",
        action="tell the customer first",
        events=("e1",),
    )


class Topic:
    """Writes to the signals' topic of an environment, all to one partition so that the order is known."""

    def __init__(self, bootstrap: str, environment: str) -> None:
        self.producer: Any = KafkaProducer(bootstrap_servers=bootstrap)
        self.name = f"{environment}.{SIGNALS}"

    def signals(self, *signals: Signal) -> None:
        for one in signals:
            self.value(encode(one))
        self.producer.flush()

    def value(self, value: bytes, headers: Sequence[tuple[str, bytes]] = (), partition: int = 0) -> None:
        key = None if headers else b"c"
        self.producer.send(self.name, value, key=key, partition=partition, headers=list(headers))
        self.producer.flush()

    def tick(self) -> None:
        self.value(encode(Tick(partition=0, partitions=1, high=1)), [(TICK_HEADER, b"1")])
