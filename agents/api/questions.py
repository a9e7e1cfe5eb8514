"""`GET /v1/customers/{id}/context`: what other systems ask while they deal with a customer."""

import re
import time
from collections.abc import Callable
from typing import Final
from zlib import crc32

from aiohttp import web

from touchline.agents.api.following import Follower
from touchline.agents.api.keys import Keys, key_in
from touchline.agents.api.view import neutral
from touchline.pipeline.engine.clock import from_ms
from touchline.schemas.codec import encode

PATH: Final = "/v1/customers/{customer}/context"
AS_OF: Final = "Touchline-As-Of"
"""The header with the time by which everything that had been published is in the answer."""

_CUSTOMER: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_JSON: Final = "application/json"
_KNOWN: Final = (b',"known":false,"as_of":', b',"known":true,"as_of":')


class Questions:
    """Answers from the view of a follower. `asked` is told the name of the key of each question."""

    def __init__(self, follower: Follower, keys: Keys, asked: Callable[[str], None]) -> None:
        self._follower = follower
        self._keys = keys
        self._asked = asked

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Adds the route."""
        router.add_get(PATH, self.context)

    async def context(self, request: web.Request) -> web.Response:
        """The answer about one customer."""
        refused = self._refusal(request)
        if refused is not None:
            return refused
        customer = request.match_info["customer"]
        if not _CUSTOMER.fullmatch(customer):
            return refusal(400, "bad_customer", "an id has 1 to 128 characters, none of them a control character")
        view, as_of = self._follower.view, from_ms(self._follower.as_of)
        if view is None:
            return refusal(503, "catching_up", "not everything was read yet: ask again", {"Retry-After": "1"})
        found, messages = view.find(customer, round(time.time() * 1_000))
        body = neutral(customer) if found is None else found
        # The same answer has the same tag, however old it is.
        tag = f'W/"{crc32(messages, crc32(body)):08x}"'
        headers = {"ETag": tag, AS_OF: as_of.isoformat(), "Cache-Control": "private, no-cache"}
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        parts = (body[:-1], _KNOWN[found is not None], encode(as_of), b',"messages":', messages, b"}")
        return web.Response(body=b"".join(parts), content_type=_JSON, headers=headers)

    def _refusal(self, request: web.Request) -> web.Response | None:
        key = key_in(request.headers)
        if key is None:
            asked = {"WWW-Authenticate": "Bearer"}
            return refusal(401, "no_key", "send a key: `Authorization: Bearer KEY` or `X-Api-Key: KEY`", asked)
        name = self._keys.name_of(key)
        if name is None:
            return refusal(403, "unknown_key", "the key is none of those in the settings (api.keys)")
        self._asked(name)
        if not self._keys.may_ask(name):
            return refusal(429, "too_many", "more questions a second than api.rate allows", {"Retry-After": "1"})
        return None


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """An error as JSON: what, and what to do."""
    body = encode({"error": code, "message": message})
    return web.Response(status=status, body=body, content_type=_JSON, headers=headers)
