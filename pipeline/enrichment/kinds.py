"""The catalogue of kinds: the defaults of each, and what it usually says."""

from dataclasses import field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from touchline.schemas.types import Kind, Name
from touchline.schemas.vocabulary import Actor, Channel, Stage
from touchline.schemas.yamlfile import FileError, YamlFile

CATALOGUE: Final = Path(__file__).with_name("kinds.yaml")
"""The catalogue that is shipped."""

OWN: Final = "own"
_CONFIG: Final = ConfigDict(extra="forbid")
_REMEMBERED: Final = 4_096


class AttributeType(StrEnum):
    """The type of an attribute. TIME is a string with an ISO 8601 time and its offset."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Placement:
    """Where a touchpoint belongs when it does not say so itself. `party`: `own` or a role of a partner."""

    channel: Channel
    stage: Stage
    party: Name
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class KindEntry(Placement):
    """One kind of the catalogue."""

    title: Annotated[str, Field(min_length=1, max_length=60)]
    description: Annotated[str, Field(min_length=1, max_length=300)]
    attributes: dict[Name, AttributeType] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class _File:
    roles: dict[Name, str]
    families: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Placement]
    kinds: dict[Kind, KindEntry]


class Found(NamedTuple):
    """What the catalogue says of a kind. `known`: it is listed itself."""

    channel: Channel
    stage: Stage
    party: str
    actor: Actor
    known: bool


class Catalogue:
    """Looks up kinds.

    Args:
        path: a catalogue file.
        own_party: the name that stands for `own`.

    Raises: FileError with line and column of each mistake.
    """

    def __init__(self, path: Path = CATALOGUE, *, own_party: str = OWN) -> None:
        file = YamlFile.read(path)
        content = file.as_type(TypeAdapter(_File))
        _check_roles(file, content)
        self.kinds: Final = {**content.kinds}
        self.roles: Final = content.roles
        self.families: Final = content.families
        self._own = own_party
        self._listed = {kind: self._found(entry, True) for kind, entry in content.kinds.items()}
        # Kinds are the publishers' words, so what is remembered of unlisted ones is bounded.
        self._unlisted = lru_cache(_REMEMBERED)(self._fall_back)

    def place(self, kind: str) -> Found:
        """The defaults of a kind: its own, those of its longest listed beginning, of its family, or of nothing."""
        return self._listed.get(kind) or self._unlisted(kind)

    def _fall_back(self, kind: str) -> Found:
        beginning = kind.rpartition(".")[0]
        while beginning:
            if entry := self.kinds.get(beginning) or self.families.get(beginning):
                return self._found(entry, False)
            beginning = beginning.rpartition(".")[0]
        return Found(Channel.OTHER, Stage.USE, self._own, Actor.CUSTOMER, False)

    def _found(self, entry: Placement, known: bool) -> Found:
        party = self._own if entry.party == OWN else entry.party
        return Found(entry.channel, entry.stage, party, entry.actor, known)


def _check_roles(file: YamlFile, content: _File) -> None:
    places = [(("families", name), entry) for name, entry in content.families.items()]
    places += [(("kinds", name), entry) for name, entry in content.kinds.items()]
    known = ", ".join(content.roles)
    wrong = [
        file.mistake((*path, "party"), f"expected a role of this file: {known}")
        for path, entry in places
        if entry.party not in content.roles
    ]
    if wrong:
        raise FileError(file.name, wrong)
