"""Health is a function of the final signals and of time: any order of arrival within the lateness, any split into
batches and any restart end in what an oracle says that shares no code with it.

Histories are those of `test_order`, under several rules at once with drawn severities and polarities.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.friction.oracle import ChainMeaning, Event, Found
from tests.friction.support import LATENESS, START, Run, tick
from tests.friction.test_order import DRAWN, PARTITIONS, Case, arrivals, cases, history, is_live
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, to_ms
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.measures.health import HealthPolicy
from touchline.schemas.codec import decode_context
from touchline.schemas.context import CustomerContext
from touchline.schemas.wire import CONTEXT

COSTS = {"low": 3.0, "medium": 8.0, "high": 19.0, "critical": 41.0}
DELIGHT = 6.0
HALF_LIFE = 9 * HOUR
STEP = 4
POLICY = HealthPolicy(
    low=3.0, medium=8.0, high=19.0, critical=41.0, delight=DELIGHT, half_life=HALF_LIFE, step=STEP,
)  # fmt: skip
CARING = ("medium", "high", "critical")
END = START + 241 * MINUTE
KINDS = [("friction", severity) for severity in COSTS] + [("delight", "low"), ("need", "high")]


@dataclass(frozen=True)
class Ruled:
    """A rule, and what its signals are."""

    case: Case
    polarity: str
    severity: str

    @property
    def cost(self) -> float:
        return {"friction": COSTS[self.severity], "delight": -DELIGHT, "need": 0.0}[self.polarity]


def text_of(ruled: Sequence[Ruled]) -> str:
    parts = []
    for number, one in enumerate(ruled):
        body = one.case.yaml.split("rules:\n", 1)[1].replace("- id: r\n", f"- id: r{number}\n", 1)
        parts.append(f"{body.rstrip()}\n  polarity: {one.polarity}\n  severity: {one.severity}\n")
    return "schema: friction/1\nrules:\n" + "".join(parts)


class Truth:
    """What the relationship is at a time when all events are known, computed from the oracles' crossings."""

    def __init__(self, ruled: Sequence[Ruled], events: Sequence[Event]) -> None:
        self._ruled, self._events = ruled, events

    def crossings(self, now: int) -> list[tuple[Ruled, Found]]:
        return [(one, found) for one in self._ruled for found in one.case.meaning.found(self._events, now - LATENESS)]

    def at(self, now: int) -> tuple[float, bool, int, bool]:
        """The health before it is rounded; care; how many are open; whether there is anything to tell."""
        standing = [one for one, found in self.crossings(now) if found.end == "open"]
        fading = [
            one.cost * 2.0 ** -((now - found.closed) / HALF_LIFE)
            for one, found in self.crossings(now)
            if found.end != "open" and found.closed is not None
        ]
        counted = sorted((left for left in fading if abs(left) > 0.1 * (1 + 1e-10)), key=abs)[-8:]
        missing = sum(one.cost for one in standing) + sum(counted)
        care = any(one.polarity == "friction" and one.severity in CARING for one in standing)
        return 100.0 - missing, care, len(standing), bool(standing or counted)


def is_health(told: int, value: float) -> bool:
    """Whether a published number is the value rounded: a half may go either way."""
    return abs(told - min(100.0, max(0.0, value))) <= 0.5 + 1e-6


def contexts(run: Run) -> list[CustomerContext | None]:
    return [None if o.value is None else decode_context(o.value) for o in run.outputs if o.topic == CONTEXT]


def ticks(high: int, seed: int) -> list[Any]:
    wall = START if is_live(seed) else None
    return [tick(high, partition, PARTITIONS, wall) for partition in range(PARTITIONS)]


