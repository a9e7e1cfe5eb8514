"""What travels in band beside touchpoints: how far time is, and which clock a run has."""

from enum import StrEnum

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


class ClockMode(StrEnum):
    """LIVE: the broker's time bounds event time, and the wall clock moves it when nothing comes.
    LOG: only records move it (import, demo, back-test, rule tests)."""

    LIVE = "live"
    LOG = "log"


@dataclass(slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Tick:
    """How far one raw partition is. All times in milliseconds since 1970 UTC.

    `high` is the greatest event time seen (never less than in an earlier tick of the same partition). `partitions` is
    the number of raw partitions, so that a reader knows how many to wait for. `wall` is the wall clock of a live run,
    None on the log clock.
    """

    partition: int
    partitions: int
    high: int
    wall: int | None = None


@dataclass(slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Control:
    """Said to one partition of `touchpoints.raw`, by an importer. Times in milliseconds since 1970 UTC.

    `high`: history up to here has been published, so time has come this far. `clock`: from here on, this clock.
    """

    high: int | None = None
    clock: ClockMode | None = None
