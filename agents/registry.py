"""Which agents there are, and their logic, imported when it is needed: a worker loads what it runs and nothing else."""

import importlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from types import ModuleType
from typing import Any, Final, cast

from touchline.agents.settings import Settings
from touchline.pipeline.engine.processor import Processor

AGENTS: Final = ("enrich", "journey", "incident", "outreach", "desk", "deliver", "warehouse")
"""In the order of the flow."""

API: Final = "api"
"""A process beside the agents: it reads what they write, and has no state of its own."""


class UnknownAgentError(Exception):
    """There is no agent of that name. The message lists those that there are."""


def build(agent: str, settings: Settings) -> Processor[Any]:
    """An agent's processor, from the `build` of `touchline.agents.<agent>`.

    Raises: UnknownAgentError; what the agent's own `build` raises for its settings."""
    return cast("Callable[[Settings], Processor[Any]]", _module(agent).build)(settings)


def companion(
    agent: str, settings: Settings, processor: Processor[Any], *more: Any
) -> AbstractAsyncContextManager[object]:
    """What an agent needs beside its shards, held while they work: the `companion` of its module, or nothing. `more`:
    the metrics, and what ends the worker with an error."""
    make = getattr(_module(agent), "companion", None)
    return nullcontext() if make is None else make(settings, processor, *more)


def _module(agent: str) -> ModuleType:
    if agent not in AGENTS:
        raise UnknownAgentError(f'there is no agent "{agent}"; there are {", ".join(AGENTS)}')
    return importlib.import_module(f"touchline.agents.{agent}")
