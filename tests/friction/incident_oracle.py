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
    found: list[_Incident] = []
    opened: int | None = None
    armed = True
    for number, now in enumerate(ordered):
        for one in found:
            if one.end == "open" and now.at > one.last + rule.expires:
                armed = armed or one is _standing(found)
                one.end = "expired"
        if now.what == "ends":
            for one in found:
                one.end = "resolved" if one.end == "open" else one.end
            armed = True
            continue
        gone = {one.id for one in ordered[: number + 1] if one.what == "was none"}
        if now.what == "was none":
            for one in list(found):
                if one.end == "open" and now.id in {item.id for item in one.counted}:
                    one.counted = [item for item in one.counted if item.id != now.id]
                    if len(one.who) < rule.customers:
                        armed = armed or one is _standing(found)
                        found.remove(one)
            window = _window(rule, ordered[:number], gone, _last_counted(ordered[:number]))
        else:
            window = _window(rule, ordered[: number + 1], gone, now.at)
        standing, cool = _standing(found), opened is None or now.at >= opened + rule.cooldown
        count = len({one.customer for one in window})
        if count < rule.customers:
            if cool:
                armed = True
                if standing is not None:
                    standing.over = True
        elif now.what == "was none":
            pass
        elif standing is not None:
            standing.counted += window
            standing.last, standing.count = now.at, count
        elif armed and cool:
            found.append(_Incident(now.at, now.at, count, list(window)))
            opened, armed = now.at, False
    for one in found:
        if one.end == "open" and end > one.last + rule.expires:
            one.end = "expired"
    return [(one.at, one.end, len(one.who), one.count) for one in found]


def _standing(found: Sequence[_Incident]) -> _Incident | None:
    last = found[-1] if found else None
    return last if last is not None and last.end == "open" and not last.over else None


def _last_counted(before: Sequence[Happening]) -> int:
    return max((one.at for one in before if one.what == "counts"), default=0)


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
