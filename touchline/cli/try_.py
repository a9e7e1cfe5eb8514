"""`touchline try`: what would become of one event, or, with --send, what does."""

from pathlib import Path

import click

from touchline.agents.settings import Settings
from touchline.cli.context import connection_of, json_option, print_json, publisher_of, settings_of
from touchline.cli.errors import Failed, WrongUsage
from touchline.pipeline.engine.processor import Fatal
from touchline.schemas.types import parse_duration
from touchline.trial import EventError, Outcome, TrialEvent, read_event, send_and_follow, try_in_memory
from touchline.trial.event import read_history
from touchline.trial.show import show


@click.command("try")
@click.argument("event")
@click.option("--history", type=click.Path(dir_okay=False, path_type=Path), help="What happened before, as NDJSON.")
@click.option("--wait", help="And then nothing more for so long: 48h, 3d. Shows what is noticed by its absence.")
@click.option("--send", is_flag=True, help="Publish it to the running environment, and show what comes of it.")
@json_option
@click.pass_context
def try_(
    ctx: click.Context, /, event: str, *, history: Path | None, wait: str | None, send: bool, as_json: bool
) -> None:
    """Show what would become of one EVENT: enrichment, rules, decision and message. Nothing is sent.

    EVENT is a file, - for the input, or JSON itself: '{"kind": "ticket.reopened", "customer_id": "c-1"}'. What is left
    out of event_id, source and occurred_at is filled in. Nothing is known of the customer but what --history tells.
    The exit code is 1 when the event is refused.
    """
    if send and (history or wait):
        raise click.UsageError("--send publishes to an environment that has its own history and clock")
    settings = settings_of(ctx)
    try:
        trial = read_event(event)
        outcome = _send(settings, trial) if send else _try(settings, trial, history, wait)
    except EventError as error:
        raise WrongUsage(str(error)) from None
    except Fatal as error:
        raise Failed(str(error)) from None
    _print(outcome, as_json=as_json)
    if outcome.refusal is not None:
        raise click.exceptions.Exit(1)


def _send(settings: Settings, trial: TrialEvent) -> Outcome:
    with publisher_of(settings, linger=0) as publisher:
        return send_and_follow(connection_of(settings), publisher, trial)


def _try(settings: Settings, trial: TrialEvent, history: Path | None, wait: str | None) -> Outcome:
    try:
        milliseconds = parse_duration(wait)
    except ValueError as error:
        raise WrongUsage(f"--wait: {error}") from None
    before = read_history(history) if history else ()
    return try_in_memory(settings, trial, before, wait=int(str(milliseconds)) if milliseconds is not None else None)


def _print(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print_json(outcome)
        return
    from rich.console import Console  # noqa: PLC0415  # a program that asks for JSON needs no terminal

    show(outcome, Console(highlight=False))
