"""`touchline policies`: what an author of policies needs. Each command is imported when it is called."""

from typing import Final

import click

from touchline.cli.tablegroup import TableGroup

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "check": ("touchline.cli.policies_check:check", "Look for mistakes and for what is most likely not meant."),
    "show": ("touchline.cli.policies_show:show", "Show what would be done about a rule, and where that is said."),
    "publish": ("touchline.cli.policies_publish:publish", "Put checked policies in force on all workers."),
}
"""Each command: `module:name`, and what `touchline policies --help` says of it."""


@click.group(cls=TableGroup, table=COMMANDS)
def policies() -> None:
    """Say what outreach does about which signals: check it, look at it, put it in force."""
