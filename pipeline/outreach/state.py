"""What one shard of outreach remembers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import itemgetter
from typing import Final, NamedTuple, TypeVar

import msgspec

from touchline.pipeline.engine.clock import DAY, HOUR, to_ms
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.store import NEVER, Cell, KeyedStore
from touchline.pipeline.engine.watermarks import Watermarks
from touchline.pipeline.friction.incidents import KnownIncidents
from touchline.pipeline.outreach.contact import Contact
from touchline.pipeline.outreach.forward import new_forwarded
from touchline.pipeline.outreach.pace import Taken
from touchline.schemas.customer import Profile
from touchline.schemas.request import Request
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Arm, Route, SignalStatus

T = TypeVar("T")

MAX_TOLD: Final = 32
"""Of how many incidents it is remembered that the customer is told."""

MAX_VERSIONS: Final = 16
"""How many versions of a profile are kept at the most, when profiles run far ahead of signals."""

REMEMBERED: Final = 100 * DAY
"""How long a decided signal is known, so that no later state of it is decided again."""

_OUT_OF_ORDER: Final = HOUR


class Stage(StrEnum):
    """How far a signal is: WAITING for the profile it was raised under; HELD; decided for good: SENT, ASKED (a request
    to one of us) or DONE."""

    WAITING = "waiting"
    HELD = "held"
    SENT = "sent"
    ASKED = "asked"
    DONE = "done"


class Step(StrEnum):
    """What is to be done about a signal: the first decision, the next one when a hold is over, or its end."""

    DECIDE = "decide"
    RELEASE = "release"
    END = "end"


class SignalState(msgspec.Struct, omit_defaults=True):
    """One signal. `revision`: the highest seen. `decision`: the revision of the last decision, -1 before the first.
    `signal`: as it was opened, kept until it is decided for good. `ended`: the status that ended it.

    `first`: when it was first decided. `release_at`: when a held one is decided again; `called`: that step is on its
    way. `turn`: the turn of its plan that it waits for. `winner`: the signal whose message stands for it, with its
    rule; `linked`: those for which its message stands. `arm` of `experiment`: where the customer stood at the first
    decision that got so far. `send_before`: until when a message may not have left yet. `request`: what is asked of
    one of us, as long as the signal is open.
    """

    revision: int
    stage: Stage = Stage.WAITING
    decision: int = -1
    signal: Signal | None = None
    ended: SignalStatus | None = None
    first: int | None = None
    release_at: int | None = None
    called: bool = False
    turn: int | None = None
    winner: tuple[str, str, int] | None = None
    linked: list[str] = []
    experiment: str = ""
    arm: Arm = Arm.NONE
    send_before: int | None = None
    request: Request | None = None


class Held(NamedTuple):
    """A held signal in the order in which those of a customer are taken: by time, then the higher rank (as a negative
    number), then the older signal (`since`, milliseconds), then the id."""

    at: int
    rank: int
    since: int
    signal_id: str
    route: Route = Route.CUSTOMER

    def todo(self) -> "Todo":
        """The step that decides it again."""
        return Todo(self.at, self.signal_id, Step.RELEASE, self.rank, self.since, self.route)


class Ending(NamedTuple):
    """How a signal ended: the status, and the revision that said so."""

    status: SignalStatus
    revision: int


class Todo(NamedTuple):
    """A step that waits. `rank`, `since` and `route`: of a release, see `Held`. `ended`: of an end, which is taken as
    of its own time, whatever has been said of the signal since."""

    at: int
    signal_id: str
    step: Step
    rank: int = 0
    since: int = 0
    route: Route = Route.CUSTOMER
    ended: Ending | None = None


class CustomerState(msgspec.Struct, omit_defaults=True):
    """One customer. `profiles`: versions, oldest first. `seen`: the highest profile revision that came.
    `queue`: steps that wait for a profile or for word of incidents, in order. `held`: what is decided again, in order.
    `told`: by incident, the signal by whose message the customer is told of it."""

    profiles: list[Profile] = []
    seen: int = 0
    contacts: list[Contact] = []
    queue: list[Todo] = []
    held: list[Held] = []
    told: dict[str, str] = {}

    def insert(self, held: Held) -> None:
        """Puts a release into the queue where it would have come by the clock: before other steps of that time. Other
        releases may stand behind what is later than they, so the first that is later counts."""
        place = next((number for number, one in enumerate(self.queue) if _key(one) > _release(held)), len(self.queue))
        self.queue.insert(place, held.todo())

    def tell(self, incident: str, signal_id: str) -> None:
        """Remembers by which signal's message the customer is told of an incident."""
        self.told[incident] = signal_id
        while len(self.told) > MAX_TOLD:
            del self.told[next(iter(self.told))]

    def waiting(self) -> list[Held]:
        """Every held signal, also those whose next step is on its way, the highest rank first."""
        return sorted(self.held, key=itemgetter(1, 2, 3))

    def withdraw(self, signal_id: str) -> None:
        """Nothing is told by that signal any more."""
        for incident in [incident for incident, by in self.told.items() if by == signal_id]:
            del self.told[incident]

    def learn(self, profile: Profile, now: int) -> bool:
        """Takes in a version of the profile; False when it is known already. Versions that no signal can ask for any
        more are forgotten: those replaced an hour and more before `now`, which leaves room for late events. While
        signals wait, none is: they may have been raised long before what makes them wait is here."""
        if self.profiles and profile.revision <= self.profiles[-1].revision:
            return False
        self.profiles.append(profile)
        self.seen = max(self.seen, profile.revision)
        waits = bool(self.queue or self.held)
        while not waits and len(self.profiles) > 1 and to_ms(self.profiles[1].updated_at) <= now - _OUT_OF_ORDER:
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


