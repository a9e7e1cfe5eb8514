"""`touchline outreach`: what is really sent. Each command is imported when it is called."""

from typing import Final

import click

from touchline.cli.tablegroup import TableGroup

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "day": ("touchline.cli.outreach_day:day", "Show what was decided on a day: what is or would have been sent."),
}
"""Each command: `module:name`, and what `touchline outreach --help` says of it."""


@click.group(cls=TableGroup, table=COMMANDS)
def outreach() -> None:
    """Stop outreach at once, resume it, and see what holds."""
