"""What an incident is, written down as directly as possible and without regard to speed.

It has everything that happened for one cause in its order, and at each moment looks at all of it again. It shares no
code with the agent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Happening:
    """Something of a cause. `what`: "counts", "ends", or "was none": the signal `id` counts no more from then on."""

    what: str
    at: int
    order: tuple[int, int]
    id: str
    customer: str

    @property
    def place(self) -> tuple[int, tuple[int, int], str]:
        return (self.at, self.order, self.id)


@dataclass(frozen=True)
class Rule:
    """`of_signals`: all of a customer's count, else their newest event. Lengths of time in milliseconds."""

    customers: int
    within: int
    cooldown: int
    expires: int
    of_signals: bool = False


@dataclass
class _Incident:
    at: int
    last: int
    count: int
    counted: list[Happening] = field(default_factory=list)
    end: str = "open"
    over: bool = False

    @property
    def who(self) -> set[str]:
        return {one.customer for one in self.counted}


Shown = tuple[int, str, int, int]
"""When it became true, how it ended, how many customers there were in all, and how many lay in the window last."""


def incidents(rule: Rule, happened: Sequence[Happening], end: int) -> list[Shown]:
    """The incidents of one cause up to a time, in order."""
    ordered = sorted(happened, key=lambda one: one.place)
    life = _Life(rule)
    for number, now in enumerate(ordered):
        life.age(now.at)
        if now.what == "ends":
            life.resolve()
            continue
        before, at = ordered[: number + 1], now.at
        if now.what == "was none":
            life.withdraw(now)
            at = max((one.at for one in before if one.what == "counts"), default=0)
        gone = {one.id for one in before if one.what == "was none"}
        life.look(now, _window(rule, before, gone, at))
    life.age(end)
    return [(one.at, one.end, len(one.who), one.count) for one in life.found]


@dataclass
class _Life:
    """The incidents of a cause, one after the other."""

    rule: Rule
    found: list[_Incident] = field(default_factory=list)
    opened: int | None = None
    armed: bool = True

    def standing(self) -> _Incident | None:
        last = self.found[-1] if self.found else None
        return last if last is not None and last.end == "open" and not last.over else None

    def age(self, now: int) -> None:
        for one in self.found:
            if one.end == "open" and now > one.last + self.rule.expires:
                self.armed = self.armed or one is self.standing()
                one.end = "expired"

    def resolve(self) -> None:
        for one in self.found:
            one.end = "resolved" if one.end == "open" else one.end
        self.armed = True

    def withdraw(self, none: Happening) -> None:
        """An incident that rests on too few without the signal was none."""
        for one in list(self.found):
            if one.end == "open" and none.id in {item.id for item in one.counted}:
                one.counted = [item for item in one.counted if item.id != none.id]
                if len(one.who) < self.rule.customers:
                    self.armed = self.armed or one is self.standing()
                    self.found.remove(one)

    def look(self, now: Happening, window: Sequence[Happening]) -> None:
        count, standing = len({one.customer for one in window}), self.standing()
        cool = self.opened is None or now.at >= self.opened + self.rule.cooldown
        if count < self.rule.customers:
            if cool:
                self.armed = True
                if standing is not None:
                    standing.over = True
        elif now.what == "counts" and standing is not None:
            standing.counted += window
            standing.last, standing.count = now.at, count
        elif now.what == "counts" and self.armed and cool:
            self.found.append(_Incident(now.at, now.at, count, list(window)))
            self.opened, self.armed = now.at, False


def _window(rule: Rule, before: Sequence[Happening], gone: set[str], now: int) -> list[Happening]:
    """What counts: since the last end, in the closed window, not withdrawn; of events each customer's newest."""
    counted: list[Happening] = []
    for one in before:
        if one.what == "ends":
            counted = []
        elif one.what == "counts" and now - rule.within <= one.at <= now:
            if not rule.of_signals:
                counted = [known for known in counted if known.customer != one.customer]
            counted.append(one)
    return [one for one in counted if one.id not in gone]
