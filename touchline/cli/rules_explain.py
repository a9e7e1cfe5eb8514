"""`touchline rules explain` and `touchline rules why-not`: why a signal is there, and why one is not."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from touchline.agents.settings import Settings
from touchline.backtest.run import options_of
from touchline.backtest.sources import HistoryError, Lines, Mapped, Source
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import Failed, WrongUsage
from touchline.cli.moment import Moment
from touchline.explain.history import FileHistory, WarehouseHistory, now
from touchline.explain.show import lines, part_of, step_json, thresholds
from touchline.pipeline.engine.clock import from_ms, to_ms
from touchline.pipeline.friction.evidence import shown_time
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.trace import Step, Tracer
from touchline.pipeline.friction.whynot import Silence
from touchline.schemas.yamlfile import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, path_type=Path)


def _history_options(command: F) -> F:
    """The rules and the history, the same for both commands."""
    for option in (
        click.option("--builtin/--no-builtin", default=None, help="With the built-in rules.  [default: settings]"),
        click.option("--rules", type=_FILE, multiple=True, help="A file or folder of rules.  [default: settings]"),
        click.option("--sort", "in_time", is_flag=True, help="Put lines of NDJSON into the order of time first."),
        click.option("--map", "map_file", type=_FILE, help="The import map by which the files are read."),
        click.option(
            "--events", "files", type=_FILE, multiple=True, metavar="FILE", help="History; else the warehouse."
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options say."""

    settings: Settings
    rules: RuleSet
    history: FileHistory | WarehouseHistory

    @classmethod
    def of(cls, ctx: click.Context, given: dict[str, Any]) -> "_Asked":
        settings = settings_of(ctx)
        builtin = settings.journey.builtin_rules if given["builtin"] is None else given["builtin"]
        rules = load_rules(given["rules"] or settings.journey.rules, builtin=builtin)
        files: tuple[Path, ...] = given["files"]
        if not files:
            return cls(settings, rules, WarehouseHistory(settings.warehouse, now()))

        def open_() -> Source:
            if given["map_file"] is not None:
                return Mapped(files, given["map_file"])
            return Lines(files, given["in_time"])

        return cls(settings, rules, FileHistory(settings, rules, open_, lambda _what, _done, _total: None))

    def rule(self, name: str) -> Rule:
        """A rule by its id.

        Raises: WrongUsage."""
        found = self.rules.by_id.get(name)
        if any(rule.spec.id == name for rule in self.rules.incidents):
            raise WrongUsage(
                f'"{name}" is about incidents, and this follows one customer: the topic incidents names who is '
                "affected, `touchline rules backtest` counts them, and each signal that it counts can be explained"
            )
        if found is None:
            raise WrongUsage(f'there is no rule "{name}"{did_you_mean(name, self.rules.by_id)}')
        return found

    def trace(self, rule: Rule, customer: str, at: int | None, around: int | None = None) -> tuple[list[Step], int]:
        """The steps of a rule for a customer up to a moment, and how far they go; `around` it something is known to
        have happened.

        Raises: Failed when nothing is known of the customer."""
        journey = self.history.journey(customer, at, around)
        until = at if at is not None else journey.until
        if until is None or not journey.events:
            raise Failed(f'no touchpoint of customer "{customer}" is in this history{self.history.elsewhere(customer)}')
        return Tracer(self.rules, rule, options_of(self.settings)).trace(journey.events, until), until


@click.command()
@click.argument("signal")
@_history_options
@json_option
@click.pass_context
def explain(ctx: click.Context, /, signal: str, *, as_json: bool, **given: Any) -> None:
    """Show why a SIGNAL (its id) was opened, updated and ended: its events, values, thresholds, and the state between.

    The facts go through the engine of the live run once more. They come from the warehouse of the settings, or from
    files (--events), which are run through all rules to find the signal.
    """
    try:
        asked = _Asked.of(ctx, given)
        whose = asked.history.whose(signal)
        if whose is None:
            raise Failed(f'there is no signal "{signal}" in this history, by these rules')
        rule = asked.rule(whose.rule)
        steps = part_of(asked.trace(rule, whose.customer, None, whose.at)[0], signal)
    except HistoryError as error:
        raise Failed(str(error)) from None
    changed = whose.ruleset != asked.rules.hash
    if not any(said.signal_id == signal for step in steps for said in step.signals):
        why = "the rules are other ones now" if changed else "an event of it is missing there, or came in another order"
        raise Failed(f"the history, by today's rules, does not give signal {signal} of rule {rule.spec.id}: {why}")
    if as_json:
        told = {"signal_id": signal, "rule": rule.spec.id, "customer": whose.customer, "rules_changed": changed}
        print_json(told | {"looks_for": thresholds(rule), "steps": [step_json(rule, step) for step in steps]})
        return
    click.echo(f"signal {signal} of {whose.customer}, rule {rule.spec.id} ({rule.spec.severity}, {rule.spec.owner})")
    click.echo(f"looks for: {thresholds(rule)}")
    if changed:
        click.echo("the rules have changed since; this is what today's say")
    for step in steps:
        click.echo("\n".join(lines(rule, step)))


@click.command("why-not")
@click.option("--rule", "name", required=True, help="The rule that was silent.")
@click.option("--customer", required=True, help="The customer's id.")
@click.option("--at", type=Moment(), help="Up to this moment.  [default: the end of the files, or now]")
@_history_options
@json_option
@click.pass_context
def why_not(
    ctx: click.Context, /, name: str, customer: str, at: datetime | None, *, as_json: bool, **given: Any
) -> None:
    """Explain a silence: which events were seen, and what kept the rule from saying something."""
    try:
        asked = _Asked.of(ctx, given)
        rule = asked.rule(name)
        steps, until = asked.trace(rule, customer, to_ms(at) if at is not None else None)
    except HistoryError as error:
        raise Failed(str(error)) from None
    reasons = Silence(rule, steps, until, options_of(asked.settings)).reasons()
    seen = [step for step in steps if step.event is None or step.parts or step.linked]
    if as_json:
        told = {"rule": name, "customer": customer, "at": from_ms(until).isoformat(), "looks_for": thresholds(rule)}
        counted = {"events": sum(step.event is not None for step in steps), "reasons": [asdict(r) for r in reasons]}
        print_json(told | counted | {"steps": [step_json(rule, step) for step in seen]})
        return
    click.echo(f"rule {name} for {customer}, up to {shown_time(until)}")
    click.echo(f"looks for: {thresholds(rule)}")
    for reason in reasons:
        click.echo(f"- {reason.message}")
    if seen:
        click.echo("what it looked at:")
    for step in seen:
        click.echo("\n".join(lines(rule, step)))
