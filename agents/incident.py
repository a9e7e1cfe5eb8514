"""`incident`: candidates of many customers in, incidents out."""

from collections.abc import Callable

from touchline.agents.journey import options_of
from touchline.agents.rulefollower import RuleFollower
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import Settings
from touchline.pipeline.friction.incident import IncidentProcessor
from touchline.pipeline.friction.load import load_rules


def build(settings: Settings) -> IncidentProcessor:
    """The processor for these settings; its rules are those of `journey`.

    Raises: FileError when a rule file has mistakes."""
    journey = settings.journey
    return IncidentProcessor(load_rules(journey.rules, builtin=journey.builtin_rules), options_of(settings))


def companion(
    settings: Settings, processor: IncidentProcessor, metrics: Metrics, stop: Callable[[BaseException], None]
) -> RuleFollower:
    """Takes over rules that change while it runs."""
    return RuleFollower(settings, processor, metrics, stop)
