"""Touchpoints as the warehouse holds them, read back as the rules see them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from touchline.pipeline.engine.clock import HOUR, MINUTE, SECOND, from_ms
from touchline.schemas.touchpoint import EnrichedTouchpoint, Score
from touchline.schemas.types import Scalar
from touchline.schemas.vocabulary import Actor, Channel, ScoreScale, Stage

ROWS_A_PIECE: Final = 50_000
"""So many rows are read at once, as far as hours and minutes allow: a reader's query may return a million."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
_WORDS: Final = {"true": True, "false": False}


def pieces(hours: Iterable[tuple[int, int]], *, rows: int = ROWS_A_PIECE) -> Iterator[tuple[int, int]]:
    """Ranges of time to read one after the other, as first second and the first one that is not part of it.

    Args:
        hours: the hours that have touchpoints, in order: their first second, and how many.
        rows: what a range may hold; a single minute may hold more."""
    hour, minute = HOUR // SECOND, MINUTE // SECOND
    begin = end = held = 0
    for first, found in hours:
        if held and held + found > rows:
            yield begin, end
            held = 0
        if found > rows:
            # Nobody knows how they lie within the hour: a minute is the shortest read.
            yield from ((at, at + minute) for at in range(first, first + hour, minute))
            continue
        begin = begin if held else first
        end, held = first + hour, held + found
    if held:
        yield begin, end


def touchpoint_of(row: Sequence[Any]) -> EnrichedTouchpoint:
    """The touchpoint in a row of `sql/history_touchpoints.sql`. Identifiers and what is personal are not stored; the
    types of attributes are read from their text, see `scalar`."""
    at, source, event_id, customer, kind, channel, stage, party, actor, subjects, text, sentiment = row[:12]
    scale, score, upper, low_is_good, wait, duration, attributes, received, late = row[12:]
    return EnrichedTouchpoint(
        event_id=event_id,
        source=source,
        occurred_at=from_ms(at),
        kind=kind,
        customer=customer,
        channel=Channel(channel),
        stage=Stage(stage),
        party=party,
        actor=Actor(actor),
        subjects=tuple(subjects),
        text=text,
        sentiment=sentiment,
        score=None if not scale else Score(scale=ScoreScale(scale), value=score, upper=upper, low_is_good=low_is_good),
        wait_seconds=wait,
        duration_seconds=duration,
        attributes=scalars(attributes),
        received_at=from_ms(received),
        raw_partition=0,
        raw_offset=0,
        late_seconds=late,
    )


def scalars(attributes: Mapping[str, str]) -> dict[str, Scalar]:
    """Attributes with the types that their texts show."""
    return {name: scalar(text) for name, text in attributes.items()}


def scalar(text: str) -> Scalar:
    """`12.5` as a number, `true` as true, everything else as text. The warehouse holds attributes as text, so a text
    that looks like a number comes back as one; with a leading zero, as order numbers have it, it stays text."""
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text) is None:
        return text
    return float(text) if "." in text or "e" in text or "E" in text else int(text)
