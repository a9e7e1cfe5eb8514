"""What a rule test expected beside what came, as one timeline."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.friction.evidence import shown_length
from touchline.schemas.ruletestfile import Expected
from touchline.schemas.signal import Signal

Fields = Mapping[str, object]
"""What is compared of a signal, by the names of `Expected`; `at` in milliseconds from the start of the test."""

_NAMES = ("rule", "at", "status", "customer", "group", "severity", "control", "party", "count", "customers", "evidence")


class Mark(StrEnum):
    """What a line of the timeline says; the value is how it begins in the diff."""

    SAME = "="
    DIFFERS = "~"
    MISSING = "-"
    EXTRA = "+"


@dataclass(frozen=True, slots=True)
class Line:
    """One signal of the timeline: what was expected (None: nothing), what came (None: nothing), and the names of the
    fields in which the two differ."""

    expected: Fields | None
    found: Fields | None
    differs: tuple[str, ...] = ()

    @property
    def mark(self) -> Mark:
        """Which of the four it is."""
        if self.expected is None:
            return Mark.EXTRA
        if self.found is None:
            return Mark.MISSING
        return Mark.DIFFERS if self.differs else Mark.SAME

    @property
    def fields(self) -> Fields:
        """What came, else what was expected."""
        return self.found if self.found is not None else self.expected or {}

    @property
    def at(self) -> int:
        """Its time, milliseconds from the start; of what was expected at any time the end of the timeline."""
        at = self.fields.get("at")
        return at if isinstance(at, int) else 2**62

    @property
    def title(self) -> str:
        """Mark, time, rule and status."""
        at = self.fields.get("at")
        when = f"+{shown_length(at)}" if isinstance(at, int) else "any time"
        return f"{self.mark} {when:<9} {self.fields.get('rule')} {self.fields.get('status', '')}".rstrip()

    @property
    def details(self) -> tuple[str, ...]:
        """What is wrong with it, one thing each."""
        if self.expected is not None and self.found is not None:
            return tuple(
                f"{name}: expected {_quoted(name, self.expected[name])}, found {_quoted(name, self.found[name])}"
                for name in self.differs
            )
        left = {n: v for n, v in self.fields.items() if n not in {"rule", "at", "status"} and v is not None}
        said = ", ".join(f"{name}: {_quoted(name, value)}" for name, value in left.items())
        return (f"{'missing' if self.found is None else 'too much'}{': ' + said if said else ''}",)

    def __str__(self) -> str:
        """On one line."""
        return "  ".join(part for part in (self.title, "; ".join(self.details)) if part)


def _quoted(name: str, value: object) -> str:
    if name == "at" and isinstance(value, int):
        return f"+{shown_length(value)}"
    return f'"{value}"' if name == "evidence" else str(value)


def timeline(
    expected: Sequence[Expected], signals: Iterable[Signal], start: int, *, revisions: bool = True
) -> list[Line]:
    """All that was expected and all that came, in order of time.

    Each expected signal takes one that has all its fields, so that as many as possible find one; what is left is
    paired with the nearest of the same rule.

    Args:
        expected: the complete list.
        signals: as they stand in the end.
        start: of the test, in milliseconds since 1970 UTC.
        revisions: whether their number is compared."""
    wanted = [_wanted(e, revisions=revisions) for e in expected]
    found = sorted((_found(s, start) for s in signals), key=lambda f: (str(f["rule"]), int(str(f["at"]))))
    taken = _matched(wanted, found)
    lines = [Line(wanted[w], found[f]) for f, w in taken.items()]
    missing = [w for number, w in enumerate(wanted) if number not in taken.values()]
    extra = [f for number, f in enumerate(found) if number not in taken]
    for want in missing:
        near = min((f for f in extra if f["rule"] == want["rule"]), key=lambda f: _distance(want, f), default=None)
        if near is None:
            lines.append(Line(want, None))
        else:
            extra.remove(near)
            lines.append(Line(want, near, _differing(want, near)))
    lines.extend(Line(None, f) for f in extra)
    return sorted(lines, key=lambda line: (line.at, str(line.fields.get("rule")), line.mark))


def _wanted(expected: Expected, *, revisions: bool) -> Fields:
    fields = {name: getattr(expected, name) for name in (*_NAMES, *(("revision",) if revisions else ()))}
    return {name: value for name, value in fields.items() if value is not None}


def _found(signal: Signal, start: int) -> Fields:
    return {
        "rule": signal.rule,
        "at": to_ms(signal.at) - start,
        "status": "open" if signal.is_open else signal.status.value,
        "customer": signal.customer,
        "group": signal.group,
        "severity": signal.severity,
        "control": signal.control,
        "party": signal.party,
        "count": signal.values.get("count"),
        "customers": signal.values.get("customers"),
        "revision": signal.revision,
        "evidence": signal.evidence,
    }


def _differing(wanted: Fields, found: Fields) -> tuple[str, ...]:
    return tuple(name for name, value in wanted.items() if found[name] != value)


def _distance(wanted: Fields, found: Fields) -> tuple[int, int]:
    """The fewest fields that differ, then the nearest in time."""
    at = wanted.get("at")
    return len(_differing(wanted, found)), abs(at - int(str(found["at"]))) if isinstance(at, int) else 0


def _matched(wanted: Sequence[Fields], found: Sequence[Fields]) -> dict[int, int]:
    """Which found signal serves which expected one, for as many as possible: one that says little must not take the
    signal that another needs."""
    taken: dict[int, int] = {}

    def place(number: int, tried: set[int]) -> bool:
        for index, signal in enumerate(found):
            if index in tried or _differing(wanted[number], signal):
                continue
            tried.add(index)
            if index not in taken or place(taken[index], tried):
                taken[index] = number
                return True
        return False

    for number in sorted(range(len(wanted)), key=lambda n: -len(wanted[n])):
        place(number, set())
    return taken
