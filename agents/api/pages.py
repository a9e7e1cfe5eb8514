"""The few pages that customers see. They hold nothing of the customer, load nothing, and need no script."""

from typing import Final

from aiohttp import web

from touchline.pipeline.outreach.links import Followed
from touchline.schemas.vocabulary import Purpose

PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem }}
button {{ font: inherit; padding: .5rem 1.2rem; cursor: pointer }}
</style>
<h1>{title}</h1>
{body}
"""
_FORM: Final = """<p>You will get no more {messages}.</p>
<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Unsubscribe</button>
</form>"""
_MESSAGES: Final = {
    Purpose.MARKETING: "news and offers by {channel}",
    Purpose.SERVICE: "messages about your orders and requests by {channel}",
}
_CHANNELS: Final = {"email": "e-mail", "sms": "SMS", "push": "push message"}


def asks(followed: Followed) -> web.Response:
    """One button."""
    return _page(200, "Unsubscribe", _FORM.format(messages=_messages(followed)))


def done(followed: Followed) -> web.Response:
    """It is on record."""
    return _page(200, "Unsubscribed", f"<p>You will get no more {_messages(followed)}.</p>")


def later(followed: Followed) -> web.Response:
    """It is not on record yet."""
    text = f"<p>We could not end {_messages(followed)} just now. Please try again in a minute.</p>"
    return _page(503, "Not yet", text, {"Retry-After": "60"})


def unknown() -> web.Response:
    """No link of ours."""
    return _page(404, "This link is not valid", "<p>Please use the link in the message as it is, whole.</p>")


def _messages(followed: Followed) -> str:
    channel = _CHANNELS.get(followed.channel.value, followed.channel.value.replace("_", " "))
    return _MESSAGES[followed.purpose or Purpose.MARKETING].format(channel=channel)


def _page(status: int, title: str, body: str, headers: dict[str, str] | None = None) -> web.Response:
    text = _PAGE.format(title=title, body=body)
    return web.Response(status=status, text=text, content_type="text/html", headers={**PAGE_HEADERS, **(headers or {})})
