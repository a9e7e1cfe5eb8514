"""The outreach agent: what becomes of each signal."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from zoneinfo import ZoneInfo

from touchline.agents.policybook import book_of
from touchline.agents.policyfollower import PolicyFollower
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import OutreachMode, OutreachSettings, Settings
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.policy import Policy
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.control import ClockMode

__all__ = ["book_of", "build", "companion", "policy_of"]


def build(settings: Settings) -> OutreachProcessor:
    """The processor with the policy that the settings describe.

    Raises: FileError when a message text is wrong."""
    live = settings.clock is ClockMode.LIVE
    return OutreachProcessor(policy_of(settings.outreach), built_in_messages(), live=live)


def companion(
    settings: Settings, processor: OutreachProcessor, metrics: Metrics, stop: Callable[[BaseException], None]
) -> AbstractAsyncContextManager[object]:
    """Takes over policies and stops that change while it runs."""
    put = getattr(processor, "put_in_force", None)
    return nullcontext() if put is None else PolicyFollower(settings, put, metrics, stop)


def policy_of(settings: OutreachSettings) -> Policy:
    """The settings as a policy."""
    quiet = settings.quiet_hours
    return Policy(
        observe=settings.mode is OutreachMode.OBSERVE,
        hold_out=settings.hold_out,
        experiment=settings.experiment,
        cooldown=settings.cooldown,
        cap=settings.cap,
        cap_window=settings.cap_window,
        max_age=settings.max_age,
        quiet=None if quiet is None else QuietHours.parse(quiet.start, quiet.end),
        zone=ZoneInfo(settings.zone),
        channels=settings.channels,
    )
