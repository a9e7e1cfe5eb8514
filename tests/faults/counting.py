"""A small stateful processor, whose output is easy to know: every third touchpoint of a key raises a signal."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Batch, Outbox
from touchline.pipeline.engine.store import KeyedStore
from touchline.schemas.wire import SIGNALS, TOUCHPOINTS

EVERY = 3
_SPACE = uuid.UUID("00000000-0000-0000-0000-00000000c0de")


def new_store() -> KeyedStore[int]:
    """Counts by key."""
    return KeyedStore(msgspec.msgpack.encode, msgspec.msgpack.Decoder(int).decode)


@dataclass
class CountState:
    """How many touchpoints each key had."""

    counts: KeyedStore[int] = field(default_factory=new_store)

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts."""
        return {"counts": self.counts}


class CountProcessor:
    """Counts per key and sends a signal, with an id that follows from key and count, at every third."""

    inputs: Sequence[str] = (TOUCHPOINTS,)

    def new_state(self) -> CountState:
        """Nothing counted."""
        return CountState()

    def process(self, batch: Batch, state: CountState, out: Outbox) -> None:
        """Counts."""
        counts = state.counts
        for record in batch.records:
            key = (record.key or b"").decode()
            if record.value == b"poison":
                raise ValueError(key)
            count = (counts.get(key, 0) or 0) + 1
            counts.put(key, count)
            out.count("seen")
            if count % EVERY == 0:
                signal = uuid.uuid5(_SPACE, f"{key}:{count}")
                out.send(SIGNALS, record.key, f"{signal} {key} {count}".encode(), partition=batch.partition)


def expected(keys: Sequence[str]) -> list[str]:
    """The signals that these touchpoints must raise, sorted."""
    counts: dict[str, int] = {}
    signals = []
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
        if counts[key] % EVERY == 0:
            signals.append(f"{uuid.uuid5(_SPACE, f'{key}:{counts[key]}')} {key} {counts[key]}")
    return sorted(signals)
