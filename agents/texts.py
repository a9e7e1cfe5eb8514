"""The texts of messages and their links, as the settings say."""

from touchline.agents.settings import OutreachSettings
from touchline.pipeline.outreach.links import Links


def links_of(settings: OutreachSettings) -> Links | None:
    """What makes and reads signed links; None when none are set up."""
    links = settings.links
    if links is None:
        return None
    older = [secret.get_secret_value().encode() for secret in links.older]
    return Links(links.base, links.secret.get_secret_value().encode(), older)
