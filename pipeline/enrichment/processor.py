"""The logic of `enrich`: raw records in; enriched touchpoints, dead letters and ticks out.

Every record ends as exactly one of: enriched, duplicate, rejected, or a control record.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from pydantic import TypeAdapter, ValidationError

from touchline.pipeline.engine.clock import MINUTE, SECOND, from_ms, to_ms
from touchline.pipeline.engine.records import Batch, Outbox, Output, Record, header
from touchline.pipeline.engine.reject import MAX_REJECTED_BYTES, Refusal, reject
from touchline.pipeline.engine.ticks import send_tick
from touchline.pipeline.enrichment.assemble import Assembler
from touchline.pipeline.enrichment.dedupe import event_hash
from touchline.pipeline.enrichment.state import WINDOW, EnrichState, Progress
from touchline.pipeline.intake.errors import InvalidEvent
from touchline.pipeline.intake.formats import Intake
from touchline.schemas.codec import encode
from touchline.schemas.control import ClockMode, Control, Tick
from touchline.schemas.rejection import RejectCode
from touchline.schemas.types import EARLIEST, LATEST
from touchline.schemas.wire import CONTROL_HEADER, RAW, TOUCHPOINTS

_log = logging.getLogger(__name__)

TICK_RECORDS: Final = 64
"""A tick follows at least so many records after the last one that records caused."""

_MANY_PARTITIONS: Final = 16
_EARLIEST: Final = to_ms(EARLIEST)
_LATEST: Final = to_ms(LATEST) - 1
_CONTROL: Final = TypeAdapter(Control)
_LIVE: Final = ClockMode.LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichPolicy:
    """What is set. Times in milliseconds. `partitions`: of the topic `touchpoints`. `clock`: the one at the start.

    An event more than `future_tolerance` ahead of its arrival is refused, on the live clock. `reject_share`: see
    `Refused`. `max_rejected_bytes`: what `touchpoints.rejected` takes.
    """

    partitions: int
    clock: ClockMode = ClockMode.LIVE
    future_tolerance: int = 5 * MINUTE
    duplicate_ids: int = 1_000_000
    duplicate_age: int = 24 * 60 * MINUTE
    reject_share: float = 0.5
    max_rejected_bytes: int = MAX_REJECTED_BYTES


@dataclass(slots=True)
class _Counts:
    """What became of a batch's records."""

    enriched: int = 0
    duplicates: int = 0
    controls: int = 0
    unknown_kind: int = 0
    alarms: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


class EnrichProcessor:
    """See the module. Counts `seen` = `enriched` + `duplicates` + `controls` + all `rejected.<code>`; beside them
    `unknown_kind` and `reject_alarm`."""

    inputs: Sequence[str] = (RAW,)

    def __init__(self, policy: EnrichPolicy, intake: Intake, assembler: Assembler) -> None:
        self.policy = policy
        self.intake = intake
        self.assembler = assembler

    def new_state(self) -> EnrichState:
        """Empty state."""
        return EnrichState(self.policy.clock, self.policy.duplicate_ids, self.policy.duplicate_age)

    def process(self, batch: Batch, state: EnrichState, out: Outbox) -> None:
        """Takes in raw records; an empty batch on the live clock ticks with the wall clock."""
        run = _Run(self, batch, state, out)
        if batch.records:
            for record in batch.records:
                run.take(record)
            run.finish()
        elif state.progress.clock is ClockMode.LIVE:
            run.idle()


