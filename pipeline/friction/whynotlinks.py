"""Why a rule on rules was silent: which of its signals there were, and why they did not stand together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.evidence import shown_length, shown_time
from touchline.pipeline.friction.rules import CUSTOMER, Rule
from touchline.pipeline.friction.trace import Step
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import SignalStatus


@dataclass(slots=True)
class LinkSilence:
    """The trace of a rule on rules. `newest`: of each signal of its rules, as it was said last."""

    rule: Rule
    detector: CompositeDetector
    steps: Sequence[Step]
    newest: dict[str, Signal] = field(init=False)

    def __post_init__(self) -> None:
        """Finds the signals."""
        self.newest = {signal.signal_id: signal for step in self.steps for signal in step.linked}

    def reasons(self) -> Iterator[tuple[str, str]]:
        """Codes and messages: sides that never had a signal, how near it came, and what kept signals apart."""
        for side in range(self.detector.sides[-1] + 1):
            mine = [signal for signal in self.newest.values() if self._side(signal) == side]
            if not mine:
                message = f"no signal of {self.detector.side(side)}: why-not --rule {self._first(side)} tells more"
                yield "missing", message
        if not self._fired():
            yield from self._nearest()
        yield from self._gone()
        yield from self._cooled()

    def _side(self, signal: Signal) -> int:
        return self.detector.sides[self.detector.rules.index(signal.rule)]

    def _first(self, side: int) -> str:
        return self.detector.rules[self.detector.sides.index(side)]

    def _fired(self) -> bool:
        return any(signal.is_open for step in self.steps for signal in step.signals)

    def _group(self, signal: Signal) -> str:
        return signal.customer if self.rule.spec.per == CUSTOMER else signal.group

    def _nearest(self) -> Iterator[tuple[str, str]]:
        """The time at which most sides had a signal that stood, and who was missing then."""
        best: tuple[int, int, str] | None = None
        for signal in self.newest.values():
            at, group = to_ms(signal.at), self._group(signal)
            sides = self._standing(at, group)
            if sides and (best is None or len(sides) > best[0]):
                best = (len(sides), at, group)
        if best is None:
            return
        many, at, group = best
        sides = self._standing(at, group)
        stood = ", ".join(sorted({signal.rule for signals in sides.values() for signal in signals}))
        missing = [self.detector.side(n) for n in range(self.detector.sides[-1] + 1) if n not in sides]
        of = f"{many} of {self.detector.at_least} within {shown_length(self.detector.timing.within)}"
        whose = "" if self.rule.spec.per == CUSTOMER else f" of {group}"
        yield "threshold", f"at the most, at {shown_time(at)}{whose}: {of}: {stood}; missing: {', '.join(missing)}"

    def _standing(self, at: int, group: str) -> dict[int, list[Signal]]:
        found: dict[int, list[Signal]] = {}
        for signal in self.newest.values():
            began, closed = to_ms(signal.at), _closed(signal)
            near = at - self.detector.timing.within <= began <= at and self._group(signal) == group
            if near and signal.status is not SignalStatus.RETRACTED and (closed is None or closed > at):
                found.setdefault(self._side(signal), []).append(signal)
        return found

    def _gone(self) -> Iterator[tuple[str, str]]:
        """Signals that were resolved or retracted, so that what came after them stood alone."""
        for signal in self.newest.values():
            what, closed = f"{signal.rule} of {shown_time(to_ms(signal.at))}", _closed(signal)
            if signal.status is SignalStatus.RETRACTED:
                yield "retracted", f"{what} was disproved, so it never stood"
            elif closed is not None:
                yield "resolved", f"{what} was resolved at {shown_time(closed)} and stands no more since"

    def _cooled(self) -> Iterator[tuple[str, str]]:
        cooldown = self.detector.timing.cooldown
        opened = [to_ms(s.at) for step in self.steps for s in step.signals if s.status is SignalStatus.OPENED]
        for at in opened if cooldown else ():
            within = sum(at < to_ms(signal.at) < at + cooldown for signal in self.newest.values())
            if within:
                until = shown_time(at + cooldown)
                yield "cooldown", f"{within:,} signals fell into the cooldown, which lasts until {until}"


def _closed(signal: Signal) -> int | None:
    """When it was resolved, in milliseconds."""
    closed = signal.values.get("closed_at")
    if signal.status is not SignalStatus.RESOLVED or not isinstance(closed, str):
        return None
    return to_ms(signal.at.fromisoformat(closed))
