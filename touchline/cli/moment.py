"""A moment on the command line, read in the same way by all commands."""

from datetime import datetime
from typing import Any

import click

from touchline.schemas.types import parse_moment


class Moment(click.ParamType):
    """A time as ISO 8601 has it, with its offset; a bare date is its beginning in UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Reads it."""
        try:
            return value if isinstance(value, datetime) else parse_moment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
