"""`touchline worker`."""

import click

from touchline.agents.registry import AGENTS
from touchline.agents.runtime.errors import WorkerError
from touchline.agents.runtime.worker import run_worker
from touchline.cli.context import settings_of
from touchline.cli.errors import Failed


@click.command()
@click.argument("agents", nargs=-1, type=click.Choice(AGENTS), metavar="[AGENT…]")
@click.pass_context
def worker(ctx: click.Context, /, agents: tuple[str, ...]) -> None:
    """Run agents until SIGTERM or Ctrl-C: enrich, journey, incident, outreach, desk, deliver, warehouse.

    Several run in a supervised process each. Without AGENT: those of the setting runtime.agents.
    """
    settings = settings_of(ctx)
    try:
        code = run_worker(settings, agents or settings.runtime.agents)
    except WorkerError as error:
        raise Failed(str(error)) from None
    ctx.exit(code)
