"""The desk agent: tasks for people, and notices to owners."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from touchline.agents.ownersettings import OwnerSettings
from touchline.agents.settings import OutreachMode, Settings
from touchline.pipeline.desk.processor import DeskPolicy, DeskProcessor
from touchline.pipeline.desk.routes import Every, Route, RouteBook, When
from touchline.pipeline.desk.tasks import QueuePolicy
from touchline.schemas.control import ClockMode
from touchline.schemas.notice import Means


def build(settings: Settings) -> DeskProcessor:
    """The processor for these settings."""
    observe = settings.outreach.mode is OutreachMode.OBSERVE
    desk = settings.desk
    return DeskProcessor(
        DeskPolicy(
            queues=QueuePolicy(
                aging=desk.aging, most_waiting=desk.most_waiting, due=desk.due, keep=desk.keep, observe=observe
            ),
            owners=RouteBook(dict(_routes(settings)), observe=observe),
            live=settings.clock is ClockMode.LIVE,
            future_tolerance=settings.enrich.future_tolerance,
        )
    )


def _routes(settings: Settings) -> Iterator[tuple[str, Route]]:
    for kind, owners in (("owner", settings.owners), ("party", settings.parties)):
        for name, owner in owners.items():
            yield f"{kind}:{name}", route_of(owner)


def route_of(owner: OwnerSettings) -> Route:
    """The settings of an owner as a route."""
    hours, minutes = map(int, owner.at.split(":"))
    return Route(
        means=Means(owner.means),
        to=owner.to,
        when=When(owner.when),
        every=Every(owner.every),
        minute=hours * 60 + minutes,
        zone=ZoneInfo(owner.zone),
        budget=owner.budget,
        least=owner.least,
    )
