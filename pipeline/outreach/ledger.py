"""What one shard of deliver remembers."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.store import NEVER, KeyedStore
from touchline.schemas.outreach import Decision

REMEMBERED: Final = 30 * DAY
"""How long a delivery that ended is known, so that a replayed decision adds nothing."""


class Phase(StrEnum):
    """Where an open delivery stands: READY to be tried, an attempt RUNNING, or WAITING for the next try."""

    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"


@dataclass(slots=True)
class OpenDelivery:
    """A delivery that has not ended. `revision`: of the next record in the ledger. `uncertain`: an earlier attempt
    may have reached the customer. `next_try`: milliseconds since 1970 UTC, while it waits."""

    decision: Decision
    adapter: str
    phase: Phase = Phase.READY
    attempts: int = 0
    revision: int = 0
    uncertain: bool = False
    next_try: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, recorded in the ledger under `revision` and not yet performed."""

    effect_id: str
    revision: int
    decision: Decision
    adapter: str


class DeliverState:
    """All state of one shard. Open deliveries and ended ones are kept in the changelog; what is ready, and what runs,
    follows from them and lives in memory only."""

    def __init__(self) -> None:
        encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(OpenDelivery).decode
        self.open: KeyedStore[OpenDelivery] = KeyedStore(encode, decode)
        self.ended: KeyedStore[bytes] = KeyedStore(bytes, bytes)
        self.ready: dict[str, deque[str]] = {}
        self.running: dict[str, int] = {}
        self.recorded: dict[str, Attempt] = {}

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts by their names in the changelog."""
        return {"o": self.open, "e": self.ended}

    def known(self, delivery_id: str, now: int) -> bool:
        """Whether the delivery was taken on before."""
        return self.open.get(delivery_id, now) is not None or self.ended.get(delivery_id, now) is not None

    def keep(self, delivery_id: str, delivery: OpenDelivery) -> None:
        """Stores an open delivery with its timer."""
        self.open.put(delivery_id, delivery, due=NEVER if delivery.next_try is None else delivery.next_try)

    def enqueue(self, delivery_id: str, adapter: str) -> None:
        """Puts it behind the others that are ready for its adapter."""
        self.ready.setdefault(adapter, deque()).append(delivery_id)

    def end(self, delivery_id: str, now: int) -> None:
        """It needs nothing more."""
        self.open.drop(delivery_id)
        self.ended.put(delivery_id, b"", expires=now + REMEMBERED)
