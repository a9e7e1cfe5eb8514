"""Which agents there are, and their logic, imported when it is needed: a worker loads what it runs and nothing else."""

import importlib
from collections.abc import Callable
from typing import Any, Final, cast

from touchline.agents.settings import Settings
from touchline.pipeline.engine.processor import Processor

AGENTS: Final = ("enrich", "journey", "outreach", "deliver", "warehouse")
"""In the order of the flow."""


class UnknownAgentError(Exception):
    """There is no agent of that name. The message lists those that there are."""


def build(agent: str, settings: Settings) -> Processor[Any]:
    """An agent's processor, from the `build` of `touchline.agents.<agent>`.

    Raises: UnknownAgentError; what the agent's own `build` raises for its settings."""
    if agent not in AGENTS:
        raise UnknownAgentError(f'there is no agent "{agent}"; there are {", ".join(AGENTS)}')
    module = importlib.import_module(f"touchline.agents.{agent}")
    return cast("Callable[[Settings], Processor[Any]]", module.build)(settings)
