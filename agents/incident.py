"""`incident`: candidates of many customers in, incidents out."""

from touchline.agents.journey import options_of
from touchline.agents.settings import Settings
from touchline.pipeline.friction.incident import IncidentProcessor
from touchline.pipeline.friction.load import load_rules


def build(settings: Settings) -> IncidentProcessor:
    """The processor for these settings; its rules are those of `journey`.

    Raises: FileError when a rule file has mistakes."""
    journey = settings.journey
    return IncidentProcessor(load_rules(journey.rules, builtin=journey.builtin_rules), options_of(settings))