class _Run:
    """One batch on its way through."""

    __slots__ = ("_assembler", "_batch", "_counts", "_intake", "_out", "_policy", "_progress", "_rise", "_state")

    def __init__(self, processor: EnrichProcessor, batch: Batch, state: EnrichState, out: Outbox) -> None:
        self._policy = processor.policy
        self._intake = processor.intake
        self._assembler = processor.assembler
        self._batch = batch
        self._state = state
        self._progress: Progress = state.progress
        self._out = out
        self._counts = _Counts()
        self._rise = SECOND if batch.partitions <= _MANY_PARTITIONS else 10 * SECOND

    def take(self, record: Record) -> None:
        """Brings one record to its end."""
        progress = self._progress
        arrived = self._batch.arrived(record)
        if not _EARLIEST <= arrived <= _LATEST:
            # A producer's own timestamp can be anything; what is stored must be a time.
            arrived = min(max(arrived, _EARLIEST), _LATEST)
        progress.arrived = max(progress.arrived, arrived)
        progress.since += 1
        rejected = False
        try:
            if record.headers and header(record, CONTROL_HEADER) is not None:
                self._control(record, arrived)
            else:
                self._event(record, arrived)
        except InvalidEvent as error:
            rejected = True
            self._reject(record, error, arrived)
        # A window without any rejection stays one, wherever its ring begins.
        if (rejected or progress.refused.count) and progress.refused.record(rejected, self._policy.reject_share):
            self._alarm()
        if progress.since >= TICK_RECORDS:
            high, ticked = progress.high, progress.ticked
            if high is not None and (ticked is None or high - ticked >= self._rise):
                self._tick()

    def _event(self, record: Record, arrived: int) -> None:
        touchpoint = self._intake.touchpoint(record)
        progress = self._progress
        occurred = to_ms(touchpoint.occurred_at)
        live = progress.clock is _LIVE
        if live and occurred > arrived + self._policy.future_tolerance:
            ahead = (occurred - arrived) // SECOND
            message = f"lies {ahead} s ahead of its arrival; {self._policy.future_tolerance // SECOND} s are allowed"
            raise InvalidEvent(RejectCode.FUTURE_TIME, "occurred_at", message)
        if not self._state.seen.add(event_hash(touchpoint.source, touchpoint.event_id), progress.arrived):
            self._counts.duplicates += 1
            return
        high = progress.high
        late = 0.0 if high is None or occurred >= high else (high - occurred) / SECOND
        bounded = min(occurred, arrived) if live else occurred
        if high is None or bounded > high:
            progress.high = bounded
        enriched, known = self._assembler.enriched(
            touchpoint, _time_of(arrived), self._batch.partition, record.offset, late
        )
        self._counts.enriched += 1
        self._counts.unknown_kind += not known
        self._out.records.append(Output(TOUCHPOINTS, enriched.customer.encode(), encode(enriched)))

    def _control(self, record: Record, arrived: int) -> None:
        control = _read_control(record)
        progress = self._progress
        progress.clock = control.clock or progress.clock
        if control.high is not None:
            high = min(control.high, arrived) if progress.clock is ClockMode.LIVE else control.high
            progress.high = high if progress.high is None else max(high, progress.high)
        self._counts.controls += 1
        if progress.high is not None:
            self._tick()

    def _tick(self) -> None:
        """Tells every partition how far the records have come."""
        progress = self._progress
        progress.ticked, progress.since = progress.high, 0
        if progress.high is not None:
            self._send(progress.high)

    def idle(self) -> None:
        """Tells every partition that nothing came up to now."""
        # What records moved stays apart, so that whether a later event is late is no matter of the wall clock.
        self._send(max(self._progress.high or 0, self._batch.now))
        self._state.cell.touch()

    def _send(self, high: int) -> None:
        progress, batch = self._progress, self._batch
        progress.told = high if progress.told is None else max(high, progress.told)
        tick = Tick(
            partition=batch.partition,
            partitions=batch.partitions,
            high=progress.told,
            wall=batch.now if progress.clock is ClockMode.LIVE else None,
        )
        for partition in range(self._policy.partitions):
            send_tick(self._out, TOUCHPOINTS, partition, tick)

    def _reject(self, record: Record, error: InvalidEvent, arrived: int) -> None:
        rejected = self._counts.rejected
        rejected[error.code] = rejected.get(error.code, 0) + 1
        reject(
            self._out,
            RAW,
            self._batch.partition,
            record,
            Refusal(error.code, error.field, error.message),
            arrived,
            max_bytes=self._policy.max_rejected_bytes,
        )

    def _alarm(self) -> None:
        self._counts.alarms += 1
        share = self._progress.refused.count / WINDOW
        _log.error(
            f"{share:.0%} of the last {WINDOW} records of {RAW}, partition {self._batch.partition}, were rejected: "
            "see what the publisher changed (touchline rejected list)",
            extra={"topic": RAW, "partition": self._batch.partition, "share": share, "window": WINDOW},
        )

    def finish(self) -> None:
        """Hands the counts over and marks the state as changed."""
        self._state.cell.touch()
        counts, out = self._counts, self._out
        out.count("seen", len(self._batch.records))
        for what, n in (
            ("enriched", counts.enriched),
            ("duplicates", counts.duplicates),
            ("controls", counts.controls),
            ("unknown_kind", counts.unknown_kind),
            ("reject_alarm", counts.alarms),
            *((f"rejected.{code}", n) for code, n in counts.rejected.items()),
        ):
            if n:
                out.count(what, n)


def _read_control(record: Record) -> Control:
    try:
        control = _CONTROL.validate_json(record.value or b"", strict=True)
    except ValidationError:
        message = 'expected {"high": milliseconds since 1970, "clock": "live" or "log"}, both optional'
        raise InvalidEvent(RejectCode.BAD_CONTROL, "", message) from None
    if control.high is not None and not _EARLIEST <= control.high <= _LATEST:
        raise InvalidEvent(RejectCode.BAD_CONTROL, "high", "lies outside the years 1970 to 2199")
    return control


@lru_cache(maxsize=64)
def _time_of(ms: int) -> datetime:
    # A broker stamps what it appends together with one time.
    return from_ms(ms)
