"""`touchline outreach`: what is really sent, and what it brought. Each command is imported when it is called."""

from typing import Final

import click

from touchline.cli.tablegroup import TableGroup

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "stop": ("touchline.cli.outreach_switch:stop", "Stop all that is sent, or what is sent about one rule, at once."),
    "resume": ("touchline.cli.outreach_switch:resume", "Lift a stop."),
    "status": ("touchline.cli.outreach_switch:status", "Show what is stopped, and who gets messages at all."),
    "uplift": ("touchline.cli.uplift:uplift", "Tell what outreach changed, against the customers held out."),
}
"""Each command: `module:name`, and what `touchline outreach --help` says of it."""


@click.group(cls=TableGroup, table=COMMANDS)
def outreach() -> None:
    """Stop outreach at once, resume it, see what holds, and what it brought."""
