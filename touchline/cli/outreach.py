"""`touchline outreach`."""

import click

from touchline.cli.uplift import uplift


@click.group()
def outreach() -> None:
    """What outreach brought."""


outreach.add_command(uplift)
