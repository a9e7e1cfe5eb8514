"""Where links in messages lead: clicks go on to their target, a picture says that a message was opened, and one click
ends messages of a kind (RFC 8058). Each is published as a touchpoint."""

import asyncio
import time
from contextlib import suppress
from hashlib import blake2b
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from aiohttp import web

from touchline.agents.api.pages import PAGE_HEADERS, asks, done, language_of, later, unknown
from touchline.agents.api.returns import Full, Returns
from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.outreach.links import PATH, Followed, LinkError, Links
from touchline.schemas.touchpoint import Touchpoint

SOURCE: Final = "links"
"""The source of these touchpoints."""

DECISION: Final = "~decision~"
"""In the target of a click this becomes the id of the decision, so that a survey can tell what it was asked by."""

CLICK_PATIENCE: Final = 0.3
"""Seconds that somebody who clicked waits for the broker: then they go on, and the click is published later."""

PATIENCE: Final = 5.0
"""Seconds that an unsubscription may take to be on the topic; after that it is answered that it is not yet."""

_ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
_PICTURE: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_KINDS: Final = {"click": "message.clicked", "open": "message.opened", "unsubscribe": "consent.withdrawn"}
_NO_STORE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


class LinkServer:
    """Answers requests for links. It never leads to an address that was not signed."""

    def __init__(self, links: Links, returns: Returns) -> None:
        self._links = links
        self._returns = returns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Adds the routes."""
        router.add_get(PATH + "{token}", self.get)
        router.add_post(PATH + "{token}", self.post)

    async def get(self, request: web.Request) -> web.Response:
        """Follows a link. Programs that scan mail do so too, so an unsubscription only asks here."""
        token = request.match_info["token"]
        try:
            followed = self._links.read(token)
        except LinkError:
            return unknown(_language(request))
        if followed.what == "unsubscribe":
            return asks(followed, _language(request))
        if request.method == "GET":  # HEAD looks where a link leads, and nobody clicked
            await self._note(followed, token)
        if followed.what == "open":
            return web.Response(body=_PICTURE, content_type="image/gif", headers=_NO_STORE)
        return web.Response(status=302, headers={"Location": target_of(followed), **_NO_STORE})

    async def _note(self, followed: Followed, token: str) -> None:
        """Publishes; whoever clicked does not wait for long, nor at all while others wait."""
        with suppress(Full, TimeoutError):
            busy = len(self._returns) > 0
            published = self._returns.publish(touchpoint_of(followed, token, _now()))
            if not busy:
                await asyncio.wait_for(asyncio.shield(published), CLICK_PATIENCE)

    async def post(self, request: web.Request) -> web.Response:
        """Ends messages of a kind: a mail program's one click, or the button of our page."""
        token = request.match_info["token"]
        try:
            followed = self._links.read(token)
        except LinkError:
            return unknown(_language(request))
        if followed.what != "unsubscribe":
            return web.Response(status=405, headers={"Allow": "GET, HEAD", **PAGE_HEADERS})
        name, value = _ONE_CLICK
        if (await request.post()).get(name) != value:
            return web.Response(status=400, text=f"the form must hold {name}={value}\n", headers=PAGE_HEADERS)
        try:
            published = self._returns.publish(touchpoint_of(followed, token, _now()))
            await asyncio.wait_for(asyncio.shield(published), PATIENCE)
        except (Full, TimeoutError):
            return later(followed, _language(request))
        return done(followed, _language(request))


def _language(request: web.Request) -> str:
    return language_of(request.headers.get("Accept-Language", ""))


def target_of(followed: Followed) -> str:
    """Where a click leads: as it was signed, but for the decision, whose id is only known when the link is made."""
    return (followed.url or "").replace(DECISION, quote(followed.decision_id, safe=""))


def touchpoint_of(followed: Followed, token: str, now: int) -> Touchpoint:
    """What a followed link says. `now`: milliseconds since 1970 UTC.

    The id follows from the token, so that a program which follows a link again and again is one click. A withdrawal is
    one each second: somebody may have agreed again meanwhile, and to withdraw twice is to withdraw."""
    digest = blake2b(token.encode(), digest_size=16).hexdigest()
    attributes = {"decision_id": followed.decision_id}
    if followed.what == "unsubscribe":
        digest = f"{digest}-{now // 1_000}"
        attributes |= {"purpose": str(followed.purpose), "channel": followed.channel.value}
    elif followed.url is not None:
        attributes["link"] = _plain(followed.url)
    return Touchpoint(
        event_id=f"{followed.what}-{digest}",
        source=SOURCE,
        occurred_at=from_ms(now),
        kind=_KINDS[followed.what],
        customer_id=followed.customer,
        channel=followed.channel,
        attributes=dict(attributes),
    )


def _plain(url: str) -> str:
    """Where a link leads, without what may tell who followed it."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def _now() -> int:
    return round(time.time() * 1_000)
