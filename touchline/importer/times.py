"""Times as files write them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from touchline.importer.report import RowFault

ZoneOf = Callable[[dict[str, Any]], Any]
_PLAIN = "%Y-%m-%d %H:%M:%S"


class TimeReader:
    """Reads times in the first format that fits; a time without an offset is local to the row's zone.

    A local time that a clock change skips or repeats is read with the offset before the change (PEP 495, fold 0).
    """

    def __init__(self, formats: Sequence[str], zone: ZoneOf | None) -> None:
        self._formats = formats
        self._parsers = [_parser(form) for form in formats]
        self._zone = zone

    def read(self, value: Any, row: dict[str, Any]) -> datetime:
        """An aware time.

        Raises: RowFault."""
        for parse in self._parsers:
            try:
                time = parse(value)
            except (ValueError, OverflowError, OSError, TypeError):
                continue
            return time if time.tzinfo is not None else time.replace(tzinfo=self._zone_of(row))
        raise RowFault(f"{_short(value)} is no time of the form {' or '.join(self._formats)}")

    def _zone_of(self, row: dict[str, Any]) -> ZoneInfo:
        if self._zone is None:
            raise RowFault("the time has no offset: say `zone:` in the map")
        name = self._zone(row)
        if name is None:
            raise RowFault("the time has no offset, and the row's zone is empty")
        try:
            return ZoneInfo(str(name))
        except (KeyError, ValueError, OSError):
            raise RowFault(f"{_short(name)} is no time zone of the IANA database") from None


def _parser(form: str) -> Callable[[Any], datetime]:
    if form == "iso":
        return datetime.fromisoformat
    if form == "epoch_s":
        return lambda value: datetime.fromtimestamp(float(value), UTC)
    if form == "epoch_ms":
        return lambda value: datetime.fromtimestamp(float(value) / 1_000, UTC)
    slow = lru_cache(4_096)(lambda text: datetime.strptime(text, form))  # noqa: DTZ007  # the zone comes after
    if form == _PLAIN:
        # The commonest pattern is ISO when it is written out in full, which is read thirty times faster.
        return lambda text: datetime.fromisoformat(text) if len(text) == 19 and text[10] == " " else slow(text)
    return slow


def _short(value: Any) -> str:
    text = str(value)
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'
