"""`journey`: touchpoints in; friction signals, customer profiles and contexts out."""

from collections.abc import Callable

from touchline.agents.rulefollower import RuleFollower
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import Settings
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.measures.health import HealthPolicy


def build(settings: Settings) -> JourneyProcessor:
    """The processor for these settings.

    Raises: FileError when a rule file has mistakes."""
    journey = settings.journey
    return JourneyProcessor(load_rules(journey.rules, builtin=journey.builtin_rules), options_of(settings))


def options_of(settings: Settings) -> JourneyOptions:
    """The settings as options: `incident` needs the same."""
    journey = settings.journey
    return JourneyOptions(
        lateness=journey.lateness,
        source_lateness=dict(journey.source_lateness),
        customer_ttl=journey.customer_ttl,
        own_parties=frozenset({settings.enrich.own_party}),
        health=HealthPolicy(**settings.health.model_dump()),
    )


def companion(
    settings: Settings, processor: JourneyProcessor, metrics: Metrics, stop: Callable[[BaseException], None]
) -> RuleFollower:
    """Takes over rules that change while it runs."""
    return RuleFollower(settings, processor, metrics, stop)
