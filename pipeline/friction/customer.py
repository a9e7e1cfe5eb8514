"""What is kept of a customer: recent events, and a state for each rule and group. Times in milliseconds since 1970."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.code import Mark
from touchline.pipeline.friction.profile import ProfileState
from touchline.pipeline.friction.relation import Relation
from touchline.pipeline.friction.state import EMPTY, Emitted, Item, Machine

NOWHERE: Final = -1
"""Of a customer whose touchpoints come from several raw partitions."""

_BEGINNING: Final = (0, 0, 0)

Floor = tuple[int, int, int]


class Row(msgspec.Struct, gc=False):
    """An event as it is written, but for its time `at`: what was written, or its parts. `item`: None until it is read.
    `token` and `place` are its writer's."""

    at: int
    raw: Raw | tuple[Any, ...]
    item: Item | None = None
    token: object = None
    place: int = 0


class Heard(msgspec.Struct, gc=False):
    """An event that is not behind the horizon yet, and all that it says to rules. `row` and `line`: the event and its
    marks as they are written, once they were."""

    item: Item
    marks: Sequence[Mark]
    row: Row | None = None
    line: Sequence[Any] | None = None


class Stored(NamedTuple):
    """A group as it is written: the events that it refers to, and what it says of them."""

    rows: Sequence[Row]
    rest: Raw | Sequence[Any]


_Kept = tuple[Machine, Machine | None, Sequence[Item], tuple[tuple[object, int, str], ...]]
"""What was written: base, tip and late, and crossing, revision and status of all that was said."""


class Group:
    """One rule and one group: `base`, the state as of the horizon, and `tip`, the state after the recent events but for
    those in `todo`, in their order: what they change can wait until somebody asks. `tip` is None until it is computed.

    `late`: what came too late and was applied to `base` and `tip` alike; then nothing is left to do. `due`: when the
    watermark alone changes something, None when not computed yet.

    A group that comes from storage is read when somebody asks for it: until then `fill` is what reads it. What
    holds few events is a tuple: the garbage collector, which would look at millions of lists, passes over those.
    """

    __slots__ = ("_kept", "base", "due", "emitted", "fill", "late", "stored", "tip", "todo")

    base: Machine
    tip: Machine | None
    late: Sequence[Item]
    emitted: Sequence[Emitted]
    todo: Sequence[Item]

    def __init__(self, base: Machine = EMPTY) -> None:
        self.base = base
        self.tip = None
        self.late = ()
        self.emitted = ()
        self.todo = ()
        self.due: int | None = None
        self.fill: Callable[[Group], None] | None = None
        self.stored: Stored | None = None
        self._kept: _Kept | None = None

    @classmethod
    def unread(cls, stored: Stored, due: int | None, fill: "Callable[[Group], None]") -> "Group":
        """One that is as it was written."""
        group = cls.__new__(cls)
        group.stored, group.due, group.fill, group.todo, group._kept = stored, due, fill, (), None
        return group

    def __getattr__(self, name: str) -> object:
        """Reads the group: only what has never been set comes here."""
        if name not in _READ or self.fill is None:
            raise AttributeError(name)
        fill, self.fill = self.fill, None
        fill(self)
        self._kept = self._now()
        return object.__getattribute__(self, name)

    def as_stored(self) -> Stored | None:
        """How it is written, when nothing has changed since it was; None when it must be written anew."""
        if self.fill is not None:
            return self.stored
        kept = self._kept
        if kept is None or kept[0] is not self.base:
            return None
        if not (self.emitted or self.late or kept[2] or kept[3]) or self._unchanged(kept):
            return self.stored
        return None

    def keep(self, stored: Stored) -> None:
        """Remembers how it is written."""
        self.stored, self._kept = stored, self._now()

    def _now(self) -> _Kept:
        emitted, late = self.emitted, self.late
        said = tuple([(e.crossing, e.revision, e.status) for e in emitted]) if emitted else ()
        return self.base, self.tip if late else None, late, said

    def _unchanged(self, kept: _Kept) -> bool:
        base, tip, late, said = kept
        if self.base is not base or self.late is not late or len(self.emitted) != len(said):
            return False
        if late and self.tip is not tip:
            return False
        return all(
            e.crossing is crossing and e.revision == revision and e.status == status
            for e, (crossing, revision, status) in zip(self.emitted, said, strict=True)
        )


_READ: Final = frozenset({"base", "tip", "late", "emitted"})


def follows(group: Group) -> bool:
    """Whether a group follows from recent events: it says and awaits nothing yet, and nothing came too late."""
    if group.fill is not None or group.base is not EMPTY or group.emitted or group.late:
        return False
    tip = group.tip
    # Without a tip it was read and nobody asked yet: it would not have been written if it followed.
    return tip is not None and not (tip.pending or tip.crossings)


class Customer:
    """All that is kept of one customer. `recent`: the events since the horizon in their order, whatever rules they
    concern; `floor`: time, partition and offset of the last one behind it. `groups`: by rule (its state key) and group.

    `tidied`: the horizon when recent events were last taken into the bases; `swept`: when idle groups were last looked
    for. `due`: the least of its groups' times. `seen`: the time of the newest event. `home`: the raw partition that all
    their touchpoints came from, or NOWHERE. `reached`: the greatest watermark of their own.
    `relation`: of those who have, or not long ago had, signals.
    `rows`: events as they were last written, by their id. `unread`: some of the recent events come from storage, and of
    groups that follow from them nothing is here.
    """

    __slots__ = (
        "due", "floor", "groups", "home", "profile", "reached", "recent", "relation", "rows", "seen", "swept",
        "tidied", "unread",
    )  # fmt: skip

    def __init__(self) -> None:
        self.relation: Relation | None = None
        self.rows: dict[str, Row] = {}
        self.unread = False
        self.profile: ProfileState | None = None
        self.groups: dict[str, dict[str, Group]] = {}
        self.recent: list[Heard] = []
        self.floor: Floor = _BEGINNING
        self.tidied = 0
        self.swept = 0
        self.due = NEVER
        self.seen = 0
        self.home: int | None = None
        self.reached = 0

    @property
    def next_due(self) -> int:
        """When time alone changes something next, in signals or in what is told of the relationship."""
        relation = self.relation
        return self.due if relation is None else min(self.due, relation.due)

    def group(self, key: str, name: str) -> Group | None:
        """What is kept of a rule and group beside recent events."""
        groups = self.groups.get(key)
        return None if groups is None else groups.get(name)

    def forget(self, gone: Callable[[Mark], bool]) -> None:
        """Lets recent events say no more what is gone."""
        kept = [(heard.item, [mark for mark in heard.marks if not gone(mark)]) for heard in self.recent]
        self.recent = [Heard(item, marks) for item, marks in kept if marks]

    def heard(self, key: str, name: str) -> Iterator[Item]:
        """The recent events that say something to a rule and group, in their order."""
        return heard_of(self.recent, key, name)


def heard_of(recent: Sequence[Heard], key: str, name: str) -> Iterator[Item]:
    """Those of some recent events that say something to a rule and group."""
    for heard in recent:
        for rule, group, roles in heard.marks:
            if rule == key and group == name:
                yield heard.item.playing(roles)
