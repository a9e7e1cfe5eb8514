"""`touchline simulate`: the touchpoints of made-up customers, to a file, to the output or to the broker."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import click

from touchline.cli.context import publisher_of, settings_of, to_terminal
from touchline.cli.errors import Failed, WrongUsage
from touchline.cli.moment import Moment
from touchline.simulator import Plan, PlanError, Reached, Truth, touchpoints
from touchline.simulator.files import lines_to, write_events, write_truth

_FILE = click.Path(dir_okay=False, path_type=Path)
_DEFAULTS = Plan()


@click.command()
@click.option("--customers", type=int, default=_DEFAULTS.customers, show_default=True, help="How many customers.")
@click.option("--days", type=int, default=_DEFAULTS.days, show_default=True, help="How many days.")
@click.option("--start", type=Moment(), help="The first moment.  [default: 30 days before today, 00:00 UTC]")
@click.option("--seed", type=int, default=_DEFAULTS.seed, show_default=True, help="The same seed gives the same shop.")
@click.option("--late", type=float, default=0.0, show_default=True, help="Share of events that arrive minutes late.")
@click.option("--duplicates", type=float, default=0.0, show_default=True, help="Share of events that come twice.")
@click.option("--broken", type=float, default=0.0, show_default=True, help="Share of unreadable copies that are added.")
@click.option("--reached", type=_FILE, help="Decisions of an earlier run (NDJSON): those sent prevent complaints.")
@click.option("--out", type=_FILE, help="Write to this file (.gz: compressed) instead of the output.")
@click.option("--truth", "truth_file", type=_FILE, help="Write what really happened: friction, complaints, what if.")
@click.option("--publish", is_flag=True, help="Publish to the broker of the settings.")
@click.pass_context
def simulate(
    ctx: click.Context, /, out: Path | None, truth_file: Path | None, publish: bool, reached: Path | None, **wanted: Any
) -> None:
    """Write the touchpoints of made-up customers of a shop on many channels, a line of JSON each, in order of arrival.

    Some customers have friction, and some of those complain later; --truth says who, why, and whether outreach would
    have prevented it.
    """
    if out and publish:
        raise click.UsageError("--out and --publish: choose one")
    plan = _plan(reached, wanted)
    begun = time.monotonic()
    try:
        count = _run(ctx, plan, out, truth_file, publish=publish)
    except OSError as error:
        if error.filename is None:
            raise
        raise Failed(f"{error.filename} can't be written: {error.strerror}") from None
    seconds = time.monotonic() - begun
    where = "to the broker" if publish else f"to {out}" if out else "to the output"
    to_terminal().print(f"{count:,} touchpoints {where} in {seconds:.1f} s ({count / max(seconds, 1e-9):,.0f}/s)")


def _run(ctx: click.Context, plan: Plan, out: Path | None, truth_file: Path | None, *, publish: bool) -> int:
    count = 0
    with ExitStack() as stack:
        truths = stack.enter_context(lines_to(truth_file)) if truth_file else None
        events = touchpoints(plan, _writer(truths))
        if publish:
            publisher = stack.enter_context(publisher_of(settings_of(ctx), linger=0.05))
            for event in events:
                publisher.send(event.value, key=event.key)
                count += 1
        else:
            file: IO[bytes] = stack.enter_context(lines_to(out)) if out else sys.stdout.buffer
            for _ in write_events(events, file):
                count += 1
    return count


def _plan(reached: Path | None, wanted: dict[str, Any]) -> Plan:
    try:
        if reached:
            wanted["reached"] = Reached.read(reached)
        return Plan(**{name: value for name, value in wanted.items() if value is not None})
    except PlanError as error:
        raise WrongUsage(str(error)) from None


def _writer(file: IO[bytes] | None) -> Callable[[Truth], None] | None:
    if file is None:
        return None

    def write(truth: Truth) -> None:
        write_truth(truth, file)

    return write
