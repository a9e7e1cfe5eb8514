"""One entry of a map, compiled: a row becomes a touchpoint, is left out, or fails."""

from datetime import datetime
from hashlib import sha1
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import msgspec

from touchline.importer.conditions import Check, compile_when
from touchline.importer.files import NOT_UTF8, Row
from touchline.importer.report import RowFault
from touchline.importer.times import TimeReader
from touchline.importer.values import Getter, as_text, compile_pick, compile_template, compile_text
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.enrichment.identity import customer_key
from touchline.pipeline.intake.errors import InvalidEvent
from touchline.pipeline.intake.formats import Intake
from touchline.schemas.mapfile import MapFile, ScoreMap, TouchpointMap
from touchline.schemas.mapvalues import Pick
from touchline.schemas.types import EARLIEST, LATEST

NAMESPACE: Final = uuid5(NAMESPACE_URL, "touchline:import")
"""Of the ids of rows that have none of their own. Never change it: a second import must give the same ids."""

Fields = list[tuple[str, Getter]]

_NAMESPACE_BYTES: Final = NAMESPACE.bytes
_PARSE: Final = Intake().parse
_ENCODE: Final = msgspec.json.Encoder().encode
_TEXTS: Final = ("kind", "source", "channel", "stage", "party", "actor", "text")
_NUMBERS: Final = ("wait_seconds", "duration_seconds")


class Made(NamedTuple):
    """A touchpoint as it goes on the wire. `at` in milliseconds since 1970 UTC."""

    at: int
    key: bytes
    value: bytes


class Named(NamedTuple):
    """A touchpoint with its source and id."""

    identity: tuple[str, str]
    touchpoint: Made


class TouchpointMaker:
    """Makes the touchpoint that one entry of the map says. `place`: the entry's number in its input."""

    def __init__(self, entry: TouchpointMap, whole: MapFile, place: int) -> None:
        self.kind = entry.kind.template or str(entry.kind.constant)
        self._check: Check | None = compile_when(entry.when) if entry.when else None
        zone = entry.zone or whole.zone
        self._times = TimeReader(entry.times or whole.times, compile_pick(zone) if zone else None)
        self._at = compile_template(entry.at)
        self._id = compile_template(entry.id) if entry.id else None
        self._stem = f"{whole.name}\x1f{place}"
        self._fields = _fields(entry, whole, self._times)
        self._may_be_none = entry.kind.map is not None and entry.kind.has_default and entry.kind.default is None
        self._needed = [("kind", "kind", self.kind)]
        if entry.customer is not None and not entry.identifiers:
            self._needed.append(("customer", "customer_id", entry.customer.template))

    @property
    def names_ids(self) -> bool:
        """Whether the map makes the ids, so that they may repeat."""
        return self._id is not None

    def make(self, row: Row, file: str, number: int) -> Named | None:
        """The touchpoint of a row; None when the condition or the look-up of its kind leaves it out. `file` and
        `number` name the row.

        Raises: RowFault."""
        if self._check is not None and not self._check(row):
            return None
        fields = _present(self._fields, row)
        if "kind" not in fields and self._may_be_none:
            return None
        for field, wire, template in self._needed:
            if wire not in fields:
                raise RowFault(f"{field}: {template} is empty")
        time = self._time(row)
        fields["occurred_at"] = time.isoformat()
        fields["event_id"] = event_id = self._event_id(row, file, number)
        return Named((fields["source"], event_id), _on_the_wire(fields, to_ms(time)))

    def _time(self, row: Row) -> datetime:
        at = self._at(row)
        if at is None:
            raise RowFault("at: is empty (is a condition missing, such as `when: {column: {present: true}}`?)")
        try:
            time = self._times.read(at, row)
        except RowFault as fault:
            raise RowFault(f"at: {fault}") from None
        if not EARLIEST <= time < LATEST:
            raise RowFault(f"at: {time:%Y-%m-%d} lies outside the years 1970 to 2199")
        return time

    def _event_id(self, row: Row, file: str, number: int) -> str:
        if self._id is None:
            return row_id(f"{self._stem}\x1f{file}\x1f{number}")
        value = self._id(row)
        if value is None:
            raise RowFault("id: is empty")
        return as_text(value)


def row_id(name: str) -> str:
    """`str(uuid5(NAMESPACE, name))` (RFC 9562, 5.5), written out: the library's takes a tenth of an import's time."""
    digits = sha1(_NAMESPACE_BYTES + name.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def _fields(entry: TouchpointMap, whole: MapFile, times: TimeReader) -> Fields:
    """How each field of the touchpoint is got from a row, except its time and its id."""
    picks: dict[str, Pick | None] = {name: getattr(entry, name) for name in (*_TEXTS, *_NUMBERS)}
    picks["customer_id"] = entry.customer
    picks["source"] = entry.source or whole.source
    fields: Fields = [] if picks["source"] else [("source", lambda _row: whole.name)]
    for name, pick in picks.items():
        if pick is not None:
            fields.append((name, _seconds(pick) if name in _NUMBERS else compile_text(pick)))
    if entry.identifiers:
        fields.append(("identifiers", _group([(name, compile_text(pick)) for name, pick in entry.identifiers.items()])))
    if entry.subjects:
        fields.append(("subjects", _list([compile_template(template) for template in entry.subjects])))
    if entry.attributes:
        picked = [(name, compile_pick(pick, times)) for name, pick in entry.attributes.items()]
        fields.append(("attributes", _group(picked)))
    if entry.score:
        fields.append(("score", _score(entry.score)))
    return fields


def _present(fields: Fields, row: Row) -> dict[str, Any]:
    """The fields that a row has something for.

    Raises: RowFault with the field's name before the reason."""
    found: dict[str, Any] = {}
    name = ""
    try:
        for name, get in fields:
            value = get(row)
            if value is not None:
                found[name] = value
    except RowFault as fault:
        raise RowFault(f"{name}: {fault}") from None
    return found


def _group(fields: Fields) -> Getter:
    return lambda row: _present(fields, row)


def _list(getters: list[Getter]) -> Getter:
    return lambda row: [as_text(value) for get in getters if (value := get(row)) is not None]


def _seconds(pick: Pick) -> Getter:
    get = compile_pick(pick)
    return lambda row: _as_number(get(row))


def _score(score: ScoreMap) -> Getter:
    get = compile_pick(score.value)
    fixed: dict[str, Any] = {"scale": score.scale}
    if score.upper is not None:
        fixed["upper"] = score.upper
    if score.low_is_good:
        fixed["low_is_good"] = True

    def make(row: Row) -> dict[str, Any] | None:
        value = _as_number(get(row))
        return None if value is None else fixed | {"value": value}

    return make


def _as_number(value: Any) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (ValueError, TypeError):
        raise RowFault(f'"{as_text(value)[:40]}" is no number') from None


def _on_the_wire(fields: dict[str, Any], at: int) -> Made:
    """Encodes, and reads it back as `enrich` will."""
    try:
        value = _ENCODE(fields)
        touchpoint = _PARSE(value)
    except UnicodeEncodeError:
        raise RowFault(NOT_UTF8) from None
    except InvalidEvent as error:
        raise RowFault(f"{error.field}: {error.message}" if error.field else error.message) from None
    return Made(at, customer_key(touchpoint.customer_id, touchpoint.identifiers).encode(), value)
