"""The event of a trial: from a file, the input or the command line, with what may be left out filled in."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.enrichment.identity import customer_key

SOURCE = "trial"


class EventError(Exception):
    """The event can't be read; the message says where and why."""


@dataclass(frozen=True, slots=True)
class TrialEvent:
    """An event as it would be published. `key` is what a publisher would take; `at` its time in milliseconds, None
    when it has none that can be read."""

    value: bytes
    key: bytes | None
    at: int | None


def read_event(given: str) -> TrialEvent:
    """An event from a path, from `-` (the input), or from JSON itself.

    An object without `event_id`, `source` or `occurred_at` gets them, so that it can be written by hand; whatever else
    is wrong with it is for the pipeline to say.

    Raises: EventError."""
    if given.lstrip().startswith("{"):
        return _event(given.encode(), "the event")
    if not given.strip():
        raise EventError('name a file, or write the event: {"kind": "ticket.reopened", "customer_id": "c-1"}')
    if given == "-":
        return _event(sys.stdin.buffer.read(), "the input")
    try:
        return _event(Path(given).read_bytes(), given)
    except OSError as error:
        raise EventError(f"{given} can't be read: {error.strerror}") from None


def read_history(path: Path) -> Iterator[TrialEvent]:
    """The events of an NDJSON file, as they stand.

    Raises: EventError with the line that is no JSON object."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _as_it_is(_object(line, f"{path}:{number}"), line.strip())
    except OSError as error:
        raise EventError(f"{path} can't be read: {error.strerror}") from None


def _event(text: bytes, name: str) -> TrialEvent:
    fields = _object(text, name)
    if "specversion" in fields:
        raise EventError(f"{name} is a CloudEvent: publish it with `touchline publish`, or try what is in its data")
    filled = {
        "event_id": str(uuid4()),
        "source": SOURCE,
        "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **fields,
    }
    return _as_it_is(filled, msgspec.json.encode(filled))


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise EventError(f"{name} is no JSON: {_why(text) or error}") from None
    if not isinstance(fields, dict):
        raise EventError(f"{name} is no JSON object")
    return fields


def _why(text: bytes) -> str:
    """Why a text is no JSON, with line and column; empty when only the stricter reader could say."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
    except (UnicodeDecodeError, RecursionError, ValueError):
        return ""
    return "a number is NaN, infinite or too large: write null, or leave the field out"


def _as_it_is(fields: dict[str, Any], value: bytes) -> TrialEvent:
    try:
        key = customer_key(fields.get("customer_id"), fields.get("identifiers") or {}).encode()
    except (ValueError, TypeError, AttributeError):
        key = None
    try:
        at = to_ms(datetime.fromisoformat(str(fields["occurred_at"])))
    except (KeyError, ValueError, TypeError):
        at = None
    return TrialEvent(value, key, at)
