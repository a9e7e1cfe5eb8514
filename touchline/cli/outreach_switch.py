"""`touchline outreach stop|resume|status`: the switch that works without a restart."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click
from pydantic import TypeAdapter, ValidationError

from touchline.agents.policybook import switches_of
from touchline.agents.runtime import policiestopic
from touchline.agents.runtime.errors import RuntimeError_
from touchline.agents.runtime.policiestopic import Standing
from touchline.agents.settings import RuleHome, Settings
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import Failed, WrongUsage
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.outreach.plan import ALL
from touchline.pipeline.outreach.rations import ramp_on
from touchline.schemas.policyset import MAX_NOTE
from touchline.schemas.types import ID
from touchline.schemas.yamlfile import FileError, did_you_mean

T = TypeVar("T")
_NAME: Final = TypeAdapter(ID)
_RULE: Final = click.option("--rule", metavar="RULE", help="Only what is sent about this rule; without it: all.")


@click.command(short_help="Stop all that is sent, or what is sent about one rule, at once.")
@_RULE
@click.option("--note", default="", help=f"Why; `status` shows it, up to {MAX_NOTE} characters.")
@json_option
@click.pass_context
def stop(ctx: click.Context, /, *, rule: str | None, note: str, as_json: bool) -> None:
    """Stop at once: nothing that is decided from now on is sent, nor what waits to be sent already.

    Every worker hears of it within a second or so, without a restart, and so does one that starts later. Signals are
    still found and decided, as in observe mode. What was stopped is not sent later.
    """
    settings = settings_of(ctx)
    if rule is not None:
        _known(settings, rule)
    _run(policiestopic.stop(settings, ALL if rule is None else rule, note))
    _told(_run(policiestopic.standing(settings)), settings, as_json=as_json)


@click.command(short_help="Lift a stop.")
@_RULE
@json_option
@click.pass_context
def resume(ctx: click.Context, /, *, rule: str | None, as_json: bool) -> None:
    """Lift the stop of all, or the one of a rule. Each stop is lifted by itself: what was stopped by rule stays so."""
    settings = settings_of(ctx)
    before = _run(policiestopic.standing(settings))
    name = ALL if rule is None else rule  # an empty one, of a variable that is not set, is not all
    if name not in before.stops:
        what = "everything" if rule is None else rule or "a rule without a name"
        others = ", ".join(_named(one) for one in sorted(before.stops)) or "nothing"
        hint = did_you_mean(name, before.stops)
        raise Failed(f"{what} is not stopped{hint}; stopped: {others}")
    _run(policiestopic.resume(settings, name))
    _told(_run(policiestopic.standing(settings)), settings, as_json=as_json)


@click.command(short_help="Show what is stopped, and who gets messages at all.")
@json_option
@click.pass_context
def status(ctx: click.Context, /, *, as_json: bool) -> None:
    """Show what the settings and the stops let through: mode, allow-list, test recipient, ramp, what is stopped."""
    settings = settings_of(ctx)
    _told(_run(policiestopic.standing(settings)), settings, as_json=as_json)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except RuntimeError_ as error:
        raise Failed(str(error)) from None


def _known(settings: Settings, rule: str) -> None:
    """A stop of a rule that nobody has would stop nothing, and whoever is in a hurry would believe that it did."""
    try:
        _NAME.validate_python(rule)
    except ValidationError:
        raise WrongUsage("nothing was stopped: that is no name of a rule, which has 1 to 128 characters") from None
    journey = settings.journey
    try:
        rules = {one.spec.id for one in load_rules(journey.rules, builtin=journey.builtin_rules).every}
    except FileError as error:
        click.echo(f"whether there is such a rule is not known, since rules have mistakes:\n{error}", err=True)
        return
    if rule in rules:
        return
    if journey.rules_from is RuleHome.TOPIC:
        click.echo(f'note: the files here have no rule "{rule}"; the published rules may', err=True)
        return
    raise WrongUsage(f'nothing was stopped: there is no rule "{rule}"{did_you_mean(rule, rules)}')


def _told(standing: Standing, settings: Settings, *, as_json: bool) -> None:
    outreach = settings.outreach
    switches = switches_of(outreach)
    today = ramp_on(switches, to_ms(datetime.now(UTC)))
    if as_json:
        print_json(
            {
                "mode": outreach.mode,
                "stopped": [
                    {"rule": rule, "at": one and one.at, "note": one and one.note}
                    for rule, one in sorted(standing.stops.items())
                ],
                "allow": None if switches.allow is None else len(switches.allow),
                "test_recipient": sorted(switches.test_recipient),
                "ramp_today": today,
            }
        )
        return
    click.echo(f"mode: {outreach.mode}" + (" (nothing is sent)" if switches.observe else ""))
    if not standing.stops:
        click.echo("stopped: nothing")
    for rule, one in sorted(standing.stops.items()):
        since = f" since {one.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if one is not None else ""
        note = f": {one.note}" if one is not None and one.note else ""
        click.echo(f"stopped: {_named(rule)}{since}{note}")
    if switches.allow is not None:
        click.echo(f"allow-list: {len(switches.allow):,} customers and nobody else")
    for channel in sorted(switches.test_recipient):
        click.echo(f"test recipient: gets every message by {channel}")
    if today is not None:
        click.echo(f"ramp: at the most {today:,} messages today")


def _named(rule: str) -> str:
    return "everything" if rule == ALL else rule
