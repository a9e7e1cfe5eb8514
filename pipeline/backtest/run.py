"""Runs history through the processors of the live run, in memory and on the log clock: signals come out.

Time is what the history says: nothing of the wall clock gets in, so years pass in seconds, and what the rules wait for
goes off when it would have gone off then.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from touchline.pipeline.backtest.outreach import CACHED, OutreachTrial
from touchline.pipeline.engine.clock import SECOND, to_ms
from touchline.pipeline.engine.local import LocalShard, passing_shard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.enrichment.processor import TICK_RECORDS, EnrichProcessor
from touchline.pipeline.friction.incident import SLOT, IncidentProcessor
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor
from touchline.pipeline.friction.rules import RuleSet
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.schemas.codec import decode_touchpoint, encode
from touchline.schemas.control import Control, Tick
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Polarity, Scope, Severity, SignalStatus
from touchline.schemas.wire import (
    CANDIDATES,
    CONTROL_HEADER,
    CUSTOMERS,
    INCIDENTS,
    RAW,
    SIGNALS,
    TICK_HEADER,
    TOUCHPOINTS,
)

BATCH: Final = 4_000
_CONTROL: Final = ((CONTROL_HEADER, b"1"),)
_TICK: Final = ((TICK_HEADER, b"1"),)

Look = Callable[[EnrichedTouchpoint, int], None]
"""Sees each touchpoint as the rules see it, and its time in milliseconds, in the order of arrival."""


class _Said(msgspec.Struct):
    """What is read of a signal's revision."""

    signal_id: str
    revision: int
    status: SignalStatus
    rule: str
    polarity: Polarity
    severity: Severity
    owner: str
    customer: str
    group: str
    at: datetime
    raised_at: datetime
    evidence: str
    events: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    scope: Scope = Scope.CUSTOMER
    values: dict[str, str | int | float | bool | None] = {}


_decode_said: Final = msgspec.json.Decoder(_Said).decode


@dataclass(slots=True, kw_only=True)
class PastSignal:
    """A signal of history. Times in milliseconds since 1970 UTC: `at` is when the friction became true, as it stands in
    the end; `raised_at` when it was first told. `status`, `revision` and `evidence` are the last, `events` those of the
    first revision: what was known when it was raised. Of an incident `customers` are those affected; a customer who
    was told that it may reach them next has a signal of the rule `<rule>.exposed`."""

    signal_id: str
    rule: str
    polarity: Polarity
    severity: Severity
    owner: str
    customer: str
    group: str
    at: int
    raised_at: int
    status: SignalStatus
    revision: int
    evidence: str
    events: tuple[str, ...]
    subjects: tuple[str, ...]
    scope: Scope = Scope.CUSTOMER
    customers: int = 1

    @property
    def stands(self) -> bool:
        """Whether it was not disproved by a late event."""
        return self.status is not SignalStatus.RETRACTED


@dataclass(slots=True)
class Trial:
    """One set of rules on its way through history: its signals by id, and what its agent counted."""

    shard: LocalShard
    incident: LocalShard | None = None
    lag: int = 0
    outreach: OutreachTrial | None = None
    signals: dict[str, PastSignal] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: RuleSet, options: JourneyOptions, outreach: OutreachProcessor | None = None) -> "Trial":
        """For a set of rules; the agent `incident` works only where one is about incidents, and outreach only where it
        is asked for."""
        told = None if outreach is None else OutreachTrial.of(outreach)
        unread = frozenset({CUSTOMERS} if told is None else ())
        shard = passing_shard(JourneyProcessor(rules, options), CACHED, unread)
        if not rules.incidents:
            return cls(shard, outreach=told)
        incident = IncidentProcessor(rules, options)
        lag = max(incident.lags.values()) + options.lateness
        return cls(shard, passing_shard(incident, CACHED), lag, told)

    @property
    def counts(self) -> dict[str, int]:
        """As `touchline_events_total` of the agent `journey`."""
        return self.shard.counts

    def process(self, records: Sequence[PlainRecord]) -> None:
        """Hands over a batch of `touchpoints`."""
        self._follow(self.shard.process(TOUCHPOINTS, records, 0))

    def finish(self, until: int) -> None:
        """Tells of the incidents up to a time as well, which are told once nothing can come before them, and of whom
        they may reach next."""
        incident = self.incident
        if incident is not None:
            slot = until - until % SLOT + SLOT
            tick = encode(Tick(partition=0, partitions=1, high=slot + self.lag))
            self._follow(incident.process(CANDIDATES, [PlainRecord(0, 0, None, tick, _TICK)], 0))
            while self.shard.has_work:
                self._follow(self.shard.process(TOUCHPOINTS, (), 0))

    def _follow(self, outputs: Sequence[Output]) -> None:
        """Hears what was said, and hands on what is between the agents."""
        candidates, incidents = list[PlainRecord](), list[PlainRecord]()
        for output in outputs:
            if output.topic == SIGNALS and output.key is not None:
                self._heard(_decode_said(output.value or b""))
            elif output.topic in (CANDIDATES, INCIDENTS):
                record = PlainRecord(0, 0, output.key, output.value, output.headers)
                (candidates if output.topic == CANDIDATES else incidents).append(record)
        self.shard.changelog.clear()  # a back-test is not continued
        if self.outreach is not None:
            self.outreach.process(outputs)
        if self.incident is not None and candidates:
            self._follow(self.incident.process(CANDIDATES, candidates, 0))
            self.incident.changelog.clear()
        if incidents:
            self._follow(self.shard.process(INCIDENTS, incidents, 0))

    def _heard(self, said: _Said) -> None:
        known = self.signals.get(said.signal_id)
        if known is not None:
            known.at, known.status, known.revision = to_ms(said.at), said.status, said.revision
            known.evidence, known.customers = said.evidence, int(said.values.get("customers") or known.customers)
            return
        exposed = said.scope is Scope.CUSTOMER and "incident" in said.values
        self.signals[said.signal_id] = PastSignal(
            signal_id=said.signal_id,
            rule=f"{said.rule}.exposed" if exposed else said.rule,
            polarity=said.polarity,
            severity=said.severity,
            owner=said.owner,
            customer=said.customer,
            group=said.group,
            at=to_ms(said.at),
            raised_at=to_ms(said.raised_at),
            status=said.status,
            revision=said.revision,
            evidence=said.evidence,
            events=said.events,
            subjects=said.subjects,
            scope=said.scope,
            customers=int(said.values.get("customers") or 1),
        )


