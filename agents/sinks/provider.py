"""Messages by a provider's HTTP interface, such as those for SMS and WhatsApp: what it wants is in the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from touchline.agents.sinks.clock import Now, system_now
from touchline.agents.sinks.http import Answer, Line, Poster, usual
from touchline.agents.sinks.template import filled, parts_of, places_in
from touchline.pipeline.outreach.adapter import Bounce, Parcel, SendResult, SendStatus


@dataclass(frozen=True, slots=True)
class Meanings:
    """What the provider's status codes mean; what is in none of them means the usual. `bounced`: there is no such
    recipient. `bounced_words`: the same, said in the body of an answer that refuses."""

    sent: frozenset[int] = frozenset()
    retry: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    bounced: frozenset[int] = frozenset()
    bounced_words: tuple[str, ...] = ()

    def judge(self, answer: Answer) -> SendResult:
        """How a try ended that was answered so."""
        status, words = answer.status, f"the server answered {answer.status}"
        if status in self.bounced or (self._refuses(status) and self._names_no_recipient(answer.body)):
            return SendResult(SendStatus.FAILED, words, bounce=Bounce.HARD)
        if status in self.sent:
            return SendResult(SendStatus.SENT)
        if status in self.retry:
            return SendResult(SendStatus.RETRY, words, answer.retry_after, down=status >= 500)
        if status in self.failed:
            return SendResult(SendStatus.FAILED, words)
        return usual(answer)

    def reads(self, status: int) -> bool:
        """Whether the body of such an answer says more than its status."""
        return bool(self.bounced_words) and self._refuses(status)

    def _refuses(self, status: int) -> bool:
        if status in self.failed:
            return True
        return 400 <= status < 500 and status not in self.retry and status not in self.sent

    def _names_no_recipient(self, body: bytes) -> bool:
        text = body.decode("utf-8", "replace")
        return any(words in text for words in self.bounced_words)


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider is asked, and how. `json` or `form`: the body, with places for the parts of a message.
    `idempotency_header`: where the provider takes a key by which it knows a repeat; the delivery's id is put there.
    `idempotent`: it knows a repeat by `{id}` in the body."""

    url: str
    method: Literal["POST", "PUT"] = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    idempotency_header: str | None = None
    idempotent: bool = False
    meanings: Meanings = Meanings()


class ProviderAdapter:
    """Hands messages to a provider.

    Raises: ValueError when the URL or a body is none.
    """

    def __init__(self, provider: Provider, line: Line, now: Now = system_now, *, name: str = "http") -> None:
        self.name = name
        self.idempotent = provider.idempotent or provider.idempotency_header is not None
        places_in(provider.form if provider.json is None else provider.json)
        self._provider = provider
        self._poster = Poster(provider.url, line, repeatable=self.idempotent, now=now)
        kind = "application/json" if provider.form is None else "application/x-www-form-urlencoded"
        self._headers = {"content-type": kind, "accept": "application/json", **_lowered(provider.headers)}

    async def send(self, parcel: Parcel) -> SendResult:
        """Tries once."""
        provider, parts = self._provider, parts_of(parcel)
        headers = self._headers
        if provider.idempotency_header is not None:
            headers = {**headers, provider.idempotency_header: parcel.parcel_id}
        if provider.form is None:
            body = msgspec.json.encode(filled(provider.json, parts))
        else:
            body = urlencode(filled(provider.form, parts)).encode()
        meanings = provider.meanings
        return await self._poster.ask(body, headers, meanings.judge, method=provider.method, reads=meanings.reads)

    async def close(self) -> None:
        """Closes the connections that are kept."""
        await self._poster.close()


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
