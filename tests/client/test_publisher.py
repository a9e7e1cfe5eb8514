"""Publishing: what arrives where, and what is told when it does not."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from touchline.client import (
    Closed,
    Connection,
    Delivered,
    InvalidTouchpoint,
    NoBroker,
    NotDelivered,
    NoTopic,
    Publisher,
    ReadRecord,
    Report,
    TopicReader,
)
from touchline.embedded import EmbeddedBroker
from touchline.pipeline.engine.partition import partition_of
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.wire import RAW

AT = datetime(2026, 5, 4, 10, tzinfo=UTC)


def touchpoint(number: int = 1, **fields: object) -> Touchpoint:
    chosen = {"customer_id": "c-1042"} | fields if "identifiers" not in fields else fields
    return Touchpoint(event_id=f"e{number}", source="shop", occurred_at=AT, kind="order.placed", **chosen)  # type: ignore[arg-type]


def raw(bootstrap: str, environment: str) -> list[ReadRecord]:
    with TopicReader(Connection(bootstrap, environment), RAW) as reader:
        return list(reader.read_all())


def test_what_is_published_arrives_whole_with_the_customers_key(bootstrap: str, environment: str) -> None:
    sent = touchpoint(attributes={"value": 12.5, "gift": None}, subjects=("order:1",))
    with Publisher(bootstrap, environment=environment) as publisher:
        report = publisher.publish(sent).result(10)
    (record,) = raw(bootstrap, environment)
    assert json.loads(record.value or b"") == {
        "event_id": "e1",
        "source": "shop",
        "occurred_at": "2026-05-04T10:00:00Z",
        "kind": "order.placed",
        "customer_id": "c-1042",
        "attributes": {"value": 12.5, "gift": None},
        "subjects": ["order:1"],
    }
    assert record.key == b"c-1042"
    assert report == Delivered(f"{environment}.{RAW}", partition_of(b"c-1042", 4), 0)
    assert (record.partition, record.offset) == (report.partition, report.offset)


def test_all_of_a_customer_keep_their_order_on_one_partition(bootstrap: str, environment: str) -> None:
    with Publisher(bootstrap, environment=environment, max_pending=4_000) as publisher:
        for number in range(500):
            spelling = "Ann@Example.com" if number % 2 else " ann@example.com"
            publisher.publish(touchpoint(number, identifiers={"email": spelling}))
    records = raw(bootstrap, environment)
    assert [json.loads(record.value or b"")["event_id"] for record in records] == [f"e{n}" for n in range(500)]
    assert len({(record.partition, record.key) for record in records}) == 1
    assert b"example" not in (records[0].key or b"")


def test_what_breaks_the_contract_is_refused_by_field_and_not_sent(bootstrap: str, environment: str) -> None:
    broken = touchpoint()
    broken.occurred_at = datetime(2026, 5, 4)  # noqa: DTZ001
    cases = {
        "occurred_at": broken,
        "attributes.a": {**_fields(), "attributes": {"a": [1]}},
        "colour": {**_fields(), "colour": "red"},
        "kind": {**_fields(), "kind": "Order placed"},
        "customer_id": {name: value for name, value in _fields().items() if name != "customer_id"},
        "text": {**_fields(), "text": "x" * 20_000},
        "": {**_fields(), "text": "x" * 300_000},
    }
    with Publisher(bootstrap, environment=environment) as publisher:
        for field, case in cases.items():
            with pytest.raises(InvalidTouchpoint) as caught:
                publisher.publish(case)  # type: ignore[arg-type]
            assert caught.value.field == field
            assert "xxx" not in str(caught.value)
    assert raw(bootstrap, environment) == []


def _fields() -> dict[str, object]:
    return {
        "event_id": "e1",
        "source": "shop",
        "occurred_at": "2026-05-04T10:00:00+02:00",
        "kind": "order.placed",
        "customer_id": "c-1042",
    }


def test_reports_come_to_a_callback_and_after_a_flush(bootstrap: str, environment: str) -> None:
    reports: list[Report] = []
    all_there = threading.Event()

    def take(report: Report) -> None:
        reports.append(report)
        if len(reports) == 50:
            all_there.set()

    with Publisher(bootstrap, environment=environment) as publisher:
        receipts = [publisher.publish(touchpoint(number)) for number in range(50)]
        for receipt in receipts:
            receipt.on_done(take)
        publisher.flush()
        assert all(receipt.done for receipt in receipts)
    assert all_there.wait(5)
    assert [report.offset for report in reports if isinstance(report, Delivered)] == list(range(50))


def test_a_closed_publisher_says_so(bootstrap: str, environment: str) -> None:
    publisher = Publisher(bootstrap, environment=environment)
    publisher.close()
    publisher.close()
    with pytest.raises(Closed):
        publisher.publish(touchpoint())


def test_a_broker_that_is_not_there_is_named() -> None:
    with pytest.raises(NoBroker, match=r"127\.0\.0\.1:1: Connection refused"):
        Publisher("127.0.0.1:1", timeout=0.5)


@pytest.mark.kafka  # the embedded broker makes topics that are asked for
def test_a_missing_topic_is_named(kafka: str) -> None:
    with pytest.raises(NoTopic, match=r"nowhere\.touchpoints\.raw.*touchline topics create"):
        Publisher(kafka, environment="nowhere", timeout=1)


def test_a_broker_that_goes_away_is_reported_and_nothing_waits_for_ever(tmp_path: Path) -> None:
    with EmbeddedBroker(log_file=tmp_path / "broker.log") as broker:
        publisher = Publisher(broker.bootstrap, delivery_timeout=1.0, max_pending=1_000)
        publisher.publish(touchpoint()).result(10)
    receipts = [publisher.publish(touchpoint(number)) for number in range(4)]
    with pytest.raises(NotDelivered):
        receipts[0].result(10)
    with pytest.raises(NotDelivered, match="records were refused, the first"):
        publisher.flush()
    publisher.close()
