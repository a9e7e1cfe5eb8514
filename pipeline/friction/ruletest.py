"""Runs rule tests on the same engine as the live run, with a clock made of the tests' own events."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from touchline.pipeline.engine.clock import HOUR, MINUTE, SECOND, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.evidence import shown_length
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.friction.rules import RuleSet
from touchline.schemas.codec import decode_signal, encode
from touchline.schemas.control import Tick
from touchline.schemas.ruletestfile import Expected, RuleTest, RuleTestFile, TestEvent
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.wire import SIGNALS, TICK_HEADER, TOUCHPOINTS
from touchline.schemas.yamlfile import YamlFile

LATENESS: Final = 10 * MINUTE
SHUFFLES: Final = 10
START: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""When a test begins that does not say so: a Monday."""

SUFFIX: Final = ".test.yaml"
_ADAPTER: Final = TypeAdapter(RuleTestFile)


Arrival = tuple[int, int, TestEvent]
"""When an event reaches us, in milliseconds from the start; its number; the event."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test showed: `problems` is empty when it passed."""

    file: Path
    test: str
    problems: tuple[str, ...]
    rules: frozenset[str] = field(default=frozenset())

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.problems


def run_rule_tests(paths: Iterable[Path]) -> list[Outcome]:
    """Runs test files, and all `*.test.yaml` below folders.

    Raises: FileError when a test file or its rules have mistakes."""
    outcomes: list[Outcome] = []
    catalogue = Catalogue()
    for path in _files(paths):
        content = YamlFile.read(path).as_type(_ADAPTER)
        rules = load_rules([path.with_name(content.rules or path.name.removesuffix(SUFFIX) + ".yaml")], builtin=False)
        outcomes.extend(_Runner(path, rules, test, catalogue).outcome() for test in content.tests)
    return outcomes


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob("*" + SUFFIX))
        else:
            yield path


@dataclass(slots=True)
class _Runner:
    path: Path
    rules: RuleSet
    test: RuleTest
    catalogue: Catalogue

    def outcome(self) -> Outcome:
        problems = _differences(self.test.expect, self._signals(self._in_time()), self._start)
        for number in range(SHUFFLES if self.test.shuffle and not problems else 0):
            # What was retracted on the way depends on the order; what stands does not.
            stands = [e for e in self.test.expect if e.status != "retracted"]
            left = [s for s in self._signals(self._shuffled(number)) if s.status != "retracted"]
            found = _differences(stands, left, self._start, revisions=False)
            problems.extend(f"in another order of arrival (number {number + 1}): {text}" for text in found)
        return Outcome(self.path, self.test.name, tuple(problems), frozenset(e.rule for e in self.test.expect))

    @property
    def _start(self) -> int:
        return to_ms(self.test.start or START)

    def _in_time(self) -> list[Arrival]:
        arrivals = [(e.at if e.arrives is None else e.arrives, n, e) for n, e in enumerate(self.test.events)]
        return sorted(arrivals, key=lambda a: a[:2])

    def _shuffled(self, seed: int) -> list[Arrival]:
        rng = random.Random(seed)  # noqa: S311
        arrivals = [(e.at + rng.randint(0, LATENESS), n, e) for n, e in enumerate(self.test.events)]
        return sorted(arrivals, key=lambda a: a[:2])

    def _signals(self, arrivals: Sequence[Arrival]) -> list[Signal]:
        shard = LocalShard(JourneyProcessor(self.rules, JourneyOptions(lateness=LATENESS)), 0, 1)
        newest: dict[str, Signal] = {}
        for output in shard.process(TOUCHPOINTS, self._log(arrivals), 0):
            if output.topic == SIGNALS and output.key is not None:
                signal = decode_signal(output.value or b"")
                newest[signal.signal_id] = signal
        return list(newest.values())

    def _log(self, arrivals: Sequence[Arrival]) -> list[PlainRecord]:
        """As on the live clock: time comes to the moment of each arrival before what arrives."""
        records: list[PlainRecord] = []
        high = self._start - HOUR
        for arrives, number, event in arrivals:
            at = self._start + event.at
            high = max(high, at, self._start + arrives)
            records.append(_tick(len(records), high))
            touchpoint = self._touchpoint(number, event, (high - at) / SECOND)
            records.append(PlainRecord(len(records), at, touchpoint.customer.encode(), encode(touchpoint)))
        if self.test.advance is not None:
            records.append(_tick(len(records), max(high, self._start + self.test.advance + LATENESS + 1)))
        return records

    def _touchpoint(self, number: int, event: TestEvent, late: float) -> EnrichedTouchpoint:
        place = self.catalogue.place(event.kind)
        time = from_ms(self._start + event.at)
        return EnrichedTouchpoint(
            event_id=event.id or f"event-{number + 1}",
            source=event.source,
            occurred_at=time,
            kind=event.kind,
            customer=event.customer or self.test.customer,
            channel=event.channel or place.channel,
            stage=event.stage or place.stage,
            party=event.party or place.party,
            actor=event.actor or place.actor,
            subjects=event.subjects,
            text=event.text,
            score=event.score,
            sentiment=event.sentiment,
            wait_seconds=event.wait_seconds,
            duration_seconds=event.duration_seconds,
            attributes=event.attributes,
            received_at=time,
            raw_partition=0,
            raw_offset=number,
            late_seconds=late,
        )


def _tick(offset: int, high: int) -> PlainRecord:
    value = encode(Tick(partition=0, partitions=1, high=high))
    return PlainRecord(offset, high, None, value, ((TICK_HEADER, b"1"),))


def _shown(signal: Signal, start: int) -> dict[str, object]:
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
        "revision": signal.revision,
        "evidence": signal.evidence,
    }


def _wanted(expected: Expected, *, revisions: bool) -> dict[str, object]:
    names = ("rule", "at", "status", "customer", "group", "severity", "control", "party", "count", "evidence")
    fields = {name: getattr(expected, name) for name in (*names, *(("revision",) if revisions else ()))}
    return {name: value for name, value in fields.items() if value is not None}


def _differences(
    expected: Sequence[Expected], signals: Sequence[Signal], start: int, *, revisions: bool = True
) -> list[str]:
    """What is missing and what is too much, each on a line."""
    left = sorted((_shown(signal, start) for signal in signals), key=lambda s: (str(s["rule"]), int(str(s["at"]))))
    problems: list[str] = []
    for wanted in (_wanted(e, revisions=revisions) for e in expected):
        found = next((s for s in left if all(s[name] == value for name, value in wanted.items())), None)
        if found is None:
            problems.append(f"- expected {_line(wanted)}")
        else:
            left.remove(found)
    problems.extend(f"+ found    {_line(signal)}" for signal in left)
    return problems


def _line(fields: dict[str, object]) -> str:
    shown = {**fields, "at": shown_length(int(str(fields["at"])))} if "at" in fields else fields
    return ", ".join(f"{name}: {value}" for name, value in shown.items())
