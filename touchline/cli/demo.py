"""`touchline demo`: everything on this machine, on a simulated shop or on files, then a report."""

import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from touchline.agents.settings import RuleHome, Settings
from touchline.cli.context import json_option, print_json, settings_of, to_terminal
from touchline.cli.errors import Failed, WrongUsage
from touchline.cli.moment import Moment
from touchline.demo import Demo, Files, Simulated, Source
from touchline.demo.run import demo_settings
from touchline.importer import ImportFailed, check
from touchline.pipeline.engine.processor import Problem
from touchline.pipeline.friction.load import load_rules
from touchline.report.figures import Figures
from touchline.report.page import page
from touchline.report.terminal import show
from touchline.simulator import Plan, PlanError
from touchline.up import Environment, Ports
from touchline.up.ports import free_or
from touchline.up.stay import stay

_PATH = click.Path(path_type=Path)
_THERE = click.Path(exists=True, path_type=Path)
_REPORT = Path("touchline-report.html")
_CUSTOMERS = 1_750
_DIRT: dict[str, Any] = {"late": 0.01, "duplicates": 0.002, "broken": 0.0005}
OWN_EVENT = '{"kind": "ticket.reopened", "customer_id": "c-000007", "subjects": ["ticket:77"]}'
"""An event of the reader's own that has consequences at once, whoever the customer is."""


@click.command()
@click.option("--map", "map_file", type=click.Path(dir_okay=False, path_type=Path), help="The map for the files.")
@click.option("--input", "inputs", type=_THERE, multiple=True, help="A file, or a folder of files; may be repeated.")
@click.option(
    "--rules", type=_THERE, multiple=True, help="Rules: a file or a folder; may be repeated.  [default: settings]"
)
@click.option("--builtin/--no-builtin", default=None, help="With the built-in rules.  [default: settings]")
@click.option("--customers", type=int, default=_CUSTOMERS, show_default=True, help="Of the simulated shop.")
@click.option("--days", type=int, default=30, show_default=True, help="Of the simulated shop.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the simulated shop.")
@click.option("--start", type=Moment(), help="Of the simulated shop.  [default: 30 days before today]")
@click.option("--report", "report_file", type=_PATH, default=_REPORT, show_default=True, help="The report as a page.")
@click.option("--data", type=_PATH, help="A folder to keep; must be empty.  [default: one that is removed at the end]")
@click.option("--exit", "ends", is_flag=True, help="End after the report, instead of staying up on the live clock.")
@json_option
@click.pass_context
def demo(
    ctx: click.Context,
    /,
    *,
    map_file: Path | None,
    inputs: tuple[Path, ...],
    rules: tuple[Path, ...],
    builtin: bool | None,
    report_file: Path,
    data: Path | None,
    ends: bool,
    as_json: bool,
    **shop: Any,
) -> None:
    """Run everything on this machine on a simulated shop, or on files with a map, and report what came of it.

    Outreach decides as if it were live, and its messages go to the topic outreach.outbox: nothing leaves this machine.
    After the report it stays up on the live clock, until Ctrl-C.
    """
    if bool(map_file) != bool(inputs):
        raise click.UsageError("--map and --input belong together")
    settings = _with_rules(_with_port(demo_settings(settings_of(ctx))), rules, builtin=builtin)
    source = _files(inputs, map_file) if map_file else _shop(settings, shop)
    if report_file.is_dir() or not report_file.absolute().parent.is_dir():
        raise WrongUsage(f"--report: {report_file} is no file in a folder that is there")
    console = to_terminal()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as by Ctrl-C: all is stopped in order
    try:
        with ExitStack() as stack:
            environment = Environment(settings, _folder(data, stack), _ports(settings), say=_say(console))
            run = Demo(stack.enter_context(environment), source, console)
            figures = _figures(run, environment, live=not ends)
            _save(figures, report_file)
            _print(figures, report_file, as_json=as_json)
            if ends and data is not None:
                console.print(f"the warehouse's data stays in {data}: `touchline up --data {data}` opens it again")
            if not ends:
                run.go_live()
                stay(environment, console)
    except (ImportFailed, Problem) as error:
        raise Failed(str(error)) from None
    except KeyboardInterrupt:
        console.print("stopped")
        raise click.exceptions.Exit(130) from None
    if not figures.holds:
        raise Failed("the figures do not add up: see the report")


def _with_rules(settings: Settings, rules: tuple[Path, ...], *, builtin: bool | None) -> Settings:
    """The settings with the rules of the command line. A mistake in a rule is told before anything is started."""
    changed: dict[str, Any] = {"rules": rules, "rules_from": RuleHome.FILES} if rules else {}
    if builtin is not None:
        changed["builtin_rules"] = builtin
    journey = settings.journey.model_copy(update=changed)
    if journey.rules_from is RuleHome.FILES:
        load_rules(journey.rules, builtin=journey.builtin_rules)
    return settings.model_copy(update={"journey": journey})


def _files(inputs: tuple[Path, ...], map_file: Path) -> Source:
    """What is wrong with the map is told before anything is started."""
    check(inputs, map_file)
    return Files(inputs, map_file)


def _shop(settings: Settings, wanted: dict[str, Any]) -> Source:
    try:
        plan = Plan(**{name: value for name, value in {**wanted, **_DIRT}.items() if value is not None})
    except PlanError as error:
        raise WrongUsage(str(error)) from None
    return Simulated(plan, settings.journey.lateness)


def _folder(data: Path | None, stack: ExitStack) -> Path:
    if data is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="touchline-demo-")))
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise WrongUsage(f"{data} is not an empty folder: the demo's figures must be of this run alone")
    return data


def _ports(settings: Settings) -> Ports:
    """Where other commands look by default, when nobody else listens there."""
    broker = settings.kafka.bootstrap.rpartition(":")[2]
    return Ports(
        kafka=free_or(int(broker)) if broker.isdigit() else 0,
        warehouse=free_or(settings.warehouse.port),
        warehouse_http=free_or(settings.warehouse.http_port),
    )


def _with_port(settings: Settings) -> Settings:
    """The API listens elsewhere when somebody has its port."""
    return settings.model_copy(update={"api": settings.api.model_copy(update={"port": free_or(settings.api.port)})})


def _say(console: Console) -> Callable[[str], None]:
    def say(part: str) -> None:
        console.print(f"starting {part} …", style="dim")

    return say


def _figures(run: Demo, environment: Environment, *, live: bool) -> Figures:
    """What can be asked is told as long as there is somebody to ask."""
    figures = run.run()
    if not live:
        return replace(figures, access=None)
    if live and figures.access:
        command = f"touchline --settings {environment.settings_file} try --send '{OWN_EVENT}'"
        figures = replace(figures, access=replace(figures.access, own_event=command))
    return figures


def _save(figures: Figures, report_file: Path) -> None:
    try:
        report_file.write_text(page(figures), encoding="utf-8")
    except OSError as error:
        raise Failed(f"{report_file} can't be written: {error.strerror}") from None


def _print(figures: Figures, report_file: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(figures)
        sys.stdout.flush()
    else:
        show(figures, Console(highlight=False), page=str(report_file.resolve()))
