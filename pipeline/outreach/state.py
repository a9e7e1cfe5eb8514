"""What one shard of outreach remembers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from touchline.pipeline.engine.clock import HOUR, to_ms
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.store import Cell, KeyedStore
from touchline.pipeline.engine.watermarks import Watermarks
from touchline.pipeline.friction.incidents import KnownIncidents
from touchline.pipeline.outreach.forward import new_forwarded
from touchline.pipeline.outreach.policy import Contact
from touchline.schemas.customer import Profile
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import SignalStatus

T = TypeVar("T")

MAX_VERSIONS: Final = 16
"""How many versions of a profile are kept at the most, when profiles run far ahead of signals."""

_OUT_OF_ORDER: Final = HOUR


class Stage(StrEnum):
    """How far a signal is: WAITING for the profile it was raised under; HELD; decided for good: SENT or DONE."""

    WAITING = "waiting"
    HELD = "held"
    SENT = "sent"
    DONE = "done"


class Step(StrEnum):
    """What is to be done about a signal: the first decision, the next one after quiet hours, or its end."""

    DECIDE = "decide"
    RELEASE = "release"
    END = "end"


@dataclass(slots=True)
class SignalState:
    """One signal. `revision`: the highest seen. `decision`: the revision of the last decision, -1 before the first.
    `signal`: as it was opened, kept until it is decided for good. `ended`: the status that ended it. `release_at`: when
    a held one is looked at again, unless that step is in the customer's queue."""

    revision: int
    stage: Stage = Stage.WAITING
    decision: int = -1
    signal: Signal | None = None
    ended: SignalStatus | None = None
    release_at: int | None = None


@dataclass(slots=True)
class CustomerState:
    """One customer. `profiles`: versions, oldest first. `seen`: the highest profile revision that came.
    `queue`: steps (time, signal id, what) that wait for a profile, in order. `held`: when which signal is decided
    again, in order."""

    profiles: list[Profile] = field(default_factory=list)
    seen: int = 0
    contacts: list[Contact] = field(default_factory=list)
    queue: list[tuple[int, str, Step]] = field(default_factory=list)
    held: list[tuple[int, str]] = field(default_factory=list)

    def insert(self, at: int, signal_id: str) -> None:
        """Puts a release into the queue where it would have come by the clock: before other steps of that time. Other
        releases may stand behind what is later than they, so the first that is later counts."""
        step = (at, 1, signal_id)
        keys = [(a, 1 if what is Step.RELEASE else 2, i) for a, i, what in self.queue]
        place = next((number for number, key in enumerate(keys) if key > step), len(keys))
        self.queue.insert(place, (at, signal_id, Step.RELEASE))

    def learn(self, profile: Profile, now: int) -> bool:
        """Takes in a version of the profile; False when it is known already. Versions that no signal can ask for any
        more are forgotten: those replaced an hour and more before `now`, which leaves room for late events."""
        if self.profiles and profile.revision <= self.profiles[-1].revision:
            return False
        self.profiles.append(profile)
        self.seen = max(self.seen, profile.revision)
        while len(self.profiles) > 1 and to_ms(self.profiles[1].updated_at) <= now - _OUT_OF_ORDER:
            self.profiles.pop(0)
        del self.profiles[:-MAX_VERSIONS]
        return True

    def profile(self, revision: int, until: int | None, live: bool) -> Profile | None:
        """The profile that counts for a signal raised under `revision`: that version, and at a later look what changed
        `until` then (milliseconds). On the live clock, whatever was withdrawn or erased by now counts as well."""
        chosen = self._version(revision, until)
        newest = self.profiles[-1] if self.profiles else None
        if not live or newest is None or newest is chosen:
            return chosen
        withdrawn: dict[str, bool] = {what: said for what, said in newest.consent.items() if not said}
        if chosen is None:
            erased, consent = newest.erased, withdrawn
            return replace(newest, consent=consent, addresses={}, preferred=None) if erased or consent else None
        if not withdrawn and not newest.erased:
            return chosen
        return replace(chosen, erased=chosen.erased or newest.erased, consent={**chosen.consent, **withdrawn})

    def _version(self, revision: int, until: int | None) -> Profile | None:
        chosen = None
        for profile in self.profiles:
            known = profile.revision <= revision or (until is not None and to_ms(profile.updated_at) <= until)
            if known or (chosen is None and revision > 0):  # what it was raised under is gone: the next one to it
                chosen = profile
        return chosen


@dataclass(slots=True)
class Clock:
    """How far event time is on the signals' partition (milliseconds), and whether the run is on the live clock."""

    at: int = 0
    live: bool = True


def _codec(kind: type[T]) -> tuple[Callable[[T], bytes], Callable[[bytes], T]]:
    return msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(kind).decode


class OutreachState:
    """All state of one shard: customers by key, signals by id, the clock, the incidents and how far they are told, the
    customers whose next step waits for that, each with its time, and what the desk was told of time. `live`: until a
    tick says otherwise."""

    def __init__(self, *, live: bool = True) -> None:
        self.customers: KeyedStore[CustomerState] = KeyedStore(*_codec(CustomerState))
        self.signals: KeyedStore[SignalState] = KeyedStore(*_codec(SignalState))
        self.clock: Cell[Clock] = Cell(Clock(live=live), *_codec(Clock))
        self.incidents = KnownIncidents()
        self.told = Watermarks()
        self.waiting: KeyedStore[bytes] = KeyedStore(bytes, bytes)
        self.forwarded = new_forwarded()

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts by their names in the changelog."""
        own: dict[str, Piece] = {"c": self.customers, "s": self.signals, "t": self.clock}
        return own | {"i": self.incidents, "w": self.told, "q": self.waiting, "f": self.forwarded}