def check(ruled: Sequence[Ruled], drawn: Sequence[Any], seed: int) -> None:
    events, rng, text = history(drawn, seed), random.Random(seed), text_of(ruled)
    truth = Truth(ruled, events)
    options = JourneyOptions(lateness=LATENESS, health=POLICY)
    steps = [END + rng.randint(0, 12 * 60) * MINUTE * n for n in range(6)] + [END + n * DAY for n in range(1, 25)]
    for _ in range(2):
        log: list[Any] = arrivals(events, seed, END, rng)
        whole, pieces = Run(text, options).feed(*log), Run(text, options)
        while log:
            size = rng.randint(1, 8)
            pieces.feed(*log[:size])
            del log[:size]
            if rng.random() < 0.3:
                pieces.shard.restart()
        assert pieces.outputs == whole.outputs
        for now in sorted(steps):
            whole.feed(*ticks(now, seed))
            holds(contexts(whole), truth, now)
        for now in sorted(rng.sample(steps, 10)):
            pieces.shard.restart()
            pieces.feed(*ticks(now, seed))
        pieces.feed(*ticks(max(steps), seed))
        assert contexts(pieces) == contexts(whole)
        for before, context in pairwise(contexts(whole)):
            if before is not None and context is not None:
                assert before.at <= context.at
                assert context.revision == before.revision + 1
        for context in contexts(whole):
            if context is not None and to_ms(context.at) > END + LATENESS:
                value, care, open_count, _ = truth.at(to_ms(context.at))
                assert is_health(context.health, value), (context, value)
                assert (context.care, context.open_count) == (care, open_count)


def holds(found: Sequence[CustomerContext | None], truth: Truth, now: int) -> None:
    """What was published last is at no time further from the truth than a step, and care is never wrong."""
    value, care, open_count, any_left = truth.at(now)
    health = min(100.0, max(0.0, value))
    newest = found[-1] if found else None
    if newest is None:
        # Gone when nothing is left; or never told, because what opened and ended at once moved it by less than a step.
        assert not any_left if found else (not care and not open_count and health > 100 - STEP - 0.5)
        return
    assert any_left
    assert abs(newest.health - health) < STEP + 0.5
    assert (newest.care, newest.open_count) == (care, open_count)


RULED = st.lists(
    st.builds(lambda case, kind: Ruled(case, *kind), cases(), st.sampled_from(KINDS)), min_size=1, max_size=3
)
_SETTINGS: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@settings(max_examples=80, **_SETTINGS)
@given(RULED, DRAWN, st.integers(0, 2**32))
def test_any_order_of_arrival_ends_in_the_same_health(ruled: Any, drawn: Any, seed: int) -> None:
    check(ruled, drawn, seed)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=1_000, **_SETTINGS)
@given(RULED, DRAWN, st.integers(0, 2**32))
def test_a_thousand_orders_of_arrival(ruled: Any, drawn: Any, seed: int) -> None:
    check(ruled, drawn, seed)


def test_the_oracle_tells_two_histories_apart() -> None:
    """A check that could not fail would be none."""
    resolve = "  resolve: {event: d.four}"
    yaml = f"""
schema: friction/1
rules:
- id: r
  owner: care
  stage: support
  detect: {{match: {{event: a.one}}}}
  expires: 900m
{resolve}
  evidence: "x"
  action: act
"""
    drawn = [(10, 0, "a.one", "web", 1, None, 1, None), (60, 0, "d.four", "web", 1, None, 1, None)]
    meaning = ChainMeaning(
        0, 900 * MINUTE, lambda e: e.kind == "d.four", steps=(lambda e: e.kind == "a.one",), within=0
    )
    check([Ruled(Case(yaml, meaning), "friction", "high")], drawn, 1)
    for wrong in (("friction", "critical"), ("delight", "low")):
        run = Run(text_of([Ruled(Case(yaml, meaning), "friction", "high")]), JourneyOptions(LATENESS, health=POLICY))
        run.feed(*arrivals(history(drawn, 1), 1, END, random.Random(1)))
        truth = Truth([Ruled(Case(yaml, meaning), *wrong)], history(drawn, 1))
        with pytest.raises(AssertionError):
            holds(contexts(run), truth, END)
