"""`touchline rules backtest` and `touchline rules diff`: rules on history."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from touchline.agents.settings import Settings
from touchline.backtest.run import HALF, BackTest, compare_rules
from touchline.backtest.show import show, show_comparison
from touchline.backtest.sources import Facts, HistoryError, Lines, Mapped, OnProgress, Source, read_span
from touchline.cli.context import json_option, print_json, settings_of, to_terminal
from touchline.cli.errors import Failed, WrongUsage
from touchline.cli.moment import Moment
from touchline.pipeline.backtest.cases import Question
from touchline.pipeline.backtest.filters import FilterError, parse_filter, parse_outcome

_FILE = click.Path(exists=True, path_type=Path)
_MAP = click.Path(dir_okay=False, path_type=Path)
_WIDE = 160


class Words(click.ParamType):
    """What a parser of ours reads; it says what is wrong."""

    def __init__(self, name: str, parse: Any) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Reads it."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except (FilterError, ValueError) as error:
            self.fail(str(error), param, ctx)


class Split(Moment):
    """A moment, or `half`."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Reads ISO 8601, or the word."""
        return value if value == HALF else super().convert(value, param, ctx)


_EVENTS = Words("events", parse_filter)
_OUTCOME = Words("outcome", parse_outcome)
_SPAN = Words("from..to", read_span)


def _history_options(command: Any) -> Any:
    """The history, the same for both commands."""
    for option in (
        click.option("--sort", "in_time", is_flag=True, help="Put lines of NDJSON into the order of time first."),
        click.option("--warehouse", type=_SPAN, metavar="FROM..TO", help="The warehouse's touchpoints of these days."),
        click.option("--map", "map_file", type=_MAP, help="The import map by which the files are read."),
        click.option("--events", "files", type=_FILE, multiple=True, metavar="FILE", help="History; may be repeated."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("more", nargs=-1, type=_FILE, metavar="[FILE…]")
@_history_options
@click.option("--rules", "rules", type=_FILE, multiple=True, help="A file or folder of rules; may be repeated.")
@click.option("--builtin/--no-builtin", default=None, help="With the built-in rules, or without.  [default: settings]")
@click.option("--outcomes", "outcome", type=_OUTCOME, help="'kind=… where=… within=30d'; or missing=…; or rule=….")
@click.option("--per", default="customer", show_default=True, help="What a case is: customer, or a type of subject.")
@click.option("--among", type=_EVENTS, multiple=True, help="'kind=… where=…': only what had such an event is a case.")
@click.option("--until", "until", type=_EVENTS, help="'kind=… where=…': such an event ends a case.")
@click.option("--truth", "truth", type=_FILE, multiple=True, help="Events that only outcomes see, not rules.")
@click.option("--truth-map", type=_MAP, help="The map by which the files of --truth are read.")
@click.option("--split", type=Split(), metavar="DATE|half", help="Tell the earlier and the later part apart.")
@click.option("--budget", type=click.IntRange(min=0), help="What so many alerts a day for each owner would cut.")
@click.option("--policy", "policies", type=_FILE, multiple=True, help="Policies: what outreach would have done.")
@json_option
@click.pass_context
def backtest(
    ctx: click.Context, /, more: tuple[Path, ...], files: tuple[Path, ...], truth: tuple[Path, ...],
    *, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Run rules over history and tell what their signals were worth.

    History is a file of touchpoints (NDJSON, in the order of arrival), any files by an import map, or the warehouse. It
    goes through the same engine as the live run, in memory; nothing is published. With --policy (a file or folder of
    policies; may be repeated) the signals go on to outreach, as in observe mode.
    """
    settings = settings_of(ctx)
    question = Question(given["per"], given["outcome"], given["among"], given["until"])
    if question.outcome is None and (truth or question.among or question.until):
        raise click.UsageError("--truth, --among and --until say of what --outcomes tells: name it")
    test = BackTest(
        settings=settings,
        rules=given["rules"] or settings.journey.rules,
        builtin=settings.journey.builtin_rules if given["builtin"] is None else given["builtin"],
        question=question,
        truth=_files(truth, given["truth_map"]) if truth else None,
        split=given["split"],
        budget=given["budget"],
        policies=given["policies"] or None,
    )
    source = _source(settings, (*files, *more), given)
    with _bar(show=not as_json) as on_progress, _told():
        report, _ = test.run(source, on_progress)
    if as_json:
        print_json(report)
    else:
        show(report, _console())


@click.command()
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@click.argument("more", nargs=-1, type=_FILE, metavar="[FILE…]")
@_history_options
@click.option("--builtin", is_flag=True, help="The built-in rules belong to both sets.")
@click.option("--show", "most", type=click.IntRange(min=0), default=20, show_default=True, help="How many are printed.")
@json_option
@click.pass_context
def diff(
    ctx: click.Context, /, old: Path, new: Path, more: tuple[Path, ...], files: tuple[Path, ...],
    *, builtin: bool, most: int, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Show which signals appear, vanish or move when the rules OLD become NEW, by customer, on the same history.

    OLD and NEW are files or folders of rules. The exit code is 0, whatever changes.
    """
    settings = settings_of(ctx)
    source = _source(settings, (*files, *more), given)
    with _bar(show=not as_json) as on_progress, _told():
        found, run = compare_rules(settings, (old, builtin), (new, builtin), source, on_progress)
    if as_json:
        print_json({"touchpoints": run.touchpoints, "rules": found.rules, "changed": found.changed})
    else:
        show_comparison(found, _console(), touchpoints=run.touchpoints, most=most)


def _source(settings: Settings, files: tuple[Path, ...], given: dict[str, Any]) -> Source:
    span: tuple[datetime, datetime] | None = given["warehouse"]
    if bool(files) == (span is not None):
        raise click.UsageError("name the history: either --events FILE… or --warehouse FROM..TO")
    if span is not None:
        return Facts(settings.warehouse, *span)
    return _files(files, given["map_file"], in_time=given["in_time"])


def _files(files: Sequence[Path], map_file: Path | None, *, in_time: bool = False) -> Source:
    if map_file is not None:
        return Mapped(files, map_file)
    if folder := next((path for path in files if path.is_dir()), None):
        raise WrongUsage(f"{folder} is a folder: name its files, or a map (--map) that says which of them it wants")
    return Lines(files, in_time)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except HistoryError as error:
        raise Failed(str(error)) from None


@contextmanager
def _bar(*, show: bool) -> Iterator[OnProgress]:
    columns = (
        TextColumn("{task.description:<6}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=to_terminal(), transient=True, disable=not show) as bar:
        tasks: dict[str, Any] = {}

        def on_progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what)
            bar.update(tasks[what], completed=done, total=max(total, 1))

        yield on_progress


def _console() -> Console:
    """The output; into a pipe or a file as wide as the tables need."""
    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else _WIDE)
