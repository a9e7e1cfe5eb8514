"""The deliver agent: carries what was decided to be sent."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from touchline.agents.deliversettings import (
    AdapterSettings,
    AppriseSettings,
    ChatSettings,
    DeliverSettings,
    ProviderSettings,
    SmtpSettings,
    WebhookAdapterSettings,
    codes,
)
from touchline.agents.policyfollower import SwitchFollower
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import OutreachMode, Settings
from touchline.agents.sinks.chat import ChatAdapter
from touchline.agents.sinks.console import ConsoleAdapter
from touchline.agents.sinks.http import Line
from touchline.agents.sinks.provider import Meanings, Provider, ProviderAdapter
from touchline.agents.sinks.services import AppriseAdapter
from touchline.agents.sinks.smtp import Relay, SmtpAdapter
from touchline.agents.sinks.webhook import Endpoint, WebhookAdapter
from touchline.agents.targetnews import TargetNews
from touchline.agents.together import Together
from touchline.pipeline.outreach.adapter import Adapter
from touchline.pipeline.outreach.delivery import DeliverProcessor, DeliveryPlan
from touchline.pipeline.outreach.targets import Limits


def build(settings: Settings) -> DeliverProcessor:
    """The processor with the adapters that the settings describe; in observe mode it has none to call.

    Raises: Fatal when an adapter needs what is not installed."""
    return DeliverProcessor(plan_of(settings))


def plan_of(settings: Settings) -> DeliveryPlan:
    """The plan of the processor. Raises: as `build`."""
    deliver = settings.deliver
    observe = settings.outreach.mode is OutreachMode.OBSERVE
    named = {} if observe else named_adapters(deliver)
    return DeliveryPlan(
        observe=observe,
        adapters={} if observe else {channel: named[name] for channel, name in deliver.by_channel.items()},
        others=tuple(named.values()),
        limits={name: _limits(one) for name, one in deliver.named.items()},
        care=deliver.care,
        attempts=deliver.attempts,
        first_retry=deliver.first_retry,
        longest_retry=deliver.longest_retry,
    )


def companion(
    settings: Settings, processor: DeliverProcessor, metrics: Metrics, stop: Callable[[BaseException], None]
) -> AbstractAsyncContextManager[object]:
    """Takes over immediate stops while it runs (nothing is sent before they are known), and tells metrics and log how
    each target stands."""
    return Together(SwitchFollower(settings, processor.switch, metrics, stop), TargetNews(processor, metrics))


def named_adapters(settings: DeliverSettings) -> dict[str, Adapter]:
    """All adapters by name."""
    return {name: _adapter(name, one) for name, one in settings.named.items()}


def _limits(settings: AdapterSettings) -> Limits:
    return Limits(settings.failures, settings.rest, settings.rate, settings.in_flight)


def _adapter(name: str, settings: AdapterSettings) -> Adapter:
    if isinstance(settings, SmtpSettings):
        return _smtp(name, settings)
    if isinstance(settings, WebhookAdapterSettings):
        secret = settings.secret.get_secret_value()
        endpoint = Endpoint(settings.url, secret, settings.timeout / 1_000, allow_private=settings.allow_private)
        return WebhookAdapter(endpoint, name=name)
    if isinstance(settings, ProviderSettings):
        return _provider(name, settings)
    if isinstance(settings, ChatSettings):
        return ChatAdapter(settings.kind, settings.url.get_secret_value(), _line(settings), name=name)
    if isinstance(settings, AppriseSettings):
        return AppriseAdapter(settings.url.get_secret_value(), settings.timeout / 1_000, name=name)
    return ConsoleAdapter(settings.to, name=name)


def _line(settings: ChatSettings | ProviderSettings) -> Line:
    return Line(settings.timeout / 1_000, allow_private=settings.allow_private)


def _smtp(name: str, settings: SmtpSettings) -> Adapter:
    relay = Relay(
        host=settings.host,
        port=settings.port,
        sender=settings.sender,
        starttls=settings.starttls,
        username=settings.username,
        password=None if settings.password is None else settings.password.get_secret_value(),
        timeout=settings.timeout / 1_000,
    )
    return SmtpAdapter(relay, name=name)


def _provider(name: str, settings: ProviderSettings) -> Adapter:
    provider = Provider(
        url=settings.url,
        method=settings.method,
        headers={header: value.get_secret_value() for header, value in settings.headers.items()},
        json=settings.body,
        form=settings.form,
        idempotency_header=settings.idempotency_header,
        idempotent=settings.idempotent,
        meanings=Meanings(
            codes(settings.sent),
            codes(settings.retry),
            codes(settings.failed),
            codes(settings.bounced),
            settings.bounced_words,
        ),
    )
    return ProviderAdapter(provider, _line(settings), name=name)
