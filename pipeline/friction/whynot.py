"""Why a rule was silent: reasons in words, drawn from what the trace of its engine shows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.evidence import shown_length, shown_time
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.friction.rules import Rule
from touchline.pipeline.friction.state import Machine, Pending
from touchline.pipeline.friction.trace import Part, Step, state_words
from touchline.pipeline.friction.whynotlinks import LinkSilence
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import SignalStatus

_SHOWN: Final = 5
_CLOSING: Final = frozenset({"resolve", "unless", "expect", "context"})


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is one word for programs: `fired`, `no_events`, `condition`, `unknown`, `group`, `too_late`, `waiting`,
    `grace`, `met`, `called_off`, `deadline`, `threshold`, `sequence`, `cooldown`, `resolved`; of a rule on rules also
    `missing` and `retracted`."""

    code: str
    message: str


@dataclass(slots=True)
class Silence:
    """The trace of a rule for a customer up to a time in milliseconds."""

    rule: Rule
    steps: Sequence[Step]
    until: int
    options: JourneyOptions

    def reasons(self) -> list[Reason]:
        """What kept the rule silent, the most telling first; what it said, when it was not silent."""
        fired = list(self._fired())
        detector = self.rule.detector
        if isinstance(detector, CompositeDetector):
            links = LinkSilence(self.rule, detector, self.steps)
            return [*fired, *(Reason(code, message) for code, message in links.reasons())]
        seen = [step for step in self.steps if step.event is not None]
        opening = [(step, part) for step in seen for part in step.parts if not _closes(part)]
        if not opening:
            kinds = sorted({kind for pattern in self.rule.patterns for kind in pattern.kinds})
            waits = ", ".join(kinds[:8]) + (" …" if len(kinds) > 8 else "")
            none = f"of {len(seen):,} events of the customer none is of a kind that begins it; it waits for {waits}"
            return [*fired, Reason("no_events", none)]
        counted = [step for step, part in opening if part.holds and step.lacks is None and not step.too_late]
        found = [*fired, *self._states(), *self._absence(), *self._level(counted), *self._cooled(counted)]
        return [*found, *self._refused(opening)]

    def _fired(self) -> Iterator[Reason]:
        for step in self.steps:
            for signal in step.signals:
                if signal.status is SignalStatus.OPENED:
                    message = f"it was not silent: signal {signal.signal_id} of {shown_time(to_ms(signal.at))}"
                    yield Reason("fired", f"{message}, {signal.evidence}")
                elif signal.status is not SignalStatus.UPDATED:
                    why = "disproved" if signal.status is SignalStatus.RETRACTED else signal.status.value
                    yield Reason("resolved", f"signal {signal.signal_id} was {why} at {shown_time(step.at)}")

    def _final(self) -> dict[str, Machine]:
        """The last state of each group."""
        states: dict[str, Machine] = {}
        for step in self.steps:
            states = {**{name: state for name, state in states.items() if name not in step.before}, **step.after}
        return states

    def _states(self) -> Iterator[Reason]:
        for machine in self._final().values():
            for pending in machine.pending:
                if not pending.closed:
                    yield from self._pending(pending)

    def _pending(self, pending: Pending) -> Iterator[Reason]:
        timing = self.rule.detector.timing
        told = pending.deadline + timing.grace + self.options.lateness
        if self.until <= pending.deadline:
            message = f"waits since {pending.item.event} until {shown_time(pending.deadline)}, which is not over"
            yield Reason("waiting", message)
        elif self.until <= told:
            length = shown_length(timing.grace) if timing.grace else "none"
            message = (
                f"the deadline {shown_time(pending.deadline)} is over; with its grace ({length}) and the lateness "
                f"({shown_length(self.options.lateness)}) it is told after {shown_time(told)}"
            )
            yield Reason("grace", message)

    def _absence(self) -> Iterator[Reason]:
        """What ended an expectation before its deadline, or kept it from beginning."""
        if self.rule.spec.detect.absence is None:
            return
        for step in self.steps:
            if step.event is None:
                continue
            before = {pending.item.event for state in step.before.values() for pending in state.pending}
            after = {pending.item.event for state in step.after.values() for pending in state.pending}
            ended, begun = before - after, after - before
            roles = [part.role for part in step.parts if part.holds]
            what = f"{step.event.kind} {step.event.event_id} of {shown_time(step.at)}"
            if ended and any(role.startswith("unless") for role in roles):
                yield Reason("called_off", f"{what} called it off")
            elif ended and any(role.startswith("expect") for role in roles):
                yield Reason("met", f"{what} is what was expected, in time")
            name = getattr(getattr(self.rule.detector, "deadline", None), "field", None)
            opened = step.counts and any(role.startswith("after") for role in roles)
            if opened and not begun and not before and name is not None and name not in step.values:
                yield Reason("deadline", f"{what} has no {name}, so nothing was expected of it")
            elif opened and not begun and not before and name is not None:
                yield Reason(
                    "deadline", f"the {name} of {what} is no time that can be waited for: {step.values[name]!r}"
                )

    def _level(self, counted: Sequence[Step]) -> Iterator[Reason]:
        """How near a count or a sequence came."""
        if self.rule.spec.detect.absence is not None or not counted:
            return
        best = max(counted, key=lambda step: max((len(m.window) for m in step.after.values()), default=0))
        for machine in best.after.values():
            words = state_words(self.rule, machine, best.at)
            if words and not any(signal.is_open for step in self.steps for signal in step.signals):
                code = "sequence" if self.rule.spec.detect.sequence is not None else "threshold"
                yield Reason(code, f"at the most, at {shown_time(best.at)}: {words[0]}")

    def _cooled(self, counted: Sequence[Step]) -> Iterator[Reason]:
        """Events that came while no other signal might be opened."""
        cooldown = self.rule.spec.cooldown
        if not cooldown:
            return
        opened = [to_ms(s.at) for step in self.steps for s in step.signals if s.status is SignalStatus.OPENED]
        for at in opened:
            within = [step for step in counted if at < step.at < at + cooldown]
            if within:
                until = shown_time(at + cooldown)
                yield Reason("cooldown", f"{len(within):,} events fell into the cooldown, which lasts until {until}")

    def _refused(self, opening: Sequence[tuple[Step, Part]]) -> Iterator[Reason]:
        """Events that might have counted and did not, the newest first, and what could not be compared."""
        told = 0
        unknown: Counter[str] = Counter()
        for step, part in reversed(opening):
            if step.event is None or (part.holds and step.lacks is None and not step.too_late):
                continue
            told += 1
            because = () if part.verdict is None else part.verdict.because
            unknown.update(one.found for one in because if one.holds is None)
            if told <= _SHOWN:
                yield _refusal(step, step.event, part)
        if told > _SHOWN:
            yield Reason("condition", f"and {told - _SHOWN:,} earlier events that did not count either")
        for found, n in unknown.most_common():
            if n > 1:
                yield Reason("unknown", f"{found} in {n:,} events: missing or of another type, so nothing can be said")


def _refusal(step: Step, event: EnrichedTouchpoint, part: Part) -> Reason:
    what = f"{event.kind} {event.event_id} of {shown_time(step.at)}"
    if step.too_late:
        return Reason("too_late", f"{what} came {event.late_seconds:,.0f} s late: too late to open anything")
    if not part.holds:
        why = "; ".join(map(str, part.verdict.because if part.verdict is not None else ()))
        return Reason("unknown" if part.holds is None else "condition", f"{what} does not count: {why}")
    return Reason("group", f"{what} does not count: it has no {step.lacks}")


def _closes(part: Part) -> bool:
    return part.role.split(" ")[0] in _CLOSING
