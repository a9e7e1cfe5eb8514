"""A text in one language, as the templates that each channel needs; they are made when they are first asked for."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from babel import Locale

from touchline.pipeline.outreach.templates import Template
from touchline.pipeline.outreach.templates_filters import locale_named
from touchline.pipeline.outreach.templates_html import FRAME, framed, html_to_plain, with_footer
from touchline.pipeline.outreach.templates_markup import to_html, to_plain
from touchline.schemas.textfile import TextVersion
from touchline.schemas.vocabulary import Channel

_UNSUBSCRIBES: Final = re.compile(r"links\s*\.\s*unsubscribe")
_ENGLISH: Final = Locale("en")


@dataclass(frozen=True, slots=True)
class Dress:
    """What e-mails wear: the `frame` around them, the words of the link that ends them (None: no link can be made),
    and whether they tell that they were looked at."""

    frame: str = FRAME
    unsubscribe: str | None = None
    opens: bool = False


class Version:
    """One text in one language."""

    def __init__(self, name: str, locale: str, spec: TextVersion, dress: Dress) -> None:
        self.name = name
        self.locale = locale
        self.spec = spec
        self._dress = dress
        self._channels: dict[Channel, Template] = {}

    @cached_property
    def language(self) -> Locale:
        """Its language, for dates and numbers."""
        return locale_named(self.locale) or _ENGLISH

    @cached_property
    def subject(self) -> Template:
        """The subject."""
        return Template(self.spec.subject)

    @cached_property
    def mail_text(self) -> Template:
        """The plain part of an e-mail, with a link that ends such messages."""
        plain, words = self.plain_source, self._dress.unsubscribe
        if words is not None and not _UNSUBSCRIBES.search(plain):
            plain = f"{plain.rstrip()}\n\n--\n{words}: {{{{ links.unsubscribe }}}}\n"
        return Template(plain)

    @cached_property
    def mail_html(self) -> Template:
        """The html part of an e-mail."""
        content = self.spec.html or to_html(self.spec.text or "")
        document = framed(content, self._dress.frame)
        words = None if _UNSUBSCRIBES.search(document) else self._dress.unsubscribe
        return Template(with_footer(document, words, picture=self._dress.opens), html=True)

    def of(self, channel: Channel) -> Template:
        """What is written on a channel other than e-mail."""
        template = self._channels.get(channel)
        if template is None:
            template = self._channels[channel] = Template(self.source_of(channel))
        return template

    def source_of(self, channel: Channel) -> str:
        """The template of a channel other than e-mail, as text."""
        own = self.spec.channels.get(channel)
        return self.plain_source if own is None else to_plain(own)

    @cached_property
    def plain_source(self) -> str:
        """The template of the general text, as plain text."""
        return html_to_plain(self.spec.html or "") if self.spec.text is None else to_plain(self.spec.text)
