"""The message about a signal, made of the texts: in the customer's language, for the channel, with what is known.

It always comes to a message. Where the text that was meant can't be made of a signal (it names what the signal does not
have, or gets too long for its channel), the text for all signals of that polarity stands in for it, and `source` of the
message says so.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Final

from babel import Locale

from touchline.pipeline.outreach.case import purpose_of
from touchline.pipeline.outreach.links import Links
from touchline.pipeline.outreach.plan import Plan
from touchline.pipeline.outreach.quiet import zone_named, zone_of_country
from touchline.pipeline.outreach.sms import sms_length, sms_text
from touchline.pipeline.outreach.templates import RenderError
from touchline.pipeline.outreach.templates_file import BUILT_IN, Checking, Library, built_in_library, read_library
from touchline.pipeline.outreach.templates_filters import Reader, locale_named
from touchline.pipeline.outreach.templates_html import FRAME
from touchline.pipeline.outreach.templates_known import Told
from touchline.pipeline.outreach.templates_values import Values, about_in
from touchline.pipeline.outreach.templates_version import Dress, Version
from touchline.schemas.codec import trusted
from touchline.schemas.customer import Profile
from touchline.schemas.outreach import Message
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Channel, Polarity, Purpose

__all__ = ["BUILT_IN", "Messages", "Speaking", "built_in_messages", "load_messages"]

_SUBJECT: Final = 256
_TEXT: Final = 16_384
"""The bounds of a `Message`, in characters."""

_ENGLISH: Final = "en"
_BY_POLARITY: Final = {Polarity.FRICTION: "default", Polarity.NEED: "need", Polarity.DELIGHT: "delight"}
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_BLANK_LINES: Final = re.compile(r"[ \t]*\n(?:[ \t]*\n){2,}")


@dataclass(frozen=True, slots=True)
class Speaking:
    """How we speak to customers. `locale`: the language of those who are known to prefer none. `zone`: where a
    recipient is whose own zone isn't known. `links`: makes signed links, None: there are none. `opens`: whether an
    e-mail tells that it was looked at."""

    locale: str = _ENGLISH
    zone: tzinfo = UTC
    links: Links | None = None
    opens: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """One message that is to be made."""

    signal: Signal
    profile: Profile | None
    channel: Channel
    purpose: Purpose
    decision_id: str
    address: str


class Messages:
    """The texts by name, ready to be rendered.

    Args:
        library: all texts; must have those for the polarities in English.
        speaking: how.
    """

    def __init__(self, library: Library, speaking: Speaking = Speaking()) -> None:
        self._library = library
        self._speaking = speaking
        self._last = _built_in()
        self._versions: dict[tuple[bool, str, str], Version | None] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names of all texts."""
        return frozenset(self._library.texts)

    def languages(self, name: str) -> tuple[str, ...]:
        """The languages that a text has."""
        return tuple(self._library.texts[name].versions)

    def render(
        self, signal: Signal, profile: Profile | None, channel: Channel, plan: Plan, decision_id: str, address: str
    ) -> Message:
        """The message about a signal to an address.

        Args:
            signal: what it is about.
            profile: whose language, zone and value they are, where they are known.
            channel: an e-mail has html and a link that ends such messages; a text message keeps its parts.
            plan: names the text, or leaves it to the rule.
            decision_id: the decision that it belongs to, for its links.
            address: where it goes.
        """
        case = _Case(signal, profile, channel, purpose_of(signal.polarity, plan), decision_id, address)
        problem = None
        for version in self._candidates(signal, plan, profile):
            try:
                return self._message(version, case)
            except RenderError as error:
                problem = error
        raise AssertionError(f"the built-in texts can't be rendered: {problem}")

    def problem(self, signal: Signal, profile: Profile | None, channel: Channel, plan: Plan) -> str | None:
        """Why the text that was meant can't be made of a signal, None when it can. For people who write texts."""
        case = _Case(signal, profile, channel, purpose_of(signal.polarity, plan), "", "")
        try:
            self._message(next(self._candidates(signal, plan, profile)), case, short=False)
        except RenderError as error:
            return str(error)
        return None

    def _candidates(self, signal: Signal, plan: Plan, profile: Profile | None) -> Iterator[Version]:
        """The text that is meant, in the best language; then what stands in for it."""
        spoken = _spoken(profile.locale if profile is not None else None, self._speaking.locale)
        polarity = _BY_POLARITY[signal.polarity]
        texts = self._library.texts
        wanted = (plan.template, signal.rule, polarity)
        name = next((one for one in wanted if one is not None and one in texts), polarity)
        yield from self._best(name, spoken)
        if name != polarity:
            yield from self._best(polarity, spoken)
        yield from self._best(polarity, spoken, last=True)

    def _best(self, name: str, spoken: tuple[str, ...], *, last: bool = False) -> Iterator[Version]:
        """The version of a text in the first language that it has."""
        text = (self._last if last else self._library).texts.get(name)
        if text is None:
            return
        locale = next((one for one in spoken if one in text.versions), next(iter(text.versions)))
        key = (last, name, locale)
        version = self._versions.get(key)
        if version is None:
            dress = Dress(self._library.frame or FRAME, self._unsubscribe(locale), self._opens)
            version = self._versions[key] = Version(name, locale, text.versions[locale], dress)
        yield version

    @property
    def _opens(self) -> bool:
        return self._speaking.opens and self._speaking.links is not None

    def _unsubscribe(self, locale: str) -> str | None:
        if self._speaking.links is None:
            return None
        words = (self._library.words.get(one, {}) for one in _spoken(locale, self._speaking.locale))
        return next((found["unsubscribe"] for found in words if "unsubscribe" in found), None)

    def _message(self, version: Version, case: _Case, *, short: bool = True) -> Message:
        """Raises: RenderError."""
        values = self._values(version, case)
        subject = _line(version.subject.render(values))
        html, part = None, case.channel.value
        if case.channel is Channel.EMAIL:
            values["subject"] = subject
            text = _tidy(version.mail_text.render(values))
            html = _CONTROLS.sub(" ", version.mail_html.render(values))
        elif case.channel is Channel.SMS:
            text, part = self._sms(version, values, short=short)
        else:
            text = _tidy(version.of(case.channel).render(values))
        if not subject or not text.strip():
            raise RenderError("nothing is left of it")
        return trusted(
            Message,
            to=case.address,
            subject=subject,
            text=text,
            html=html,
            unsubscribe=values.unsubscribe if case.channel is Channel.EMAIL else None,
            locale=version.locale,
            source=f"{version.name}/{version.locale}/{part}",
        )

    @staticmethod
    def _sms(version: Version, values: Values, *, short: bool) -> tuple[str, str]:
        """The text message, and which part of the text it is. It is never cut: the fixed words stand in for it."""
        spec = version.spec
        try:
            text = sms_text(_tidy(version.of(Channel.SMS).render(values)))
            parts = sms_length(text).segments
            if parts <= spec.segments:
                return text, Channel.SMS.value
            problem = RenderError(f"it has {parts} parts as a text message, and {spec.segments} are allowed")
        except RenderError as error:
            problem = error
        if spec.short is None or not short:
            raise problem
        return sms_text(spec.short), "short"

    def _values(self, version: Version, case: _Case) -> Values:
        speaking = self._speaking
        reader = Reader(
            _with_region(version.language, version.locale, case.profile),
            _zone(case.profile, speaking.zone),
            case.signal.customer,
            case.decision_id,
            case.channel,
            speaking.links,
        )
        about = about_in(self._library.words, _spoken(version.locale, speaking.locale), case.signal)
        return Values(case.signal, case.profile, reader, about, version.locale, case.purpose)