class HistoryRun:
    """History in, signals out. Several sets of rules may see the same history in one run.

    `since` and `until`: the least and the greatest time, in milliseconds, None before the first touchpoint. `too_late`:
    touchpoints that came later than their lateness allows, so that they open nothing.

    Args:
        enrich: for what is still raw; on the log clock, with one partition.
        sets: the sets of rules.
        options: of the agent `journey`.
        look: sees every touchpoint.
        outreach: decides on the signals, on the log clock; None: nobody does.
    """

    def __init__(
        self,
        enrich: EnrichProcessor,
        sets: Sequence[RuleSet],
        options: JourneyOptions,
        look: Look,
        outreach: OutreachProcessor | None = None,
    ) -> None:
        self.trials = [Trial.of(rules, options, outreach) for rules in sets]
        self.since: int | None = None
        self.until: int | None = None
        self.too_late = 0
        self._options = options
        self._times = array("q")
        self._enrich = LocalShard(enrich, 0, 1)
        self._look = look
        self._raw: list[PlainRecord] = []
        self._ready: list[PlainRecord] = []
        self._offset = 0
        self._ticked: int | None = None
        self._since_tick = 0

    @property
    def counts(self) -> dict[str, int]:
        """What the agent `enrich` counted: enriched, duplicates, rejected by code."""
        return self._enrich.counts

    @property
    def touchpoints(self) -> int:
        """How many there were, without duplicates and rejected ones."""
        return len(self._times)

    def middle(self) -> int | None:
        """The time by which half of the touchpoints had happened; None without any."""
        return sorted(self._times)[len(self._times) // 2] if self._times else None

    def raw(self, value: bytes) -> None:
        """Takes a touchpoint as it was published."""
        self._raw.append(PlainRecord(self._next(), 0, None, value))
        if len(self._raw) >= BATCH:
            self._work_off_raw()

    def enriched(self, event: EnrichedTouchpoint) -> None:
        """Takes a touchpoint that `enrich` has worked off before; its `late_seconds` counts."""
        event.raw_partition, event.raw_offset = 0, self._next()
        at = to_ms(event.occurred_at)
        self._seen(event, at)
        self._ready.append(PlainRecord(event.raw_offset, 0, event.customer.encode(), encode(event)))
        self._since_tick += 1
        high = self.until or at
        if self._since_tick >= TICK_RECORDS and (self._ticked is None or high - self._ticked >= SECOND):
            self._tick(high)
        if len(self._ready) >= BATCH:
            self._work_off()

    def finish(self) -> None:
        """Works off the rest and says that time has come as far as the last touchpoint, as an import does. What the
        rules wait for beyond that stays open."""
        if self._raw:
            self._work_off_raw()
        if self.until is None:
            return
        if self._enrich.counts:
            control = PlainRecord(self._next(), 0, None, encode(Control(high=self.until)), _CONTROL)
            self._raw.append(control)
            self._work_off_raw()
        self._tick(self.until)
        self._work_off()
        for trial in self.trials:
            trial.finish(self.until)

    def _next(self) -> int:
        self._offset += 1
        return self._offset - 1

    def _tick(self, high: int) -> None:
        self._ticked, self._since_tick = high, 0
        value = encode(Tick(partition=0, partitions=1, high=high))
        self._ready.append(PlainRecord(self._offset, 0, None, value, _TICK))

    def _work_off_raw(self) -> None:
        outputs = self._enrich.process(RAW, self._raw, 0)
        self._enrich.changelog.clear()
        self._raw = []
        self._ready.extend(self._record(output) for output in outputs if output.topic == TOUCHPOINTS)
        self._work_off()

    def _record(self, output: Output) -> PlainRecord:
        if not output.headers:
            event = decode_touchpoint(output.value or b"")
            self._seen(event, to_ms(event.occurred_at))
        return PlainRecord(0, 0, output.key, output.value, output.headers)

    def _seen(self, event: EnrichedTouchpoint, at: int) -> None:
        self._times.append(at)
        if event.late_seconds:
            lateness = self._options.source_lateness.get(event.source, self._options.lateness)
            self.too_late += event.late_seconds * SECOND > lateness
        self.since = at if self.since is None or at < self.since else self.since
        self.until = at if self.until is None or at > self.until else self.until
        self._look(event, at)

    def _work_off(self) -> None:
        for trial in self.trials:
            trial.process(self._ready)
        self._ready = []
