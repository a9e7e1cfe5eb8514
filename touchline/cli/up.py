"""`touchline up`: everything on this machine, on the live clock, empty, until it is told to stop."""

import signal
import time
from pathlib import Path

import click
from rich.console import Console

from touchline.agents.settings import RuleHome
from touchline.agents.texts import messages_of
from touchline.cli.context import json_option, print_json, settings_of, to_terminal
from touchline.cli.errors import Failed
from touchline.pipeline.engine.processor import Problem
from touchline.pipeline.friction.load import load_rules
from touchline.schemas.wire import RAW
from touchline.up import Environment, Ports
from touchline.up.environment import READER
from touchline.up.stay import stay

_FOLDER = click.Path(file_okay=False, path_type=Path)
_PORT = click.IntRange(0, 65_535)
_EVENT = '{"kind": "ticket.reopened", "customer_id": "c-1", "subjects": ["ticket:77"]}'


@click.command()
@click.option("--data", type=_FOLDER, help="For the warehouse's data and for logs.  [default: as the settings say]")
@click.option("--kafka-port", type=_PORT, help="Of the broker; 0: a free one.  [default: as the settings say]")
@click.option("--warehouse-port", type=_PORT, help="Of ClickHouse's native protocol; 0: a free one.")
@click.option("--warehouse-http-port", type=_PORT, help="Of ClickHouse's HTTP; 0: a free one.")
@click.option("--http-port", type=_PORT, default=0, help="Of the agents' status, counting up.  [default: free ones]")
@click.option("--api-port", type=_PORT, help="Of the API; 0: a free one.  [default: as the settings say]")
@json_option
@click.pass_context
def up(
    ctx: click.Context,
    /,
    *,
    data: Path | None,
    kafka_port: int | None,
    warehouse_port: int | None,
    warehouse_http_port: int | None,
    http_port: int,
    api_port: int | None,
    as_json: bool,
) -> None:
    """Run broker, warehouse and all agents on this machine, empty and on the live clock, until Ctrl-C.

    The warehouse keeps its data in the folder. The broker is in memory and forgets when it stops: topics, profiles and
    what the rules know of customers are gone then.
    """
    settings = settings_of(ctx)
    if api_port is not None:
        settings = settings.model_copy(update={"api": settings.api.model_copy(update={"port": api_port})})
    broker = settings.kafka.bootstrap.rpartition(":")[2]
    ports = Ports(
        kafka=kafka_port if kafka_port is not None else int(broker) if broker.isdigit() else 0,
        warehouse=warehouse_port if warehouse_port is not None else settings.warehouse.port,
        warehouse_http=warehouse_http_port if warehouse_http_port is not None else settings.warehouse.http_port,
        http=http_port,
    )
    if settings.journey.rules_from is RuleHome.FILES:
        load_rules(settings.journey.rules, builtin=settings.journey.builtin_rules)  # mistakes, before anything starts
    messages_of(settings.outreach)  # the same
    console, begun = to_terminal(), time.monotonic()
    # While it starts, SIGTERM is Ctrl-C: what was started is stopped in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    environment = Environment(settings, data or settings.data, ports, say=lambda part: _starting(console, part))
    try:
        with environment:
            if as_json:
                print_json(_addresses(environment))
            else:
                _welcome(environment, Console(highlight=False), time.monotonic() - begun)
            stay(environment, console)
    except KeyboardInterrupt:
        console.print("stopped before it was ready")
        raise click.exceptions.Exit(130) from None
    except Problem as error:
        raise Failed(str(error)) from None


def _starting(console: Console, part: str) -> None:
    console.print(f"starting {part} …", style="dim")


def _addresses(environment: Environment) -> dict[str, object]:
    store = environment.settings.warehouse
    return {
        "bootstrap": environment.bootstrap,
        "environment": environment.settings.environment,
        "warehouse": {"host": store.host, "port": store.port, "http_port": store.http_port, "database": store.database},
        "agents": {agent.name: agent.url for agent in environment.agents},
        "api": environment.api,
        "settings": str(environment.settings_file),
        "log": str(environment.log),
    }


def _welcome(environment: Environment, console: Console, seconds: float) -> None:
    store, settings = environment.settings.warehouse, environment.settings
    http = f"http://{store.host}:{store.http_port}"
    lines = (
        f"\n[bold green]Ready[/] after {seconds:.0f} s: {', '.join(agent.name for agent in environment.agents)}.\n",
        f"  publish to   Kafka [bold]{environment.bootstrap}[/], topic {settings.topic(RAW)}",
        f"  query        ClickHouse [bold]{store.host}:{store.port}[/] or {http}, database {store.database};",
        f"               the user {READER}, without a password, may read and nothing else",
        *([f"  ask          the API [bold]{environment.api}[/]"] if environment.api else []),
        *(f"  [dim]{agent.name:<12} {agent.url}/metrics[/]" for agent in environment.agents),
        f"  [dim]log          {environment.log}[/]",
        "\nTry next, in another terminal:\n",
    )
    for line in lines:
        console.print(line, soft_wrap=True)
    command = f"touchline --settings {environment.settings_file}"
    for line in (f"try --send '{_EVENT}'", "tail friction.signals", 'warehouse query "SELECT * FROM touchpoints"'):
        console.print(f"  {command} {line}", markup=False, soft_wrap=True)
    console.print(
        "\nThe warehouse keeps its data. The broker is in memory: when this stops, topics, profiles and what the rules "
        f"know of customers are forgotten.\nOutreach is in {settings.outreach.mode} mode. Ctrl-C stops everything."
    )
