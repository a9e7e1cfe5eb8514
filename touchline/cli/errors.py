"""Errors that a user can mend, and the exit code of each."""

from typing import Final

import click

from touchline.client.errors import ClientError
from touchline.embedded.errors import EmbeddedError
from touchline.importer.report import ImportFailed
from touchline.pipeline.engine.processor import Problem
from touchline.schemas.yamlfile import FileError

USER_ERRORS: Final = (FileError, ClientError, EmbeddedError, ImportFailed, Problem)
"""What a command may let through: it is printed without a traceback."""

_WRONG_USAGE: Final = (FileError,)


class Failed(click.ClickException):
    """Something was found to be wrong: exit code 1."""


class WrongUsage(click.ClickException):
    """What was asked for can't be done: exit code 2."""

    exit_code = 2


def told(error: BaseException) -> click.ClickException:
    """An error as the message that is printed."""
    return (WrongUsage if isinstance(error, _WRONG_USAGE) else Failed)(str(error))
