"""`journey`: touchpoints in, friction signals and customer profiles out."""

from touchline.agents.settings import Settings
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor
from touchline.pipeline.friction.load import load_rules


def build(settings: Settings) -> JourneyProcessor:
    """The processor for these settings.

    Raises: FileError when a rule file has mistakes."""
    journey = settings.journey
    options = JourneyOptions(
        lateness=journey.lateness,
        source_lateness=dict(journey.source_lateness),
        customer_ttl=journey.customer_ttl,
        own_parties=frozenset({settings.enrich.own_party}),
    )
    return JourneyProcessor(load_rules(journey.rules, builtin=journey.builtin_rules), options)
