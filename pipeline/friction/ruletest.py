"""Runs rule tests on the same engine as the live run, with a clock made of the tests' own events."""

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from touchline.pipeline.engine.clock import HOUR, MINUTE, SECOND, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor
from touchline.pipeline.friction.load import load_with_parts
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.testdiff import Line, Mark, timeline
from touchline.schemas.codec import decode_signal, encode
from touchline.schemas.control import Tick
from touchline.schemas.ruletestfile import RuleTest, RuleTestFile, TestEvent
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.wire import SIGNALS, TICK_HEADER, TOUCHPOINTS
from touchline.schemas.yamlfile import FileError, Mistake, YamlFile, did_you_mean

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
    """What a test showed. `line`: where it stands in its file; `timeline`: all that was expected and all that came, of
    the first order of arrival that failed, else of the order written; `shuffled`: the number of that order, 0 for the
    one written. `rules`: those it expects a signal of."""

    file: Path
    test: str
    line: int
    timeline: tuple[Line, ...]
    shuffled: int
    rules: frozenset[str]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is missing, too much or different, each on a line; none when it passed."""
        order = f"in another order of arrival (number {self.shuffled}): " if self.shuffled else ""
        return tuple(f"{order}{line}" for line in self.timeline if line.mark is not Mark.SAME)

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return _passed(self.timeline)


@dataclass(frozen=True, slots=True)
class RuleTests:
    """A file of tests, and the rules that run in them: its `own`, which are tested, and those of other files that they
    name. `lines`: where each test stands."""

    path: Path
    rule_file: Path
    rules: RuleSet
    own: frozenset[str]
    tests: tuple[RuleTest, ...]
    lines: tuple[int, ...]
    catalogue: Catalogue

    def outcome(self, number: int) -> Outcome:
        """Runs one test, by its number from 0."""
        return _Runner(self, self.tests[number], self.lines[number]).outcome()


def run_rule_tests(paths: Iterable[Path]) -> list[Outcome]:
    """Runs test files, and all `*.test.yaml` below folders.

    Raises: FileError when a test file or its rules have mistakes."""
    catalogue = Catalogue()
    found = [load_tests(path, catalogue) for path in files_of_tests(paths)]
    return [tests.outcome(number) for tests in found for number in range(len(tests.tests))]


def files_of_tests(paths: Iterable[Path]) -> list[Path]:
    """The test files among files and folders; for a file of rules the one beside it.

    Raises: FileError when a path is not there, or a file of rules has no tests beside it."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(sorted(path.rglob("*" + SUFFIX)))
            continue
        beside = path if path.name.endswith(SUFFIX) else path.with_name(path.stem + SUFFIX)
        if not beside.is_file():
            what = (
                "there is no such file or folder" if not path.exists() else f"has no tests: there is no {beside.name}"
            )
            raise FileError(str(path), [Mistake(1, 1, "", what)])
        found.append(beside)
    return list(dict.fromkeys(found))


def load_tests(path: Path, catalogue: Catalogue) -> RuleTests:
    """Reads a test file and the rules under test.

    Raises: FileError when either has mistakes."""
    file = YamlFile.read(path)
    content = file.as_type(_ADAPTER)
    rule_file = path.with_name(content.rules or path.name.removesuffix(SUFFIX) + ".yaml")
    rules, own = load_with_parts(rule_file)
    unknown = [
        file.mistake(
            ("tests", number, "expect", place, "rule"),
            f'{rule_file} has no rule "{expected.rule}"{did_you_mean(expected.rule, rules.by_id)}',
        )
        for number, test in enumerate(content.tests)
        for place, expected in enumerate(test.expect)
        if expected.rule not in rules.by_id
    ]
    if unknown:
        raise FileError(file.name, unknown)
    lines = tuple(file.place(("tests", number))[0] for number in range(len(content.tests)))
    return RuleTests(path, rule_file, rules, own, content.tests, lines, catalogue)


def untested(rules: RuleSet, files: Iterable[RuleTests], own: Collection[str] | None = None) -> list[tuple[str, str]]:
    """The rules without a test that fires or without one that stays silent, and which of the two is missing. A test in
    which nothing happens that a rule waits for does not show that it stays silent. `own`: only these are looked at."""
    shown = [_shown(rules, test) for tests in files for test in tests.tests]
    fires, silent = (frozenset().union(*(one[side] for one in shown)) for side in (0, 1))
    ids = [rule.spec.id for rule in rules.rules if own is None or rule.spec.id in own]
    return [(rule, "fires") for rule in ids if rule not in fires] + [
        (rule, "stays silent") for rule in ids if rule not in silent
    ]


def _shown(rules: RuleSet, test: RuleTest) -> tuple[frozenset[str], frozenset[str]]:
    """The rules of which a test expects a signal, and those that wait for its events and stay silent."""
    fires = frozenset(expected.rule for expected in test.expect)
    kinds = {event.kind for event in test.events}
    return fires, frozenset(rule.spec.id for rule in rules.rules if _waits(rules, rule, kinds)) - fires


def _waits(rules: RuleSet, rule: Rule, kinds: Collection[str]) -> bool:
    """Whether a rule waits for one of the kinds; a rule on rules, whether as many of those do as it needs."""
    detector = rule.detector
    if not isinstance(detector, CompositeDetector):
        return any(pattern.wants(kind) for pattern in rule.patterns for kind in kinds)
    return detector.holds(n for n, part in enumerate(detector.rules) if _waits(rules, rules.by_id[part], kinds))


@dataclass(slots=True)
class _Runner:
    of: RuleTests
    test: RuleTest
    line: int

    def outcome(self) -> Outcome:
        shuffled, lines = 0, timeline(self.test.expect, self._signals(self._in_time()), self._start)
        for number in range(SHUFFLES if self.test.shuffle and _passed(lines) else 0):
            # What was retracted on the way depends on the order; what stands does not.
            stands = [e for e in self.test.expect if e.status != "retracted"]
            left = [s for s in self._signals(self._shuffled(number)) if s.status != "retracted"]
            found = timeline(stands, left, self._start, revisions=False)
            if not _passed(found):
                shuffled, lines = number + 1, found
                break
        rules = frozenset(e.rule for e in self.test.expect)
        return Outcome(self.of.path, self.test.name, self.line, tuple(lines), shuffled, rules)

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
        shard = LocalShard(JourneyProcessor(self.of.rules, JourneyOptions(lateness=LATENESS, health=None)), 0, 1)
        newest: dict[str, Signal] = {}
        for output in shard.process(TOUCHPOINTS, self._log(arrivals), 0):
            if output.topic == SIGNALS and output.key is not None:
                signal = decode_signal(output.value or b"")
                newest[signal.signal_id] = signal
        # What a rule of another file says, which runs for one of these that names it, is told where it is asked for.
        told = self.of.own | {expected.rule for expected in self.test.expect}
        return [signal for signal in newest.values() if signal.rule in told]

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
        place = self.of.catalogue.place(event.kind)
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


def _passed(lines: Iterable[Line]) -> bool:
    return all(line.mark is Mark.SAME for line in lines)
