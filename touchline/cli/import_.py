"""`touchline import`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from touchline.cli.context import json_option, print_json, publisher_of, settings_of, to_terminal
from touchline.cli.errors import Failed
from touchline.importer import ImportOptions, ImportReport, Progress, preview, run_import
from touchline.importer.gather import OnProgress
from touchline.importer.mapper import Made
from touchline.pipeline.engine.clock import from_ms

_PATH = click.Path(exists=True, path_type=Path)
_SHOWN = 20
"""How many problems are printed for a person; `--json` has more."""


class Speed(click.ParamType):
    """`3600x`: an hour of history in a second; `max`: as fast as it goes."""

    name = "speed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """To a factor; 0 stands for max."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)x", value)
        if value != "max" and (found is None or float(found[1]) <= 0):
            self.fail(f"{value} is no speed: write 3600x (an hour in a second) or max", param, ctx)
        return float(found[1]) if found else 0.0


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FILE…")
@click.option("--map", "map_file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The map.")
@click.option("--speed", type=Speed(), default="max", show_default=True, help="3600x, or max.")
@click.option("--limit", type=click.IntRange(min=0), help="Publish only the first so many touchpoints.")
@click.option("--dry-run", is_flag=True, help="Publish nothing: show the first touchpoints and each row that fails.")
@click.option("--show", type=click.IntRange(min=0), default=5, show_default=True, help="How many --dry-run shows.")
@click.option("--skip-bad", is_flag=True, help="Publish the good rows although others fail.")
@click.option("--then-live", is_flag=True, help="Switch the environment to the live clock at the end.")
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    map_file: Path,
    *,
    dry_run: bool,
    show: int,
    as_json: bool,
    **how: Any,
) -> None:
    """Publish the rows of files as touchpoints, in the order of time, on the log clock.

    FILE is CSV, TSV or NDJSON, gzip or not, or a folder, of which the files are taken that the map wants. Everything is
    read and checked first: when a row fails, nothing is published, unless --skip-bad. Importing the same files again
    changes nothing, for each touchpoint keeps its id.
    """
    first: list[Made] = []
    with _bar(show=not as_json) as on_progress:
        if dry_run:
            report, first = preview(files, map_file, show, on_progress)
        else:
            options = ImportOptions(**(how | {"speed": how["speed"] or None}))
            with publisher_of(settings_of(ctx), linger=0.02) as publisher:
                report = run_import(files, map_file, publisher, options, on_progress)
    if as_json:
        print_json(_as_json(report, first))
    else:
        _print(report, first, dry_run=dry_run)
    if report.failed:
        left = "" if dry_run or report.published else "; nothing was published (--skip-bad publishes the others)"
        raise Failed(f"{report.failed:,} of {_possible(report):,} touchpoints could not be made{left}")


@contextmanager
def _bar(*, show: bool) -> Iterator[OnProgress]:
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=to_terminal(), transient=True, disable=not show) as bar:
        tasks: dict[str, Any] = {}

        def on_progress(progress: Progress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bar.add_task(progress.stage)
            bar.update(tasks[progress.stage], completed=progress.done, total=max(progress.total, 1))

        yield on_progress


def _print(report: ImportReport, first: list[Made], *, dry_run: bool) -> None:
    for made in first:
        click.echo(f"{from_ms(made.at):%Y-%m-%d %H:%M:%S}Z  {made.key.decode()}  {made.value.decode()}")
    if first:
        click.echo()
    for count in report.files:
        failed = f", {count.failed:,} failed" if count.failed else ""
        click.echo(
            f"{count.file}: {count.rows:,} rows, {count.touchpoints:,} touchpoints, "
            f"{count.skipped:,} left out by conditions{failed}"
        )
    for problem in report.problems[:_SHOWN]:
        click.echo(f"  {problem}", err=True)
    if report.failed > _SHOWN:
        click.echo(f"  … and {report.failed - _SHOWN:,} more (--json lists the first 1,000)", err=True)
    if report.repeated:
        click.echo(
            f"note: {report.repeated:,} have an id that another had before, and will be dropped as duplicates, first "
            f"{report.first_repeat}. Is what `id:` says unique?",
            err=True,
        )
    if dry_run:
        click.echo(f"{report.touchpoints:,} touchpoints{_span(report)}; nothing was published (--dry-run)")
    elif report.published:
        rate = report.published / max(report.publish_seconds, 1e-9)
        click.echo(f"{report.published:,} touchpoints published{_span(report)}, {rate:,.0f}/s")
    if report.handover:
        offsets = ", ".join(f"{partition}: {offset}" for partition, offset in sorted(report.handover.items()))
        click.echo(f"live from here on (partition: offset): {offsets}")
    elif report.published:
        click.echo("the environment is on the log clock now, where only records move time: --then-live ends that")


def _span(report: ImportReport) -> str:
    if report.first_at is None or report.last_at is None:
        return ""
    return f", {from_ms(report.first_at):%Y-%m-%d} to {from_ms(report.last_at):%Y-%m-%d}"


def _possible(report: ImportReport) -> int:
    return report.touchpoints + report.skipped + report.failed


def _as_json(report: ImportReport, first: list[Made]) -> dict[str, Any]:
    def moment(at: int | None) -> datetime | None:
        return None if at is None else from_ms(at).astimezone(UTC)

    return {
        "map": report.map,
        "rows": report.rows,
        "touchpoints": report.touchpoints,
        "skipped": report.skipped,
        "failed": report.failed,
        "published": report.published,
        "repeated": report.repeated,
        "first_at": moment(report.first_at),
        "last_at": moment(report.last_at),
        "seconds": round(report.seconds, 3),
        "handover": {str(partition): offset for partition, offset in report.handover.items()},
        "files": report.files,
        "problems": [problem._asdict() for problem in report.problems],
        "preview": [msgspec.Raw(made.value) for made in first],
    }
