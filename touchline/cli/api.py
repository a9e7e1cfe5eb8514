"""`touchline api`."""

import click

from touchline.agents.api.run import NOTHING_TO_SERVE, run_api
from touchline.cli.context import settings_of
from touchline.cli.errors import WrongUsage


@click.command()
@click.pass_context
def api(ctx: click.Context, /) -> None:
    """Serve GET /v1/customers/ID/context and the links in messages, until SIGTERM or Ctrl-C.

    It listens where api.host and api.port say, and serves what the settings have: questions of those with a key of
    api.keys, links when there are outreach.links. /metrics are on runtime.http_port.
    """
    settings = settings_of(ctx)
    if not settings.serves:
        raise WrongUsage(NOTHING_TO_SERVE)
    ctx.exit(run_api(settings, http_port=settings.runtime.http_port))
