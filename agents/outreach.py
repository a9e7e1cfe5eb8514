"""The outreach agent: what becomes of each signal."""

from zoneinfo import ZoneInfo

from touchline.agents.settings import OutreachMode, Settings
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.plan import Cap, Plan, PolicyBook, Switches
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.control import ClockMode


def build(settings: Settings) -> OutreachProcessor:
    """The processor with the policies that the settings describe.

    Raises: FileError when a message text is wrong."""
    live = settings.clock is ClockMode.LIVE
    return OutreachProcessor(book_of(settings), built_in_messages(), live=live)


def book_of(settings: Settings) -> PolicyBook:
    """The settings as a book with one plan for all."""
    said = settings.outreach
    quiet = said.quiet_hours
    plan = Plan(
        channels=said.channels,
        cooldown=said.cooldown,
        quiet=None if quiet is None else QuietHours.parse(quiet.start, quiet.end),
        max_age=said.max_age,
        hold_out=said.hold_out,
        experiment=said.experiment,
    )
    return PolicyBook(
        default=plan,
        cap=Cap(said.cap, said.cap_window),
        switches=Switches(observe=said.mode is OutreachMode.OBSERVE),
        zone=ZoneInfo(said.zone),
    )
