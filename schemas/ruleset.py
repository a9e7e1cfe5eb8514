"""A whole set of rules as it is published to all workers."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from touchline.schemas.types import Time


@dataclass(slots=True, kw_only=True, frozen=True, config=ConfigDict(extra="forbid"))
class RuleText:
    """One file of rules. `name` is what its mistakes are told with. A rule of a `builtin` file gives way to one with
    the same id in the others."""

    name: str
    text: str
    builtin: bool = False


@dataclass(slots=True, kw_only=True, frozen=True, config=ConfigDict(extra="forbid"))
class PublishedRules:
    """Rules for every worker, on the compacted topic `rules`, which has one partition and one key: the newest record
    holds, as a whole. `hash` names the set as it was compiled by who published it."""

    hash: str
    published_at: Time
    files: tuple[RuleText, ...]
