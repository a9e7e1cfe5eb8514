"""Runs rule tests on the same engine as the live run, with a clock made of the tests' own events."""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from touchline.pipeline.engine.clock import HOUR, MINUTE, SECOND, from_ms, to_ms
from touchline.pipeline.engine.local import LocalRun, LocalShard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.incident import SLOT, IncidentProcessor
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor
from touchline.pipeline.friction.load import load_tested
from touchline.pipeline.friction.rules import Rule, RuleSet, named_rules
from touchline.pipeline.friction.testdiff import Line, Mark, timeline
from touchline.schemas.codec import decode_signal, encode
from touchline.schemas.control import Tick
from touchline.schemas.ruletestfile import RuleTest, RuleTestFile, TestEvent
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.wire import CANDIDATES, SIGNALS, TICK_HEADER, TOUCHPOINTS
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
    """A file of tests, and the rules that it tests: `ids`; those in force also have what they name. `lines`: where each
    test stands."""

    path: Path
    rule_file: Path
    rules: RuleSet
    ids: frozenset[str]
    tests: tuple[RuleTest, ...]
    lines: tuple[int, ...]
    catalogue: Catalogue

    def outcome(self, number: int) -> Outcome:
        """Runs one test, by its number from 0."""
        return _Runner(self, self.tests[number], self.lines[number]).outcome()

    def signals(self, number: int) -> list[Signal]:
        """What one test ends with, its events in the order written."""
        return _Runner(self, self.tests[number], self.lines[number]).signals()


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
    rules, ids = load_tested(rule_file)
    known = {rule.spec.id for rule in rules.every}
    unknown = [
        file.mistake(
            ("tests", number, "expect", place, "rule"),
            f'{rule_file} has no rule "{expected.rule}"{did_you_mean(expected.rule, known)}',
        )
        for number, test in enumerate(content.tests)
        for place, expected in enumerate(test.expect)
        if expected.rule not in known
    ]
    if unknown:
        raise FileError(file.name, unknown)
    lines = tuple(file.place(("tests", number))[0] for number in range(len(content.tests)))
    return RuleTests(path, rule_file, rules, ids, content.tests, lines, catalogue)


def untested(rules: RuleSet, files: Iterable[RuleTests], ids: Collection[str] | None = None) -> list[tuple[str, str]]:
    """The rules (those with these ids, if given) without a test that fires or without one that stays silent, and which
    of the two is missing. A test in which nothing happens that a rule waits for does not show that it stays silent."""
    shown = [_shown(rules, test) for tests in files for test in tests.tests]
    fires, silent = (frozenset().union(*(one[side] for one in shown)) for side in (0, 1))
    names = [rule.spec.id for rule in rules.every if ids is None or rule.spec.id in ids]
    return [(rule, "fires") for rule in names if rule not in fires] + [
        (rule, "stays silent") for rule in names if rule not in silent
    ]


def _shown(rules: RuleSet, test: RuleTest) -> tuple[frozenset[str], frozenset[str]]:
    """The rules of which a test expects a signal, and those that wait for its events and stay silent."""
    fires = frozenset(expected.rule for expected in test.expect)
    kinds = {event.kind for event in test.events}
    waiting = {rule.spec.id for rule in rules.every if _waits(rules, rule, kinds)}
    return fires, frozenset(waiting) - fires


def _waits(rules: RuleSet, rule: Rule, kinds: Collection[str]) -> bool:
    """Whether a rule waits for one of the kinds; a rule on rules, whether as many of those do as it needs, and a rule
    for incidents, whether one of those does that it names."""
    detector = rule.detector
    if isinstance(detector, CompositeDetector):
        return detector.holds(n for n, part in enumerate(detector.rules) if _waits(rules, rules.by_id[part], kinds))
    if any(pattern.wants(kind) for pattern in rule.patterns for kind in kinds):
        return True
    return any(_waits(rules, rules.by_id[name], kinds) for name in named_rules(rule.spec) if name in rules.by_id)


