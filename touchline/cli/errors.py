"""Errors that a user can mend, and the exit code of each."""

from pathlib import Path
from typing import Final

import click

from touchline.client.errors import ClientError, NoBroker
from touchline.embedded.errors import EmbeddedError
from touchline.importer.report import ImportFailed
from touchline.pipeline.engine.processor import Problem, Retry
from touchline.schemas.yamlfile import FileError

USER_ERRORS: Final = (FileError, ClientError, EmbeddedError, ImportFailed, Problem)
"""What a command may let through: it is printed without a traceback."""

RUNNING: Final = Path(".touchline") / "touchline.yaml"
"""Where `touchline up` writes its addresses, unless it was told another folder."""

_WRONG_USAGE: Final = (FileError,)


class Failed(click.ClickException):
    """Something was found to be wrong: exit code 1."""


class WrongUsage(click.ClickException):
    """What was asked for can't be done: exit code 2."""

    exit_code = 2


def told(error: BaseException, settings: Path | None = None) -> click.ClickException:
    """An error as the message that is printed. `settings`: the file that the command went by."""
    away = isinstance(error, NoBroker | Retry)
    hint = _running_elsewhere(settings) if away else ""
    return (WrongUsage if isinstance(error, _WRONG_USAGE) else Failed)(f"{error}{hint}")


def _running_elsewhere(settings: Path | None) -> str:
    """`touchline up` notes where it listens, which is not always where the settings say."""
    if not RUNNING.is_file() or (settings is not None and settings.resolve() == RUNNING.resolve()):
        return ""
    return f" If `touchline up` runs in this folder on other ports, add: --settings {RUNNING}"
