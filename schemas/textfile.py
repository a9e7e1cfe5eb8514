"""A file of texts: what customers read, by name and language. YAML, checked before any of it is sent.

`touchline.pipeline.outreach` turns it into templates; here is only its shape.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from touchline.schemas.types import Name
from touchline.schemas.vocabulary import Channel

LOCALE_PATTERN: Final = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$"

LocaleName = Annotated[str, Field(pattern=LOCALE_PATTERN)]
"""A language, or a language and a region: `de`, `de-AT`, `zh-Hans`."""

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
"""The type of a subject, such as `order`; or `other`, or `unsubscribe`."""

Line = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
Body = Annotated[str, Field(min_length=1, max_length=8_000)]
Markup = Annotated[str, Field(min_length=1, max_length=40_000)]

_CONFIG: Final = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=_CONFIG)
class TextVersion:
    """A text in one language.

    `subject`: one line. `text`: what is written on every channel that has nothing of its own below, and the e-mail
    too; paragraphs, lists, `**bold**` and `[words](address)` become html. `html`: the e-mail's own html; its plain
    text is `text`, or is made from it. `sms`, `push`, `chat`, `app`: of their own for these channels. `segments`: at
    the most so many parts of a text message. `short`: fixed words for when a text message would get longer.
    """

    subject: Line
    text: Body | None = None
    html: Markup | None = None
    sms: Body | None = None
    push: Body | None = None
    chat: Body | None = None
    app: Body | None = None
    segments: Annotated[int, Field(strict=True, ge=1, le=10)] = 3
    short: Annotated[str, Field(min_length=1, max_length=1_530)] | None = None

    @model_validator(mode="after")
    def _written(self) -> Self:
        if self.text is None and self.html is None:
            raise ValueError("needs a text, or html from which one is made")
        return self

    @property
    def channels(self) -> dict[Channel, str]:
        """What is written for one channel alone."""
        own = {Channel.SMS: self.sms, Channel.PUSH: self.push, Channel.CHAT: self.chat, Channel.APP: self.app}
        return {channel: text for channel, text in own.items() if text is not None}


@dataclass(frozen=True, slots=True, config=_CONFIG)
class TextFile:
    """The whole file.

    `texts`: one of the name of a rule is about its signals; `need` and `delight` stand in for rules of that polarity,
    `default` for all others. `words`: by language, what a subject is called whose number a customer knows (`order:
    your order {{ number }}`), `other`, when it is about none, and `unsubscribe`, on the link that ends such messages.
    `frame`: the html around every e-mail, with `{{ content }}` in it.
    """

    schema: Literal["texts/1"]
    words: dict[LocaleName, dict[Word, Line]] = Field(default_factory=dict)
    frame: Markup | None = None
    texts: dict[Name, Annotated[dict[LocaleName, TextVersion], Field(min_length=1)]] = Field(default_factory=dict)
