"""The kinds, attributes and types of subjects that an import map makes: the words of somebody's own data."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from touchline.pipeline.enrichment.kinds import AttributeType, KindEntry
from touchline.schemas.mapfile import Input, MapFile, TouchpointMap
from touchline.schemas.mapvalues import As, Constant, Hole, Pick, split_template
from touchline.schemas.vocabulary import Actor, Channel, Stage

_TYPES: Final = {
    As.TEXT: AttributeType.STRING,
    As.NUMBER: AttributeType.NUMBER,
    As.INTEGER: AttributeType.INTEGER,
    As.BOOLEAN: AttributeType.BOOLEAN,
    As.TIME: AttributeType.TIME,
}
_TEXT_FILES: Final = (".csv", ".tsv", ".tab")


@dataclass(slots=True)
class MadeKinds:
    """`kinds`: with the attributes whose types the map tells. `words`: types of subjects, and attributes that may be of
    any type (NDJSON keeps what stands there)."""

    kinds: dict[str, KindEntry] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)

    def add(self, whole: MapFile) -> None:
        """Adds what a map makes."""
        for source in whole.inputs:
            for entry in source.touchpoints:
                attributes = {name: _type(pick, source) for name, pick in entry.attributes.items()}
                self.words.update(name for name, found in attributes.items() if found is None)
                self.words.update(_subject_types(entry))
                known = {name: found for name, found in attributes.items() if found is not None}
                for kind in _kinds(entry):
                    before = self.kinds[kind].attributes if kind in self.kinds else {}
                    self.kinds[kind] = _entry(kind, whole.name, before | known)


def _entry(kind: str, name: str, attributes: dict[str, AttributeType]) -> KindEntry:
    return KindEntry(
        channel=Channel.OTHER,
        stage=Stage.USE,
        party="own",
        actor=Actor.CUSTOMER,
        title=kind[:60],
        description=f"Made by the map {name}.",
        attributes=attributes,
    )


def _kinds(entry: TouchpointMap) -> Iterator[str]:
    """The kinds that are written out; those made of a column are known when rows are."""
    pick = entry.kind
    written = list(pick.map.values()) if pick.map else [] if pick.holes else [pick.template]
    yield from (value for value in (*written, pick.default) if isinstance(value, str) and value)


def _subject_types(entry: TouchpointMap) -> Iterator[str]:
    for template in entry.subjects:
        before, colon, _ = template.partition(":")
        if colon and "{" not in before:
            yield before


def _type(pick: Pick, source: Input) -> AttributeType | None:
    """The type of a value; None when the row tells."""
    if pick.type is not None:
        return _TYPES[pick.type]
    if pick.map is not None or not pick.template:
        return _constants([*(pick.map or {}).values(), pick.constant, pick.default])
    parts = split_template(pick.template)
    if len(parts) == 1 and isinstance(parts[0], Hole) and not parts[0].filters:
        return _of_column(parts[0].column, source)
    return AttributeType.STRING


def _of_column(column: str, source: Input) -> AttributeType | None:
    taken = next((join.take[column] for join in source.join if column in join.take), None)
    if taken is None:
        return AttributeType.STRING if _is_text(source) else None
    return AttributeType.NUMBER if taken.sum or taken.count else None


def _is_text(source: Input) -> bool:
    """Whether every column of the files is text."""
    if source.format is not None:
        return source.format != "ndjson"
    return source.files.lower().removesuffix(".gz").endswith(_TEXT_FILES)


def _constants(values: list[Constant]) -> AttributeType | None:
    found = {type(value) for value in values if value is not None}
    if found == {bool}:
        return AttributeType.BOOLEAN
    if found == {str}:
        return AttributeType.STRING
    return AttributeType.NUMBER if found and found <= {int, float} else None
