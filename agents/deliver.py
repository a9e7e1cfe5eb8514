"""The deliver agent: carries what was decided to be sent."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from touchline.agents.policyfollower import SwitchFollower
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import DeliverSettings, OutreachMode, Settings, SmtpSettings, WebhookSettings
from touchline.agents.sinks.smtp import Relay, SmtpAdapter
from touchline.agents.sinks.webhook import Endpoint, WebhookAdapter
from touchline.pipeline.outreach.adapter import Adapter
from touchline.pipeline.outreach.delivery import DeliverProcessor, DeliveryPlan
from touchline.schemas.vocabulary import Channel


def build(settings: Settings) -> DeliverProcessor:
    """The processor with the adapters that the settings describe; in observe mode it has none to call."""
    deliver = settings.deliver
    observe = settings.outreach.mode is OutreachMode.OBSERVE
    return DeliverProcessor(
        DeliveryPlan(
            observe=observe,
            adapters={} if observe else adapters_of(deliver),
            attempts=deliver.attempts,
            first_retry=deliver.first_retry,
            longest_retry=deliver.longest_retry,
        )
    )


def companion(
    settings: Settings, processor: DeliverProcessor, metrics: Metrics, stop: Callable[[BaseException], None]
) -> AbstractAsyncContextManager[object]:
    """Takes over immediate stops while it runs; nothing is sent before they are known."""
    put = getattr(processor, "switch", None)
    return nullcontext() if put is None else SwitchFollower(settings, put, metrics, stop)


def adapters_of(settings: DeliverSettings) -> dict[Channel, Adapter]:
    """The adapters by channel."""
    adapters: dict[Channel, Adapter] = {}
    if settings.webhook is not None:
        adapters |= dict.fromkeys(settings.webhook.channels, _webhook(settings.webhook))
    if settings.smtp is not None:
        adapters[Channel.EMAIL] = _smtp(settings.smtp)
    return adapters


def _smtp(settings: SmtpSettings) -> Adapter:
    return SmtpAdapter(
        Relay(
            host=settings.host,
            port=settings.port,
            sender=settings.sender,
            starttls=settings.starttls,
            username=settings.username,
            password=None if settings.password is None else settings.password.get_secret_value(),
            timeout=settings.timeout / 1_000,
        )
    )


def _webhook(settings: WebhookSettings) -> Adapter:
    return WebhookAdapter(
        Endpoint(
            url=settings.url,
            secret=settings.secret.get_secret_value(),
            timeout=settings.timeout / 1_000,
            allow_private=settings.allow_private,
        )
    )
