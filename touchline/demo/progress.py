"""How far each stage is: what its inputs were given, against what it has committed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from touchline.client.ends import TopicEnds
from touchline.pipeline.engine.processor import Problem
from touchline.schemas.wire import (
    CANDIDATES,
    CUSTOMERS,
    DECISIONS,
    DELIVERIES,
    INCIDENTS,
    NOTICES,
    RAW,
    REQUESTS,
    SIGNALS,
    STAFF,
    TASKS,
    TOUCHPOINTS,
)
from touchline.up import Environment, health

INPUTS: Final = {
    "enrich": (RAW,),
    "journey": (TOUCHPOINTS, INCIDENTS),
    "incident": (CANDIDATES,),
    "outreach": (SIGNALS, CUSTOMERS, INCIDENTS, DELIVERIES),
    "desk": (REQUESTS, STAFF),
    "deliver": (DECISIONS,),
    "warehouse": (TOUCHPOINTS, SIGNALS, DECISIONS, DELIVERIES, TASKS, NOTICES),
}
"""What each agent reads, in the order of the flow."""

TOPICS: Final = (
    RAW, TOUCHPOINTS, SIGNALS, CANDIDATES, INCIDENTS, CUSTOMERS, DECISIONS, DELIVERIES, REQUESTS, STAFF, TASKS, NOTICES,
)  # fmt: skip
_POLL: Final = 0.25
_QUIET: Final = 12.0
"""Seconds without any movement, and without lag, after which a restarted process (which counts anew) is through."""


class DemoFailed(Problem):
    """The run can't come to its end; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One agent: records committed, and records given."""

    agent: str
    done: int
    given: int
    lag: int = 0

    @property
    def through(self) -> bool:
        """Whether everything given so far is worked off."""
        return self.done >= self.given


@dataclass(slots=True)
class _Still:
    """Since when nothing has moved."""

    seen: Sequence[Stage] = ()
    since: float = field(default_factory=time.monotonic)

    def seconds(self, stages: Sequence[Stage]) -> float:
        if tuple(stages) != tuple(self.seen):
            self.seen, self.since = tuple(stages), time.monotonic()
        return time.monotonic() - self.since


def stages(environment: Environment, ends: TopicEnds) -> list[Stage]:
    """How far every agent of the environment is.

    What was done is asked before what was given: asked the other way round, a stage that was through by then could
    have handed on more than the next one is measured by."""
    told = [(agent.name, health.metrics(agent.port) or []) for agent in environment.agents]
    given = ends.records()
    return [
        Stage(
            name,
            health.total(samples, "touchline_records_total"),
            sum(given[topic] for topic in INPUTS[name]),
            health.total(samples, "touchline_lag_records"),
        )
        for name, samples in told
    ]


def wait_until_through(
    environment: Environment,
    ends: TopicEnds,
    show: Callable[[Sequence[Stage]], None],
    *,
    limit: float,
) -> list[Stage]:
    """Waits until every stage has worked off what it was given.

    A process that crashed and was started again counts from nought: then it is through when nothing has moved for a
    while and the broker says that it is not behind.

    Raises: DemoFailed when nothing has moved for `limit` seconds, or the agents have stopped."""
    still = _Still()
    while True:
        if environment.ended is not None:
            raise DemoFailed(f"the agents have stopped.\n{environment.log_tail()}")
        now = stages(environment, ends)
        show(now)
        if all(stage.through for stage in now):
            return now
        quiet = still.seconds(now)
        if quiet > _QUIET and all(stage.lag == 0 and stage.done for stage in now) and not environment.not_ready():
            return now
        if quiet > limit:
            behind = ", ".join(f"{s.agent} ({s.done:,} of {s.given:,})" for s in now if not s.through)
            raise DemoFailed(f"nothing has moved for {limit:.0f} s; not through: {behind}.\n{environment.log_tail()}")
        time.sleep(_POLL)
