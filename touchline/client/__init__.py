"""What a publisher of touchpoints and a consumer of signals need: `Publisher` and `SignalConsumer`."""

from touchline.client.connection import Connection, Security
from touchline.client.consumer import Limits, SignalConsumer
from touchline.client.errors import (
    BadRecord,
    ClientError,
    Closed,
    InvalidTouchpoint,
    NoBroker,
    NotDelivered,
    NoTopic,
)
from touchline.client.publisher import Publisher
from touchline.client.reader import ReadRecord, TopicReader
from touchline.client.receipt import Delivered, Receipt, Report

__all__ = [
    "BadRecord",
    "ClientError",
    "Closed",
    "Connection",
    "Delivered",
    "InvalidTouchpoint",
    "Limits",
    "NoBroker",
    "NoTopic",
    "NotDelivered",
    "Publisher",
    "ReadRecord",
    "Receipt",
    "Report",
    "Security",
    "SignalConsumer",
    "TopicReader",
]
