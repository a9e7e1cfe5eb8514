"""Where the customers of an experiment and what happened to them come from: the warehouse, or files.

HistoryError     a file can't be read, or a line of it is no decision; the message says where
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from touchline.agents.settings import Settings, WarehouseSettings
from touchline.agents.sinks.clickhouse import Connection
from touchline.agents.sinks.upkeep import connected
from touchline.backtest.run import history_run, work_off
from touchline.backtest.sources import HistoryError, Lines, OnProgress
from touchline.pipeline.backtest.filters import EventFilter, Outcome
from touchline.pipeline.engine.clock import MINUTE, SECOND, to_ms
from touchline.pipeline.measures.uplift import Assigned, Enrolment, Tally, merged
from touchline.pipeline.warehouse.history import touchpoint_of
from touchline.pipeline.warehouse.sqlfiles import statement
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Arm, Route
from touchline.schemas.vocabulary import Outcome as Decided

RAMP: Final = "ramp"
"""Why a message to a treated customer may be missing that would have gone later: they count as treated all the same."""

_CUSTOMERS_A_PORTION: Final = 100_000
_EVENTS_A_PORTION: Final = 300_000
"""So many at the most are read at once, about: a reader's query may return a million rows."""

_ARMS: Final = (Arm.TREATED, Arm.HELD_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked. `experiment` and `rule` None: of each. `until`: what came later is not looked at. `observed`: what
    was decided in observe mode counts too; as nobody is treated then, its uplift must be none."""

    outcome: Outcome
    experiment: str | None = None
    rule: str | None = None
    until: datetime | None = None
    observed: bool = False

    @property
    def events(self) -> EventFilter:
        """The events that are looked for, or that are to be missing."""
        found = self.outcome.events or self.outcome.missing
        if found is None:
            raise ValueError("an outcome of an experiment is an event")
        return found

    def wants(self, experiment: str, rule: str) -> bool:
        """Whether a decision belongs to it."""
        return self.experiment in (None, experiment) and self.rule in (None, rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The tallies by experiment and rule. `until`: up to when what happened is known, in milliseconds, which is
    how far touchpoints go; None without any. `observed`: decisions with an arm that do not count because nothing was
    delivered, of all customers alike. `left_out`: what of the input can't be used, by reason."""

    source: str
    tallies: Mapping[tuple[str, str], Tally]
    until: int | None
    observed: int
    left_out: Mapping[str, int] = field(default_factory=dict)


class _Decision(msgspec.Struct):
    """What is read of a decision."""

    customer: str
    rule: str
    outcome: Decided
    at: datetime
    signal_at: datetime
    observed: bool = False
    observed_by: str = ""
    experiment: str = ""
    arm: Arm = Arm.NONE
    route: Route = Route.CUSTOMER


class _Record(msgspec.Struct):
    """A decision as `touchline tail decisions --json` prints it."""

    value: _Decision | None


_decode: Final = msgspec.json.Decoder(_Decision).decode
_decode_record: Final = msgspec.json.Decoder(_Record).decode


def from_files(
    settings: Settings, decisions: Sequence[Path], touchpoints: Sequence[Path], asked: Asked, on_progress: OnProgress
) -> Found:
    """Decisions as the topic `outreach.decisions` holds them or as `tail` prints them, touchpoints as published or
    enriched; a line of JSON each.

    Raises: HistoryError."""
    enrolment, observed = Enrolment(), 0
    for decision in _decisions(decisions):
        if asked.until is not None and decision.at > asked.until:
            continue
        if decision.arm in _ARMS and asked.wants(decision.experiment, decision.rule):
            if decision.observed and decision.observed_by != RAMP and not asked.observed:
                observed += 1
                continue
            enrolment.take(_assigned(decision))
    for decision in _decisions(decisions):
        if decision.outcome is Decided.SENT and not decision.observed and decision.route is not Route.OWNER:
            enrolment.message(decision.customer, to_ms(decision.at))
    events = asked.events

    def look(event: EnrichedTouchpoint, at: int) -> None:
        if event.customer in enrolment and events.fits(event):
            enrolment.outcome(event.customer, at)

    run, source = history_run(settings, [], look), Lines(touchpoints)
    work_off(source, run, on_progress)
    left_out = {name.removeprefix("rejected."): n for name, n in run.counts.items() if name.startswith("rejected.")}
    names = ", ".join(path.name for path in (*decisions, *touchpoints))
    return _found(names, [enrolment], asked, run.until, observed, left_out)


def _assigned(decision: _Decision) -> Assigned:
    at, signal_at = to_ms(decision.at), to_ms(decision.signal_at)
    return Assigned(decision.experiment, decision.rule, decision.customer, decision.arm, at, signal_at)


def _decisions(files: Sequence[Path]) -> Iterator[_Decision]:
    for path in files:
        try:
            with path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip() and (decision := _decision(line, f"{path}:{number}")) is not None:
                        yield decision
        except OSError as error:
            raise HistoryError(f"{path} can't be read: {error.strerror}") from None


def _decision(line: bytes, where: str) -> _Decision | None:
    with suppress(msgspec.DecodeError):
        return _decode_record(line).value
    try:
        found = _decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise HistoryError(f"{where} is no decision: {error}. `touchline tail decisions --json` prints some") from None
    if found.at.tzinfo is None or found.signal_at.tzinfo is None:
        raise HistoryError(f"{where} is no decision: its times have no offset from UTC")
    return found


def from_warehouse(settings: WarehouseSettings, asked: Asked, on_progress: OnProgress) -> Found:
    """The facts of the environment, as the read-only user sees them, in portions of customers.

    Raises: Retry, Fatal."""
    with connected(settings, plain=True) as connection:
        wanted: dict[str, object] = {
            "experiment": asked.experiment or "",
            "rule": asked.rule or "",
            "observed": int(asked.observed),
            "until": 2**32 - 1 if asked.until is None else int(asked.until.timestamp()),
        }
        customers, first, last, observed, newest = connection.query(statement("uplift_span"), wanted).rows[0]
        portions = _portions(connection, asked, wanted, (customers, first, last), on_progress)
        name = f"warehouse {settings.host}:{settings.port}"
        return _found(name, portions, asked, newest or None, observed, {})


def _portions(
    connection: Connection,
    asked: Asked,
    wanted: Mapping[str, object],
    span: tuple[int, int, int],
    on_progress: OnProgress,
) -> Iterator[Enrolment]:
    customers, first, last = span
    if not customers:
        return
    kinds = asked.events.pattern.kinds
    looked = {
        **wanted,
        "kinds": [kind for kind in kinds if not kind.endswith(".*")] or [""],
        "prefixes": [kind[:-1] for kind in kinds if kind.endswith(".*")] or ["-"],
        "first": first // SECOND,
        "last": min((last + asked.outcome.within + MINUTE) // SECOND, 2**32 - 1),
    }
    events = connection.query(statement("uplift_count"), looked).rows[0][0]
    parts = max(1, -(-customers // _CUSTOMERS_A_PORTION), -(-events // _EVENTS_A_PORTION))
    for part in range(parts):
        on_progress("read", part, parts)
        yield _portion(connection, asked.events, {**looked, "parts": parts, "part": part})
    on_progress("read", parts, parts)


def _portion(connection: Connection, events: EventFilter, looked: Mapping[str, object]) -> Enrolment:
    enrolment = Enrolment()
    for experiment, rule, customer, arm, at, signal_at in connection.query(statement("uplift_arms"), looked).rows:
        enrolment.take(Assigned(experiment, rule, customer, Arm(arm), at, signal_at))
    for customer, at in connection.query(statement("uplift_messages"), looked).rows:
        enrolment.message(customer, at)
    for row in connection.query(statement("uplift_touchpoints"), looked).rows:
        event = touchpoint_of(row)
        if events.fits(event):
            enrolment.outcome(event.customer, to_ms(event.occurred_at))
    return enrolment


def _found(
    source: str,
    portions: Sequence[Enrolment] | Iterator[Enrolment],
    asked: Asked,
    newest: int | None,
    observed: int,
    left_out: Mapping[str, int],
) -> Found:
    until = newest if asked.until is None or newest is None else min(newest, to_ms(asked.until))
    missing = asked.outcome.missing is not None
    tallies = merged(portion.tallies(asked.outcome.within, until or 0, missing=missing) for portion in portions)
    return Found(source=source, tallies=tallies, until=until, observed=observed, left_out=left_out)
