"""Bodies of requests with places for a message: `{to}`, `{text}`, `{subject}`, `{id}`, `{channel}`, `{locale}`.

Places are filled after the body was taken apart, value by value, so that nothing in a message can become part of the
request's form. Braces that are meant are doubled.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from touchline.pipeline.outreach.adapter import Parcel

PLACES: Final = ("to", "text", "subject", "id", "channel", "locale")
_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class BadTemplate(ValueError):
    """A value with a brace that is none of the places."""


def places_in(value: object) -> frozenset[str]:
    """The places in a value and all that is in it.

    Raises: BadTemplate."""
    found = set()
    for text in _texts(value):
        for token in _TOKEN.finditer(text):
            if token[0] in {"{{", "}}"}:
                continue
            if token[1] not in PLACES:
                known = ", ".join(f"{{{name}}}" for name in PLACES)
                raise BadTemplate(
                    f'"{token[0][:20]}" is no place for a part of a message; there are {known}. Braces are doubled'
                )
            found.add(token[1])
    return frozenset(found)


def filled(value: Any, parts: Mapping[str, str]) -> Any:
    """The value with its places filled."""
    if isinstance(value, Mapping):
        return {key: filled(inner, parts) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [filled(inner, parts) for inner in value]
    if isinstance(value, str):
        return _TOKEN.sub(lambda token: token[0][0] if token[1] is None else parts[token[1]], value)
    return value


def parts_of(parcel: Parcel) -> dict[str, str]:
    """What is put into the places."""
    message = parcel.message
    return {
        "id": parcel.parcel_id,
        "channel": parcel.channel.value,
        "to": "" if message is None else message.to,
        "text": "" if message is None else message.text,
        "subject": "" if message is None else message.subject,
        "locale": "" if message is None else message.locale or "",
    }


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
