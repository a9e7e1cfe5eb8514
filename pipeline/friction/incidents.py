"""The table of incidents as a shard knows it: which stood when, by cause. Times in milliseconds since 1970 UTC."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.store import NEVER
from touchline.schemas.incident import Incident
from touchline.schemas.vocabulary import SignalStatus

MAX_OF_A_CAUSE: Final = 64
"""The most incidents of one cause that are remembered; the oldest is forgotten."""


class Known(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One incident. It stood from `opened` until `ended`, as it was told; `first`: the time of its first customer."""

    incident: str
    rule: str
    group: str
    first: int
    opened: int
    ended: int
    status: str

    @property
    def disproved(self) -> bool:
        """Whether it turned out to be none."""
        return self.status == SignalStatus.RETRACTED.value


class KnownIncidents:
    """A `Piece`: all of them by cause, also those that ended, until somebody forgets them: what is decided as of an
    earlier moment asks for what stood then."""

    def __init__(self) -> None:
        self._causes: dict[str, list[Known]] = {}
        self._dirty: dict[str, None] = {}

    def __len__(self) -> int:
        """Of how many causes."""
        return len(self._causes)

    def take(self, row: Incident) -> bool:
        """Takes in a row of the table. Whether it begins or ends, or stands again."""
        cause = f"{row.rule} {row.group}"
        ended = NEVER if row.is_open else to_ms(row.raised_at)
        new = Known(
            row.incident_id, row.rule, row.group, to_ms(row.first), to_ms(row.opened_at), ended, row.status.value
        )
        known = self._causes.setdefault(cause, [])
        for place, old in enumerate(known):
            if old.incident == row.incident_id:
                known[place] = new
                self._dirty[cause] = None
                return (old.ended, old.first) != (new.ended, new.first)
        known.append(new)
        del known[:-MAX_OF_A_CAUSE]
        self._dirty[cause] = None
        return True

    def of(self, cause: str) -> Iterable[Known]:
        """Those of a cause, named by the rule's id and the group, in the order in which they came."""
        return self._causes.get(cause, ())

    def at(self, cause: str, time: int) -> Known | None:
        """The one that stood at a time."""
        for known in self.of(cause):
            if known.opened <= time < known.ended:
                return known
        return None

    def all(self) -> Iterator[Known]:
        """Every one."""
        for known in self._causes.values():
            yield from known

    def forget(self, before: int) -> None:
        """Lets go of those that ended before a time."""
        for cause in [c for c, known in self._causes.items() if any(one.ended < before for one in known)]:
            self._causes[cause] = [one for one in self._causes[cause] if one.ended >= before]
            if not self._causes[cause]:
                del self._causes[cause]
            self._dirty[cause] = None

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one entry of the changelog."""
        if value is None:
            self._causes.pop(key.decode(), None)
        else:
            self._causes[key.decode()] = msgspec.msgpack.decode(value, type=list[Known])

    def changes(self) -> Iterable[tuple[bytes, bytes | None]]:
        """The causes that changed."""
        changed = [
            (cause.encode(), msgspec.msgpack.encode(self._causes[cause]) if cause in self._causes else None)
            for cause in self._dirty
        ]
        self._dirty.clear()
        return changed
