"""What goes wrong below the logic, and what the runtime does about it.

RuntimeError_
  BrokerAway          the cluster does not answer: wait and try again
  ShardLost
    Fenced            another worker has opened the shard: let go of it
    NotCommitted      a batch was refused or its end is unknown: throw the shard's memory away and read it again
  NotAssigned         a rebalance took the partition away: wait for what it brings
  TooLarge            a record does not fit its topic: the input that caused it is isolated
WorkerError           (of the process) can't go on: stop with the message
"""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaConnectionError,
    KafkaError,
    NoBrokersAvailable,
    NodeNotReadyError,
    ProducerClosed,
    ProducerFenced,
)


class RuntimeError_(Exception):  # noqa: N801 -- the root of this tree; the builtin has the other name
    """The root of what the runtime handles itself."""


class BrokerAway(RuntimeError_):
    """The cluster does not answer at the address."""


class ShardLost(RuntimeError_):
    """What a shard holds in memory is not what is committed."""


class Fenced(ShardLost):
    """Another worker has opened the shard since."""


class NotCommitted(ShardLost):
    """A commit failed, or its end is unknown."""


class NotAssigned(RuntimeError_):
    """A partition does not belong to this worker any more."""


class ShardFailed(RuntimeError_):
    """A shard's task ended by an error that nobody foresaw."""


class TooLarge(RuntimeError_):
    """A record that does not fit. Nothing was sent."""


class WorkerError(RuntimeError_):
    """The process can't go on; the message says what to do."""


_FENCED = (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping)
_AWAY = (KafkaConnectionError, NoBrokersAvailable, NodeNotReadyError, OSError)


@contextmanager
def commit_errors(what: str) -> Iterator[None]:
    """Maps the client's errors while something is written.

    Raises: Fenced, NotCommitted."""
    try:
        yield
    except _FENCED as error:
        raise Fenced(f"{what}: another worker has opened the shard") from error
    except (KafkaError, IllegalOperation, ProducerClosed, OSError, TimeoutError, AssertionError) as error:
        raise NotCommitted(f"{what}: {type(error).__name__}: {error}") from error


@contextmanager
def broker_errors(address: str) -> Iterator[None]:
    """Maps the client's errors while something is read or opened.

    Raises: BrokerAway; NotCommitted for what is worth another try as well."""
    try:
        yield
    except _AWAY as error:
        raise BrokerAway(f"no Kafka broker answers at {address} (kafka.bootstrap): is it running?") from error
    except (KafkaError, TimeoutError) as error:
        raise NotCommitted(f"{type(error).__name__}: {error}") from error
