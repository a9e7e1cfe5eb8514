"""The few pages that customers see, in English or German, whichever their browser prefers. They hold nothing of the
customer, load nothing, and need no script."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from touchline.pipeline.outreach.links import Followed
from touchline.schemas.vocabulary import Channel, Purpose

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
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem }}
button {{ font: inherit; padding: .5rem 1.2rem; cursor: pointer }}
</style>
<h1>{title}</h1>
<p>{text}</p>
{more}"""
_FORM: Final = """<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click"><button>{button}</button>
</form>
"""
_DEFAULT: Final = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What pages say in a language: title and text of each."""

    ask: tuple[str, str]
    button: str
    done: tuple[str, str]
    later: tuple[str, str]
    unknown: tuple[str, str]
    messages: dict[Purpose, str]
    channels: dict[Channel, str]


_WORDS: Final = {
    "en": _Words(
        ask=("Unsubscribe", "You will get no more {messages}."),
        button="Unsubscribe",
        done=("Unsubscribed", "You will get no more {messages}."),
        later=("Not yet", "We could not end {messages} just now. Please try again in a minute."),
        unknown=("This link is not valid", "Please use the link in the message as it is, whole."),
        messages={
            Purpose.MARKETING: "news and offers by {channel}",
            Purpose.SERVICE: "messages about your orders and requests by {channel}",
        },
        channels={Channel.EMAIL: "e-mail", Channel.SMS: "SMS", Channel.PUSH: "push message"},
    ),
    "de": _Words(
        ask=("Abbestellen", "Sie bekommen dann keine {messages} mehr."),
        button="Abbestellen",
        done=("Abbestellt", "Sie bekommen keine {messages} mehr."),
        later=(
            "Noch nicht",
            "{messages} ließen sich gerade nicht abbestellen. Bitte versuchen Sie es in einer Minute noch einmal.",
        ),
        unknown=("Dieser Link ist nicht gültig", "Bitte benutzen Sie den Link aus der Nachricht unverändert und ganz."),
        messages={
            Purpose.MARKETING: "Neuigkeiten und Angebote per {channel}",
            Purpose.SERVICE: "Nachrichten zu Ihren Bestellungen und Anliegen per {channel}",
        },
        channels={Channel.EMAIL: "E-Mail", Channel.SMS: "SMS", Channel.PUSH: "Push-Nachricht"},
    ),
}


def language_of(accepted: str) -> str:
    """The language of the pages for a browser's `Accept-Language`: of those that there are the one it likes best."""
    wanted: list[tuple[float, str]] = []
    for part in accepted.split(","):
        name, _, quality = part.strip().partition(";")
        try:
            liking = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            continue
        language = name.strip().lower().partition("-")[0]
        if language in _WORDS and liking > 0:
            wanted.append((liking, language))
    return max(wanted, key=lambda one: one[0], default=(0.0, _DEFAULT))[1]  # of equals the first


def asks(followed: Followed, language: str) -> web.Response:
    """One button."""
    words = _WORDS[language]
    return _page(200, language, words.ask, followed, more=_FORM.format(button=words.button))


def done(followed: Followed, language: str) -> web.Response:
    """It is on record."""
    return _page(200, language, _WORDS[language].done, followed)


def later(followed: Followed, language: str) -> web.Response:
    """It is not on record yet."""
    answer = _page(503, language, _WORDS[language].later, followed)
    answer.headers["Retry-After"] = "60"
    return answer


def unknown(language: str) -> web.Response:
    """No link of ours."""
    return _page(404, language, _WORDS[language].unknown)


def _page(
    status: int, language: str, said: tuple[str, str], followed: Followed | None = None, more: str = ""
) -> web.Response:
    title, text = said
    if followed is not None:
        text = text.format(messages=_messages(followed, _WORDS[language]))
    page = _PAGE.format(language=language, title=title, text=text, more=more)
    headers = {**PAGE_HEADERS, "Content-Language": language}
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)


def _messages(followed: Followed, words: _Words) -> str:
    channel = words.channels.get(followed.channel, followed.channel.value.replace("_", " "))
    return words.messages[followed.purpose or Purpose.MARKETING].format(channel=channel)
