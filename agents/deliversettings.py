"""The section `deliver`: what carries messages, by which channel, and how each server is spared."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator

from touchline.agents.section import Section
from touchline.agents.sinks.http import web_address
from touchline.agents.sinks.signing import signing_key
from touchline.agents.sinks.template import places_in
from touchline.schemas.types import Duration, Name
from touchline.schemas.vocabulary import Channel

_STATUS: Final = re.compile(r"[1-5](\d\d|xx)")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED: Final = frozenset({"outbox", "observe"})


def _statuses(written: tuple[int | str, ...]) -> tuple[int | str, ...]:
    for status in written:
        if not _STATUS.fullmatch(str(status)):
            raise ValueError(f'"{status}" is no status code: write 202, or 2xx for a hundred of them')
    return written


def _web_secret(url: SecretStr) -> SecretStr:
    web_address(url.get_secret_value())
    return url


def _signing_secret(secret: SecretStr) -> SecretStr:
    signing_key(secret.get_secret_value())
    return secret


def _headers(headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or _CONTROLS.search(value.get_secret_value()):
            raise ValueError(f'"{name[:40]}" or its value can\'t be a header')
    return headers


WebUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
SecretUrl = Annotated[SecretStr, AfterValidator(_web_secret)]
Statuses = Annotated[tuple[int | str, ...], AfterValidator(_statuses)]


class TargetSettings(Section):
    """How a server is spared, and how long it may take. `rate`: messages a second of each worker, 0: no bound.
    `failures`: so many tries in a row that find it down open its breaker (0: never), and after `rest` one is tried.
    `in_flight`: attempts at once of each shard. `timeout`: of a whole try, and of the wait for a turn before it."""

    timeout: Annotated[Duration, Field(ge=100)] = 10_000
    rate: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] = 0.0
    failures: Annotated[int, Field(ge=0)] = 5
    rest: Annotated[Duration, Field(ge=100)] = 30_000
    in_flight: Annotated[int, Field(ge=1, le=256)] = 16


class SmtpSettings(TargetSettings):
    """The relay for e-mail."""

    kind: Literal["smtp"] = "smtp"
    host: str
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    sender: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*[^\s@<>]+@[^\s@<>]+>?$")]
    starttls: bool = True
    username: str | None = None
    password: SecretStr | None = None


class WebhookAdapterSettings(TargetSettings):
    """A receiver of our own kind: signed as Standard Webhooks says. `secret`: `whsec_…`. It knows repeats, so what a
    worker leaves under way when it dies is not lost, and more may be."""

    kind: Literal["webhook"] = "webhook"
    in_flight: Annotated[int, Field(ge=1, le=256)] = 64
    url: WebUrl
    secret: Annotated[SecretStr, AfterValidator(_signing_secret)]
    allow_private: bool = False


class WebhookSettings(WebhookAdapterSettings):
    """The short form: a webhook with the channels that it carries."""

    channels: tuple[Channel, ...] = (Channel.SMS, Channel.PUSH, Channel.CHAT, Channel.APP)


class ProviderSettings(TargetSettings):
    """A provider's HTTP interface, such as those for SMS and WhatsApp. One of `json` and `form` is the body, with
    places for the parts of a message. `sent`, `retry`, `failed`, `bounced`: status codes, where they don't mean the
    usual. `bounced_words`: what the body of a refusal says when there is no such recipient."""

    model_config = ConfigDict(serialize_by_alias=True)

    kind: Literal["http"]
    url: WebUrl
    method: Literal["POST", "PUT"] = "POST"
    headers: Annotated[dict[str, SecretStr], AfterValidator(_headers)] = Field(default_factory=dict)
    body: Annotated[Any, Field(alias="json")] = None
    form: dict[str, str] | None = None
    idempotency_header: Annotated[str, Field(pattern=_HEADER.pattern)] | None = None
    idempotent: bool = False
    sent: Statuses = ()
    retry: Statuses = ()
    failed: Statuses = ()
    bounced: Statuses = ()
    bounced_words: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    allow_private: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.body is None) == (self.form is None):
            raise ValueError("one of json and form says what the body is")
        places = places_in(self.form if self.body is None else self.body)
        if missing := {"to", "text"} - places:
            raise ValueError(f"the body has no place for {' and '.join(sorted(f'{{{name}}}' for name in missing))}")
        if self.idempotent and self.idempotency_header is None and "id" not in places:
            raise ValueError("idempotent: true, but the body has no {id} by which the provider could tell a repeat")
        return self


class ChatSettings(TargetSettings):
    """An incoming webhook of Slack or Teams. Who knows the URL may post."""

    kind: Literal["slack", "teams"]
    url: SecretUrl
    allow_private: bool = False


class AppriseSettings(TargetSettings):
    """A service of Apprise, as a URL of its own kind; `{to}` in it is the recipient. Needs the extra `apprise`."""

    kind: Literal["apprise"]
    url: SecretStr


class ConsoleSettings(TargetSettings):
    """Writes messages down instead of sending them: `stdout`, or a file. For developers."""

    kind: Literal["console"]
    to: Annotated[str, Field(min_length=1)]


AdapterSettings = Annotated[
    SmtpSettings | WebhookAdapterSettings | ProviderSettings | ChatSettings | AppriseSettings | ConsoleSettings,
    Field(discriminator="kind"),
]


class DeliverSettings(Section):
    """Adapters by name, and which of them carries a channel. A channel without one goes to the topic `outreach.outbox`.
    `smtp` and `webhook` are short forms: adapters of these names that carry e-mail, and the webhook's `channels`.
    `care`: the webhook that hears when the care for a customer begins and ends."""

    adapters: dict[Name, AdapterSettings] = Field(default_factory=dict)
    channels: dict[Channel, Name] = Field(default_factory=dict)
    smtp: SmtpSettings | None = None
    webhook: WebhookSettings | None = None
    care: Name | None = None
    attempts: Annotated[int, Field(ge=1)] = 5
    first_retry: Duration = 2_000
    longest_retry: Duration = 300_000

    @model_validator(mode="after")
    def _joined(self) -> Self:
        if twice := sorted({"smtp", "webhook"} & self.adapters.keys() & self.model_fields_set):
            raise ValueError(f"{twice[0]} is there twice: as a short form and under adapters")
        if reserved := sorted(_RESERVED & self.adapters.keys()):
            raise ValueError(f"an adapter can't have the name {reserved[0]}: it has a meaning in the ledger")
        known = self.named
        for where, name in (*((f"channels.{c}", name) for c, name in self.channels.items()), ("care", self.care)):
            if name is not None and name not in known:
                there_are = ", ".join(sorted(known)) or "none"
                raise ValueError(f'{where}: there is no adapter "{name}" under adapters; there are: {there_are}')
        for channel, name in self.by_channel.items():
            if known[name].kind == "smtp" and channel is not Channel.EMAIL:
                raise ValueError(
                    f'channels.{channel}: the adapter "{name}" is of kind smtp, which carries e-mail alone'
                )
        if self.care is not None and known[self.care].kind != "webhook":
            raise ValueError(f'care: the adapter "{self.care}" is of kind {known[self.care].kind}; it takes a webhook')
        return self

    @property
    def named(self) -> dict[str, AdapterSettings]:
        """All adapters by name, those of the short forms among them."""
        short: dict[str, AdapterSettings] = {}
        if self.smtp is not None:
            short["smtp"] = self.smtp
        if self.webhook is not None:
            short["webhook"] = self.webhook
        return short | self.adapters

    @property
    def by_channel(self) -> dict[Channel, str]:
        """The adapter's name of each channel that has one."""
        found: dict[Channel, str] = {} if self.webhook is None else dict.fromkeys(self.webhook.channels, "webhook")
        if self.smtp is not None:
            found[Channel.EMAIL] = "smtp"
        return found | self.channels


def codes(written: tuple[int | str, ...]) -> frozenset[int]:
    """Status codes as numbers."""
    found: set[int] = set()
    for status in map(str, written):
        first = int(status[0]) * 100
        found.update(range(first, first + 100) if status.endswith("xx") else (int(status),))
    return frozenset(found)
