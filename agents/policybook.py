"""The policies in force: what the files say, over what the settings say."""

from collections.abc import Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from touchline.agents.settings import OutreachMode, OutreachSettings, Settings
from touchline.agents.texts import messages_of
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.outreach.plan import Cap, Plan, PolicyBook, Switches
from touchline.pipeline.outreach.policyentries import Known
from touchline.pipeline.outreach.policyfiles import PolicySet, compile_policies, read_policies
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.ruleset import RuleText


def book_of(settings: Settings) -> PolicyBook:
    """The policies in force with these settings, with nothing stopped.

    Raises: FileError when a policy file has mistakes."""
    return policies_of(settings).book


def policies_of(
    settings: Settings, texts: Sequence[RuleText] | None = None, templates: frozenset[str] | None = None
) -> PolicySet:
    """The policies of texts, or of the files of the settings. That a rule is named which this worker has not heard of
    is no mistake here: rules may come and go by a way of their own.

    `templates`: the texts of messages that a policy may name; None: those of the settings. Raises: FileError when one
    has mistakes."""
    outreach = settings.outreach
    texts = texts_of_files(outreach) if texts is None else texts
    known = Known(templates=template_names(outreach) if templates is None else templates)
    return compile_policies(texts, base_book(outreach), known)


def texts_of_files(settings: OutreachSettings) -> tuple[RuleText, ...]:
    """The policy files of the settings, and the built-in ones.

    Raises: FileError when one can't be read."""
    return read_policies(settings.policies, builtin=settings.builtin_policies)


def template_names(settings: OutreachSettings) -> frozenset[str]:
    """The texts that a policy may name.

    Raises: FileError when a text file has mistakes."""
    return frozenset(messages_of(settings).names)


def base_book(settings: OutreachSettings) -> PolicyBook:
    """What the settings say, without any policy."""
    return PolicyBook(
        default=default_plan(settings),
        cap=Cap(settings.cap, settings.cap_window),
        zone=ZoneInfo(settings.zone),
        switches=switches_of(settings),
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
