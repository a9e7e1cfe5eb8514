"""The outreach agent: what becomes of each signal."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from touchline.agents.settings import OutreachMode, OutreachSettings, Settings
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.plan import Cap, Plan, PolicyBook, Switches
from touchline.pipeline.outreach.policy import Policy
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.control import ClockMode


def build(settings: Settings) -> OutreachProcessor:
    """The processor with the policy that the settings describe.

    Raises: FileError when a message text is wrong."""
    live = settings.clock is ClockMode.LIVE
    return OutreachProcessor(policy_of(settings.outreach), built_in_messages(), live=live)


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


def book_of(settings: Settings) -> PolicyBook:
    """The policies in force with these settings.

    Raises: FileError when a policy file has mistakes."""
    outreach = settings.outreach
    return PolicyBook(
        default=default_plan(outreach),
        cap=Cap(outreach.cap, outreach.cap_window),
        zone=ZoneInfo(outreach.zone),
        switches=switches_of(outreach),
    )


def default_plan(settings: OutreachSettings) -> Plan:
    """What the settings say for all signals that no policy speaks of, and for all that a policy leaves open."""
    quiet = settings.quiet_hours
    return Plan(
        channels=settings.channels,
        cooldown=settings.cooldown,
        quiet=None if quiet is None else QuietHours.parse(quiet.start, quiet.end),
        max_age=settings.max_age,
        hold_out=settings.hold_out,
        experiment=settings.experiment,
    )


def switches_of(settings: OutreachSettings) -> Switches:
    """What is really sent, as far as the settings say; stops come from the topic `policies`."""
    ramp = settings.ramp
    begin = None if ramp is None else datetime.combine(ramp.from_, time(), ZoneInfo(settings.zone))
    return Switches(
        observe=settings.mode is OutreachMode.OBSERVE,
        allow=settings.allow,
        test_recipient=dict(settings.test_recipient),
        ramp=() if ramp is None else ramp.days,
        ramp_from=0 if begin is None else to_ms(begin),
    )
