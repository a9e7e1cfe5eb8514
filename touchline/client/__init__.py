"""What a publisher of touchpoints and a consumer of signals need: `Publisher` and `SignalConsumer`."""

from touchline.client.connection import Connection, Security
from touchline.client.consumer import DeadLetter, SignalConsumer
from touchline.client.errors import (
    BadMemory,
    BadRecord,
    ClientError,
    Closed,
    InvalidTouchpoint,
    NoBroker,
    NotDelivered,
    NoTopic,
)
from touchline.client.filters import SignalFilter
from touchline.client.limits import Limits
from touchline.client.memory import Memory
from touchline.client.publisher import Publisher
from touchline.client.reader import ReadRecord, TopicReader
from touchline.client.receipt import Delivered, Receipt, Report
from touchline.client.retry import Retry

__all__ = [
    "BadMemory",
    "BadRecord",
    "ClientError",
    "Closed",
    "Connection",
    "DeadLetter",
    "Delivered",
    "InvalidTouchpoint",
    "Limits",
    "Memory",
    "NoBroker",
    "NoTopic",
    "NotDelivered",
    "Publisher",
    "ReadRecord",
    "Receipt",
    "Report",
    "Retry",
    "Security",
    "SignalConsumer",
    "SignalFilter",
    "TopicReader",
]