def _release(held: Held) -> tuple[int, int, int, int, str]:
    return (held.at, 1, held.rank, held.since, held.signal_id)


def _key(todo: Todo) -> tuple[int, int, int, int, str]:
    return (todo.at, 1 if todo.step is Step.RELEASE else 2, todo.rank, todo.since, todo.signal_id)


@dataclass(slots=True)
class Clock:
    """How far event time is on the signals' partition (milliseconds), and whether the run is on the live clock."""

    at: int = 0
    live: bool = True


def _codec(kind: type[T]) -> tuple[Callable[[T], bytes], Callable[[bytes], T]]:
    return msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(kind).decode


class OutreachState:
    """All state of one shard: customers by key, signals by id, the clock, the incidents and how far they are told, the
    customers whose next step waits for that, each with its time, the taken turns by plan, how many messages of the ramp
    went out by day, what the desk was told of time, and how far profiles are told in history. `live`: until a tick says
    otherwise."""

    def __init__(self, *, live: bool = True) -> None:
        self.customers: KeyedStore[CustomerState] = KeyedStore(*_codec(CustomerState))
        self.signals: KeyedStore[SignalState] = KeyedStore(*_codec(SignalState))
        self.clock: Cell[Clock] = Cell(Clock(live=live), *_codec(Clock))
        self.incidents = KnownIncidents()
        self.told = Watermarks()
        self.waiting: KeyedStore[bytes] = KeyedStore(bytes, bytes)
        self.turns: KeyedStore[Taken] = KeyedStore(msgspec.msgpack.encode, msgspec.msgpack.Decoder(Taken).decode)
        self.ramp: KeyedStore[int] = KeyedStore(msgspec.msgpack.encode, msgspec.msgpack.Decoder(int).decode)
        self.forwarded = new_forwarded()
        self.profiled: Cell[int] = Cell(-1, *_codec(int))

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts by their names in the changelog."""
        own: dict[str, Piece] = {"c": self.customers, "s": self.signals, "t": self.clock}
        return own | {
            "i": self.incidents,
            "w": self.told,
            "q": self.waiting,
            "p": self.turns,
            "r": self.ramp,
            "f": self.forwarded,
            "o": self.profiled,
        }


def keep(state: OutreachState, signal_id: str, known: SignalState, at: int) -> None:
    """Stores a signal's state with its timer and the end of its life."""
    due = NEVER if known.release_at is None or known.called else known.release_at
    expires = max(at, state.clock.value.at) + REMEMBERED if known.signal is None else NEVER
    state.signals.put(signal_id, known, due=due, expires=expires)
