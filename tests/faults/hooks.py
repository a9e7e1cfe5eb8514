"""Where a worker dies: checkpoints that end or stop their own process between the writing and the commit.

A file in the folder that `TOUCHLINE_FAULT` names asks for it; it is removed by the process that obeys.
"""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer

from touchline.agents.runtime.checkpoint import Checkpoint, Owner
from touchline.agents.runtime.idempotent import IdempotentCheckpoint
from touchline.agents.runtime.transactional import TransactionalCheckpoint
from touchline.agents.settings import Checkpointing
from touchline.pipeline.engine.records import Output

VARIABLE = "TOUCHLINE_FAULT"
KILL = "kill-inside"


def _strike() -> None:
    folder = os.environ.get(VARIABLE)
    if not folder:
        return
    order = Path(folder) / KILL
    try:
        order.rename(order.with_name(f"obeyed-{os.getpid()}-{time.monotonic_ns()}"))
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class _Producer:
    """A producer whose commit may be the end: everything of the transaction was written and acknowledged before."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    def __getattr__(self, name: str) -> object:
        if name == "commit_transaction":
            _strike()
        return getattr(self._producer, name)


class DyingTransaction(TransactionalCheckpoint):
    """Dies, when asked to, with a transaction open."""

    async def open(self, pieces, progress):  # type: ignore[no-untyped-def]
        """As the checkpoint, with a producer that may strike."""
        restored = await super().open(pieces, progress)
        self._producer = _Producer(self._producer)
        return restored


class DyingIdempotent(IdempotentCheckpoint):
    """Dies, when asked to, after the state was written and before the outputs are sent."""

    async def _send(self, outputs: Sequence[Output], now: int) -> None:
        _strike()
        await super()._send(outputs, now)


def dying_checkpoint(owner: Owner) -> Checkpoint:
    """The form that the settings ask for, mortal."""
    if owner.settings.kafka.checkpoint is Checkpointing.TRANSACTIONAL:
        return DyingTransaction(owner)
    return DyingIdempotent(owner)