@dataclass(slots=True)
class _Runner:
    of: RuleTests
    test: RuleTest
    line: int

    def outcome(self) -> Outcome:
        shuffled, lines = 0, timeline(self.test.expect, self.signals(), self._start)
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

    def signals(self) -> list[Signal]:
        """The newest state of each signal, in the order written."""
        return self._signals(self._in_time())

    @property
    def _events(self) -> list[TestEvent]:
        return [event for written in self.test.events for event in each(written)]

    @property
    def _start(self) -> int:
        return to_ms(self.test.start or START)

    def _in_time(self) -> list[Arrival]:
        arrivals = [(e.at if e.arrives is None else e.arrives, n, e) for n, e in enumerate(self._events)]
        return sorted(arrivals, key=lambda a: a[:2])

    def _shuffled(self, seed: int) -> list[Arrival]:
        rng = random.Random(seed)  # noqa: S311
        arrivals = [(e.at + rng.randint(0, LATENESS), n, e) for n, e in enumerate(self._events)]
        return sorted(arrivals, key=lambda a: a[:2])

    def _signals(self, arrivals: Sequence[Arrival]) -> list[Signal]:
        newest: dict[str, Signal] = {}
        # What a rule of another file says, which runs for one of these that names it, is told where it is asked for.
        told = self.of.ids | {expected.rule for expected in self.test.expect}
        for record in self._said(self._log(arrivals)):
            if record.key is not None:
                signal = decode_signal(record.value or b"")
                if signal.rule in told:
                    newest[signal.signal_id] = signal
        return list(newest.values())

    def _said(self, log: Sequence[PlainRecord]) -> Iterable[Output | PlainRecord]:
        """What stands on the topic of signals in the end."""
        rules, options = self.of.rules, JourneyOptions(lateness=LATENESS)
        journey = JourneyProcessor(rules, options)
        if not rules.incidents:
            outputs = LocalShard(journey, 0, 1).process(TOUCHPOINTS, log, 0)
            return [output for output in outputs if output.topic == SIGNALS]
        lags = IncidentProcessor(rules, options).lags
        return [record for lag in sorted(set(lags.values())) for record in self._with_incidents(log, lag, lags)]

    def _with_incidents(self, log: Sequence[PlainRecord], lag: int, lags: Mapping[str, int]) -> list[PlainRecord]:
        """With the rules for incidents that are told so much later: in history that is once nothing can come before
        what they tell. They are told up to the end of the test, as if so much time had passed for them alone."""
        rules, options = self.of.rules, JourneyOptions(lateness=LATENESS)
        mine = tuple(rule for rule in rules.incidents if lags[rule.spec.id] == lag)
        rules = RuleSet(rules.rules, rules.hash, rules.tally, rules.content, mine)
        run = LocalRun([JourneyProcessor(rules, options), IncidentProcessor(rules, options)])
        for record in log:
            run.publish(TOUCHPOINTS, record.key, record.value, 0, record.headers)
        run.run(0)
        end = self.test.advance if self.test.advance is not None else max((e.at for e in self._events), default=0)
        tick = _tick(0, (self._start + end) // SLOT * SLOT + SLOT + lag)
        run.publish(CANDIDATES, None, tick.value, 0, tick.headers)
        run.run(0)
        return run.topics.all(SIGNALS)

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


def each(event: TestEvent) -> Iterable[TestEvent]:
    """The events that one stands for which is repeated."""
    repeat = event.repeat
    if repeat is None:
        yield event
        return
    for number in range(1, repeat.times + 1):
        one, later = copy(event), (number - 1) * repeat.every
        one.at += later
        one.arrives = None if event.arrives is None else event.arrives + later
        one.id, one.customer = _numbered(event.id, number), _numbered(event.customer, number)
        one.subjects = tuple(subject.replace("{n}", str(number)) for subject in event.subjects)
        yield one


def _numbered(text: str | None, number: int) -> str | None:
    return None if text is None else text.replace("{n}", str(number))


def _tick(offset: int, high: int) -> PlainRecord:
    value = encode(Tick(partition=0, partitions=1, high=high))
    return PlainRecord(offset, high, None, value, ((TICK_HEADER, b"1"),))


def _passed(lines: Iterable[Line]) -> bool:
    return all(line.mark is Mark.SAME for line in lines)
