"""Steps of a rule in words and as JSON. Texts and addresses of customers are in neither."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from touchline.pipeline.engine.clock import from_ms, to_ms
from touchline.pipeline.friction.evidence import shown_length, shown_time
from touchline.pipeline.friction.rules import WHOLE, Rule
from touchline.pipeline.friction.trace import States, Step, state_words
from touchline.pipeline.friction.verdict import shown_value
from touchline.schemas.signal import Signal


def part_of(steps: Sequence[Step], signal: str) -> list[Step]:
    """The steps that a signal rests on, in order: those of its events, and those at which something was said of it."""
    said = [one for step in steps for one in step.signals if one.signal_id == signal]
    events = {event for one in said for event in one.events}
    linked = {one for signal in said for one in str(signal.values.get("signals", "")).split(", ")}
    groups = {WHOLE if one.group == one.customer else one.group for one in said}
    return [
        step
        for step in steps
        if any(one.signal_id == signal for one in step.signals)
        or any(one.signal_id in linked for one in step.linked)
        or (step.event is not None and step.event.event_id in events and not groups.isdisjoint(step.groups))
    ]


def thresholds(rule: Rule) -> str:
    """What the rule looks for, in a few words."""
    detect = next(name for name in rule.spec.detect.__dataclass_fields__ if getattr(rule.spec.detect, name) is not None)
    timing = rule.detector.timing
    words = [f"{detect} per {rule.spec.per}"]
    words += [f"threshold {rule.threshold}"] if rule.threshold is not None else []
    words += [f"within {shown_length(rule.within)}"] if rule.within is not None else []
    absence = rule.spec.detect.absence
    words += [f"deadline {absence.deadline}"] if absence is not None else []
    words += [f"grace {shown_length(absence.grace)}"] if absence is not None and absence.grace else []
    words += [f"cooldown {shown_length(timing.cooldown)}"] if timing.cooldown else []
    return ", ".join([*words, f"expires after {shown_length(timing.expires)}"])


def lines(rule: Rule, step: Step) -> Iterator[str]:
    """A step for people."""
    if step.event is None:
        yield f"{shown_time(step.at)}  time passed"
    else:
        event = step.event
        yield f"{shown_time(step.at)}  {event.kind} by {event.channel}, {event.event_id} of {event.source}"
        for part in step.parts:
            word = {True: "yes", False: "no", None: "unknown"}[part.holds]
            because = "; ".join(map(str, part.verdict.because)) if part.verdict is not None else ""
            yield f"    {part.role}: {word}{', ' + because if because else ''}"
        if step.lacks is not None:
            yield f"    does not count: it has no {step.lacks}"
        if step.too_late:
            yield f"    {event.late_seconds:,.0f} s late: too late to open anything"
        if step.values:
            yield "    values: " + ", ".join(f"{name} {shown_value(value)}" for name, value in step.values.items())
    for signal in step.linked:
        yield f"    {signal.rule} {signal.status} (revision {signal.revision}): {signal.evidence}"
    for group in step.after | step.before:
        name = f" of {group}" if group != WHOLE else ""
        before, after = _state(rule, step.before, group, _begun(step)), _state(rule, step.after, group, step.at)
        yield f"    state{name}: {before} → {after}"
    for signal in step.signals:
        yield f"    signal {signal.status} (revision {signal.revision}): {signal.evidence}"


def _begun(step: Step) -> int:
    """The time as of which the state before a step is told: where time passed, when the friction became true."""
    return min((to_ms(signal.at) for signal in step.signals), default=step.at) if step.event is None else step.at


def _state(rule: Rule, states: States, group: str, at: int) -> str:
    machine = states.get(group)
    return ("; ".join(state_words(rule, machine, at)) if machine is not None else "") or "nothing"


def step_json(rule: Rule, step: Step) -> dict[str, Any]:
    """A step for a program."""
    event = step.event
    groups = step.after | step.before
    return {
        "at": from_ms(step.at).isoformat(),
        "event": None
        if event is None
        else {"event_id": event.event_id, "source": event.source, "kind": event.kind, "channel": event.channel},
        "late_seconds": None if event is None else event.late_seconds,
        "too_late": step.too_late,
        "counts": step.counts,
        "lacks": step.lacks,
        "parts": [
            {"role": part.role, "holds": part.holds}
            | {"because": [asdict(one) for one in part.verdict.because] if part.verdict is not None else []}
            for part in step.parts
        ],
        "values": step.values,
        "state": [
            {"group": group}
            | {
                when: state_words(rule, states[group], at) if group in states else []
                for when, states, at in (("before", step.before, _begun(step)), ("after", step.after, step.at))
            }
            for group in groups
        ],
        "signals": [signal_json(signal) for signal in step.signals],
        "linked": [{"rule": signal.rule} | signal_json(signal) for signal in step.linked],
    }


def signal_json(signal: Signal) -> dict[str, Any]:
    """What was said of a signal."""
    return {
        "signal_id": signal.signal_id,
        "status": signal.status,
        "revision": signal.revision,
        "group": signal.group,
        "at": from_ms(to_ms(signal.at)).isoformat(),
        "evidence": signal.evidence,
        "events": signal.events,
        "values": signal.values,
    }
