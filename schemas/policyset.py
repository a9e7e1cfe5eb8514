"""What stands on the topic `policies`: the policies of all workers as they are published, and what is stopped."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.ruleset import RuleText
from touchline.schemas.types import ID, Time

MAX_NOTE: Final = 500
"""The longest note of a stop, in characters."""

_CONFIG = ConfigDict(extra="forbid")


@dataclass(slots=True, kw_only=True, frozen=True, config=_CONFIG)
class PublishedPolicies:
    """Policies for every worker, under the one key `policies`: the newest record holds, as a whole. `hash` names them
    as they were compiled by who published them; `files` are texts as those of rules are."""

    hash: str
    published_at: Time
    files: tuple[RuleText, ...]


@dataclass(slots=True, kw_only=True, frozen=True, config=_CONFIG)
class Stop:
    """An immediate stop, under the key `stop/<rule>`: of what is decided about the rule (`*`: about every one) nothing
    is sent any more, nor what waits to be sent. A tombstone lifts it. Each has a key of its own, so that two people who
    stop something at the same time both do."""

    rule: ID
    at: Time
    note: Annotated[str, Field(max_length=MAX_NOTE)] = ""
