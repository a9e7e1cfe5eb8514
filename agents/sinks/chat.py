"""Messages into a channel of Slack or Teams, by an incoming webhook. Its URL is the key to it.

Neither knows repeats. What an answer means is in `touchline.agents.sinks.http`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from touchline.agents.sinks.clock import Now, system_now
from touchline.agents.sinks.http import Line, Poster, usual
from touchline.pipeline.outreach.adapter import Parcel, SendResult
from touchline.schemas.outreach import Message

Kind = Literal["slack", "teams"]

_HEADERS: Final = {"content-type": "application/json"}
_LONGEST: Final = 6_000
"""Characters. Teams takes 28 KB in all; nobody reads more in a chat."""


class ChatAdapter:
    """Posts the text of a message. The recipient is the channel behind the URL.

    Raises: ValueError when the URL is none.
    """

    idempotent: Final = False

    def __init__(self, kind: Kind, url: str, line: Line, now: Now = system_now, *, name: str | None = None) -> None:
        self.name = name or kind
        self._body = _BODIES[kind]
        self._poster = Poster(url, line, repeatable=False, now=now)

    async def send(self, parcel: Parcel) -> SendResult:
        """Tries once."""
        message = parcel.message or Message(to="", subject="", text=f"{parcel.what}: {parcel.parcel_id}")
        return await self._poster.ask(msgspec.json.encode(self._body(message)), _HEADERS, usual)

    async def close(self) -> None:
        """Closes the connections that are kept."""
        await self._poster.close()


def _slack(message: Message) -> dict[str, Any]:
    subject = f"*{_plain(message.subject)}*\n" if message.subject else ""
    return {"text": subject + _plain(_cut(message.text))}


def _plain(text: str) -> str:
    """Slack reads these three as its own marks: a name must not become a link, or call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(message: Message) -> dict[str, Any]:
    title = {"type": "TextBlock", "text": message.subject, "weight": "bolder", "wrap": True}
    blocks = [title] if message.subject else []
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [*blocks, {"type": "TextBlock", "text": _cut(message.text), "wrap": True}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


_BODIES: Final[Mapping[Kind, Callable[[Message], dict[str, Any]]]] = {"slack": _slack, "teams": _teams}