def load_messages(
    paths: Iterable[Path] = (),
    speaking: Speaking = Speaking(),
    told: Mapping[str, Told] | None = None,
) -> Messages:
    """The texts of files and folders, and the built-in ones. A text of the name of a built-in one replaces it.

    `told`: what each rule tells, None: it is not looked at. Raises: FileError with every mistake of the first file
    that has any."""
    own = read_library(paths, Checking(told, links=speaking.links is not None))
    return Messages(own.over(_built_in()), speaking)


@lru_cache(maxsize=1)
def built_in_messages() -> Messages:
    """The texts that come with the built-in rules."""
    return Messages(_built_in())


@lru_cache(maxsize=1)
def _built_in() -> Library:
    return built_in_library()


@lru_cache(maxsize=2_048)
def _spoken(locale: str | None, default: str) -> tuple[str, ...]:
    """Languages from the best on: the customer's own (`de-AT`, `de`), the default one, English."""
    found: list[str] = []
    for one in (locale, default, _ENGLISH):
        if one is None or not one.isascii():
            continue
        language, *rest = one.replace("_", "-").split("-")
        parts = [language.lower(), *(part.title() if len(part) == 4 else part.upper() for part in rest)]
        found += ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return tuple(dict.fromkeys(found))


def _with_region(language: Locale, locale: str, profile: Profile | None) -> Locale:
    """Dates and numbers are written in the text's language, as where the reader lives."""
    if profile is None or profile.locale is None or not profile.locale.lower().startswith(locale[:2]):
        return language
    own = locale_named(profile.locale)
    return own if own is not None and own.language == language.language else language


def _zone(profile: Profile | None, default: tzinfo) -> tzinfo:
    if profile is None:
        return default
    zone = zone_named(profile.zone) if profile.zone else None
    if zone is None and profile.country:
        zone = zone_of_country(profile.country)
    return default if zone is None else zone


def _line(subject: str) -> str:
    """A subject: one line, nothing in it that could begin another."""
    line = " ".join(_CONTROLS.sub(" ", subject).split())
    return line if len(line) <= _SUBJECT else line[: _SUBJECT - 1] + "…"


def _tidy(text: str) -> str:
    """Plain text without controls, and without the holes that tags of Liquid leave between paragraphs.

    Raises: RenderError when it is too long."""
    text = _BLANK_LINES.sub("\n\n", _CONTROLS.sub("", text.replace("\r\n", "\n"))).strip() + "\n"
    if len(text) > _TEXT:
        raise RenderError(f"it is longer than {_TEXT:,} characters")
    return text
