"""`touchline outreach uplift`."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TypedDict, Unpack

import click
from rich.console import Console

from touchline.agents.policybook import book_of
from touchline.agents.settings import Settings
from touchline.backtest.sources import HistoryError
from touchline.cli.backtest import Words
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import Failed
from touchline.cli.moment import Moment
from touchline.pipeline.backtest.filters import FilterError, Outcome, parse_outcome
from touchline.uplift.report import Shares, report
from touchline.uplift.show import show
from touchline.uplift.sources import Asked, Found, from_files, from_warehouse

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DEFAULT = "kind=complaint.made within=14d"
_WIDE = 140


def parse_events(text: str) -> Outcome:
    """An outcome that is an event, or that none comes.

    Raises: FilterError."""
    found = parse_outcome(text)
    if found.rules:
        raise FilterError(f'"{text}": an experiment is judged by what customers do: name events (kind=…, missing=…)')
    return found


class _Given(TypedDict):
    """The options."""

    experiment: str | None
    rule: str | None
    outcome: Outcome
    until: datetime | None
    decisions: tuple[Path, ...]
    touchpoints: tuple[Path, ...]
    effect: float
    share: float | None
    observed: bool
    as_json: bool


@click.command()
@click.option("--experiment", help="Only this one.")
@click.option("--rule", help="Only this rule.")
@click.option(
    "--outcome", type=Words("outcome", parse_events), default=_DEFAULT, show_default=True,
    help="'kind=… where=… within=30d', or missing=….",
)  # fmt: skip
@click.option(
    "--effect", type=click.FloatRange(0, 1, min_open=True), default=0.05, show_default=True,
    help="The least difference that matters: 0.05 is 5 points.",
)  # fmt: skip
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The share of customers that was to be held out.  [default: as policies and settings say]",
)  # fmt: skip
@click.option("--until", type=Moment(), metavar="DATE", help="Look at nothing later.")
@click.option("--observed", is_flag=True, help="Count decisions of observe mode too: their uplift must be none.")
@click.option("--decisions", type=_FILE, multiple=True, help="Decisions (NDJSON) instead of the warehouse.")
@click.option("--touchpoints", type=_FILE, multiple=True, help="Touchpoints (NDJSON) that go with them.")
@json_option
@click.pass_context
def uplift(ctx: click.Context, /, **given: Unpack[_Given]) -> None:
    """Tell what outreach changed, held against the customers who were held out: by experiment and rule.

    The exit code is 1 when customers are not split as was planned: such figures say nothing.
    """
    settings = settings_of(ctx)
    decisions, touchpoints = given["decisions"], given["touchpoints"]
    if bool(decisions) != bool(touchpoints):
        raise click.UsageError("--decisions and --touchpoints go together: what was decided, and what happened then")
    asked = Asked(
        outcome=given["outcome"],
        experiment=given["experiment"],
        rule=given["rule"],
        until=given["until"],
        observed=given["observed"],
    )
    share = given["share"]
    found = _found(settings, asked, decisions, touchpoints)
    made = report(found, asked, given["effect"], (lambda _experiment, _rule: share) if share else planned(settings))
    if given["as_json"]:
        print_json(made)
    else:
        show(made, Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE))
    wrong = [one for row in made.experiments for one in (row.all, *row.rules) if one.mismatch]
    if wrong:
        names = ", ".join(one.rule or "all rules" for one in wrong)
        raise Failed(f"customers are not split as was planned: {names}. What to look for is in docs/uplift.md")


def _found(settings: Settings, asked: Asked, decisions: tuple[Path, ...], touchpoints: tuple[Path, ...]) -> Found:
    if not decisions:
        return from_warehouse(settings.warehouse, asked, _nobody)
    try:
        return from_files(settings, decisions, touchpoints, asked, _nobody)
    except HistoryError as error:
        raise Failed(str(error)) from None


def planned(settings: Settings) -> Shares:
    """The share that the policies hold out, by experiment and rule: of a plan for the rule, else of the plans for all
    that have no one of their own, where these agree.

    Raises: FileError when a policy file has mistakes."""
    book = book_of(settings)

    def share(experiment: str, rule: str) -> float | None:
        own = book.by_rule.get(rule)
        plans = (own,) if own is not None else (book.default, *book.by_kind.values())
        shares = {plan.hold_out for plan in plans if plan.experiment == experiment and plan.hold_out > 0}
        return shares.pop() if len(shares) == 1 else None

    return share


def _nobody(_what: str, _done: int, _total: int) -> None:
    """Tells nobody: it takes seconds."""
