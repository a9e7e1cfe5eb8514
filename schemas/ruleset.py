"""A whole set of rules as it is published to all workers."""

import hashlib
import json
from collections.abc import Iterable

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from touchline.schemas.types import Time


@dataclass(slots=True, kw_only=True, frozen=True, config=ConfigDict(extra="forbid"))
class RuleText:
    """One file of rules, or of policies. `name` is what its mistakes are told with. What stands in a `builtin` file
    gives way to what has the same id in the others."""

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


def content_of(texts: Iterable[RuleText]) -> str:
    """Names what was read, to the letter: sixteen hex digits."""
    whole = json.dumps([(one.name, one.text, one.builtin) for one in texts])
    return hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()
