"""The texts of messages and their links, as the settings say."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from touchline.agents.settings import OF_NO_USE, OutreachSettings
from touchline.pipeline.outreach.links import Links
from touchline.pipeline.outreach.messages import Messages, Speaking, load_messages
from touchline.pipeline.outreach.templates_file import text_files
from touchline.pipeline.outreach.templates_known import Told
from touchline.schemas.ruleset import RuleText
from touchline.schemas.yamlfile import read_text


def messages_of(
    settings: OutreachSettings, paths: Iterable[Path] | None = None, told: Mapping[str, Told] | None = None
) -> Messages:
    """The texts of the settings, or of other files and folders, and the built-in ones.

    `told`: what each rule tells, None: it is not looked at. Raises: FileError with every mistake of the first file
    that has any."""
    return load_messages(settings.texts if paths is None else paths, speaking_of(settings), told)


def message_files(settings: OutreachSettings) -> tuple[RuleText, ...]:
    """What stands in the files of texts, without the built-in ones.

    Raises: FileError when one can't be read."""
    return tuple(RuleText(name=str(path), text=read_text(path)) for path in text_files(settings.texts))


def speaking_of(settings: OutreachSettings) -> Speaking:
    """How we speak to customers."""
    opens = settings.links is not None and settings.links.opens
    return Speaking(settings.locale, ZoneInfo(settings.zone), links_of(settings), opens)


def harmless(settings: OutreachSettings) -> OutreachSettings:
    """The same settings, with links that no server takes: what is only looked at must not unsubscribe anybody."""
    if settings.links is None:
        return settings
    links = settings.links.model_copy(update={"secret": SecretStr(OF_NO_USE), "older": ()})
    return settings.model_copy(update={"links": links})


def links_of(settings: OutreachSettings) -> Links | None:
    """What makes and reads signed links; None when none are set up."""
    links = settings.links
    if links is None:
        return None
    older = [secret.get_secret_value().encode() for secret in links.older]
    return Links(links.base, links.secret.get_secret_value().encode(), older)
