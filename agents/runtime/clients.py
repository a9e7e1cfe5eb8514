"""How this process reaches the cluster: options that every client shares, and the clients themselves."""

import ssl
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from touchline.agents.settings import KafkaSettings

PRODUCE_BATCH: Final = 1_000_000
"""Bytes of one record batch; Kafka's own default limit (max.message.bytes) is 1,048,588."""

FETCH_PARTITION: Final = 8 << 20
FETCH_TOTAL: Final = 48 << 20
FETCH_WAIT: Final = 100
"""Milliseconds that the broker may hold a fetch back when there is nothing."""

REQUEST_TIMEOUT: Final = 30_000


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Address and credentials, as aiokafka takes them."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.endswith("SSL"):
        cafile = str(settings.ca_file) if settings.ca_file else None
        options["ssl_context"] = ssl.create_default_context(cafile=cafile)
    if settings.sasl_mechanism:
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = settings.password.get_secret_value() if settings.password else None
    return options


def new_producer(settings: KafkaSettings, *, batch_bytes: int = PRODUCE_BATCH, **options: Any) -> AIOKafkaProducer:
    """A producer that waits for all replicas; batches are built by hand, so it does not linger."""
    return AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        linger_ms=0,
        max_batch_size=batch_bytes,
        max_request_size=batch_bytes + (1 << 20),
        request_timeout_ms=REQUEST_TIMEOUT,
        **options,
    )


def new_reader(settings: KafkaSettings) -> AIOKafkaConsumer:
    """A consumer without a group that reads committed records, from the beginning where it is not told otherwise."""
    return AIOKafkaConsumer(
        **client_options(settings),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=10_000,
        fetch_max_wait_ms=FETCH_WAIT,
        fetch_max_bytes=FETCH_TOTAL,
        max_partition_fetch_bytes=FETCH_PARTITION,
        request_timeout_ms=REQUEST_TIMEOUT,
    )


def stable_end(reader: AIOKafkaConsumer, tp: TopicPartition) -> int:
    """Where the committed records of a partition end, by the last fetch."""
    stable = reader.last_stable_offset(tp)
    return int(stable if stable is not None and stable >= 0 else reader.highwater(tp) or 0)


def new_admin(settings: KafkaSettings) -> AIOKafkaAdminClient:
    """A client for topics."""
    return AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=REQUEST_TIMEOUT)
