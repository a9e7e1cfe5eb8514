"""How friction turns into complaints in the simulated world, and the record of what really happened."""

from dataclasses import dataclass
from random import Random
from typing import Final

from touchline.pipeline.engine.clock import HOUR


@dataclass(frozen=True, slots=True)
class Model:
    """`complains`: the share of customers who complain when nobody reaches out; `reached`: the share when somebody
    does. The time until they do is log-normal with this median in hours."""

    complains: float
    reached: float
    median_hours: float
    topic: str


MODELS: Final = {
    "promise_broken": Model(0.50, 0.20, 44, "delivery"),
    "checkout_abandoned": Model(0.16, 0.06, 14, "payment"),
    "repeated_contact": Model(0.45, 0.20, 16, "service"),
    "channel_hopping": Model(0.35, 0.18, 12, "service"),
    "self_service_failed": Model(0.14, 0.07, 18, "service"),
    "long_wait": Model(0.24, 0.12, 10, "service"),
    "ticket_reopened": Model(0.40, 0.16, 20, "service"),
    "bad_score_unanswered": Model(0.30, 0.12, 72, "product"),
}
"""By the id of the built-in rule that should notice it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One line of the side file. Times in ISO 8601, UTC.

    `complains` and `complains_if_reached` are the two worlds, drawn with the same number: whether this customer
    complains about this when nobody reaches out before, and when somebody does. `reached` says which of the two is in
    the stream, and `complained_at` when they complained there. `would_complain_at` is when they do unless they are
    prevented. `friction` None: a complaint out of the blue.
    """

    customer: str
    episode: str
    friction: str | None
    at: str
    subject: str | None
    probability: float
    probability_if_reached: float
    complains: bool
    complains_if_reached: bool
    reached: bool
    would_complain_at: str | None
    complained_at: str | None


@dataclass(frozen=True, slots=True)
class Fate:
    """What chance says about one friction: a number against the two probabilities, and the time (ms) to a complaint."""

    topic: str
    odds: float
    odds_if_reached: float
    chance: float
    delay: int


def fate_of(random: Random, model: Model, patience: float) -> Fate:
    """Always takes the same amount of chance, so that both worlds stay alike in everything else.

    Patience 0.4 is the average customer; with 0.9 they complain half as often."""
    factor = 1.4 - patience
    return Fate(
        topic=model.topic,
        odds=min(0.95, model.complains * factor),
        odds_if_reached=min(0.95, model.reached * factor),
        chance=random.random(),
        delay=int(random.lognormvariate(0, 0.8) * model.median_hours * HOUR),
    )
