"""`touchline messages`: what an author of texts needs."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, Unpack

import click

from touchline.agents.settings import Settings
from touchline.agents.texts import harmless, messages_of
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import WrongUsage
from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.friction.rules import RuleSet
from touchline.pipeline.outreach.ids import decision_id
from touchline.pipeline.outreach.links import PATH
from touchline.pipeline.outreach.messages import BUILT_IN
from touchline.pipeline.outreach.plan import Plan
from touchline.pipeline.outreach.sms import sms_length
from touchline.pipeline.outreach.templates_file import Checking
from touchline.pipeline.outreach.templates_known import told_by_rules
from touchline.pipeline.outreach.templates_report import Report, Row, check_texts
from touchline.schemas.customer import Profile
from touchline.schemas.outreach import Message
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Channel
from touchline.schemas.yamlfile import did_you_mean
from touchline.trial.sample import SampleError, read_profile, read_signal, sample_signal
from touchline.trial.show import show_message

_FILE = click.Path(dir_okay=False, path_type=Path)
_ADDRESS = {Channel.EMAIL: "customer@example.com", Channel.SMS: "+44 20 7946 0000"}


@click.group()
def messages() -> None:
    """Check the texts that customers read, and see what becomes of them."""


@messages.command()
@click.argument("paths", nargs=-1, metavar="[PATH...]", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@json_option
@click.pass_context
def check(ctx: click.Context, /, paths: tuple[Path, ...], *, strict: bool, as_json: bool) -> None:
    """Look through files and folders of texts for everything that is wrong or odd. Nothing is sent.

    Without a PATH: the texts of the settings, or the built-in ones when there are none. A text of the name of a rule is
    checked against what that rule can tell; the rules are those of the settings. Exit code 1 when there is an error.
    """
    settings = settings_of(ctx)
    checking = Checking(told_by_rules(_rules(settings)), links=settings.outreach.links is not None)
    report = check_texts(paths or settings.outreach.texts or (BUILT_IN,), checking, settings.outreach.locale)
    if as_json:
        print_json({"errors": report.count("error"), "warnings": report.count("warning"), **asdict(report)})
    else:
        _show(report)
    if report.count("error") or (strict and report.count("warning")):
        raise click.exceptions.Exit(1)


class _Preview(TypedDict):
    """The options of `preview`."""

    rule: str | None
    signal_file: Path | None
    profile_file: Path | None
    locale: str | None
    zone: str | None
    channel: str
    html_file: Path | None
    as_json: bool


@messages.command()
@click.argument("text", required=False)
@click.option("--rule", help="The rule whose signal it is about.  [default: the rule of the text's name]")
@click.option("--signal", "signal_file", type=_FILE, help="A signal, as `touchline tail signals --json` prints it.")
@click.option("--profile", "profile_file", type=_FILE, help="A customer's profile, likewise.")
@click.option("--locale", help="The customer's language, such as de or de-AT.")
@click.option("--zone", help="The customer's time zone, such as Europe/Vienna.")
@click.option(
    "--channel",
    type=click.Choice([channel.value for channel in Channel]),
    default=Channel.EMAIL.value,
    show_default=True,
)
@click.option(
    "--html", "html_file", type=_FILE, help="Write the html of the e-mail to a file, to look at in a browser."
)
@json_option
@click.pass_context
def preview(ctx: click.Context, /, text: str | None, **given: Unpack[_Preview]) -> None:
    """Show the message that TEXT makes of a signal; without TEXT, that of the signal's rule. Nothing is sent.

    The signal is one that a test of the rule ends with, unless --signal names one. Links are shown, but those of a
    preview lead nowhere. Exit code 1 when the text can't be made of that signal, so that another stands in for it.
    """
    settings = settings_of(ctx)
    texts = messages_of(harmless(settings.outreach))
    if text is not None and text not in texts.names:
        raise WrongUsage(f'there is no text "{text}"{did_you_mean(text, sorted(texts.names))}')
    try:
        signal = _signal(settings, text, given["rule"], given["signal_file"])
        known = given["profile_file"]
        profile = read_profile(known) if known else Profile(customer=signal.customer, updated_at=from_ms(0))
    except SampleError as error:
        raise WrongUsage(str(error)) from None
    profile.locale, profile.zone = given["locale"] or profile.locale, given["zone"] or profile.zone
    medium, plan = Channel(given["channel"]), Plan(template=text)
    address = _ADDRESS.get(medium, "customer")
    message = texts.render(signal, profile, medium, plan, decision_id(signal.signal_id), address)
    problem = texts.problem(signal, profile, medium, plan)
    if given["html_file"] is not None:
        _write(given["html_file"], message)
    if given["as_json"]:
        print_json(_as_json(message, medium, problem))
    else:
        _print(message, medium, problem)
    if problem is not None:
        raise click.exceptions.Exit(1)


def _rules(settings: Settings) -> RuleSet:
    return load_rules(settings.journey.rules, builtin=settings.journey.builtin_rules)


def _signal(settings: Settings, text: str | None, rule: str | None, file: Path | None) -> Signal:
    if file is not None:
        return read_signal(file)
    wanted = rule or text
    if wanted is None:
        raise WrongUsage("name a text, or --rule RULE, or --signal FILE")
    known = sorted(one.spec.id for one in _rules(settings).every)
    if rule is not None and rule not in known:
        raise WrongUsage(f'there is no rule "{rule}"{did_you_mean(rule, known)}')
    if wanted not in known:
        raise WrongUsage(f'"{text}" is no rule: name the rule of a signal to show it on, with --rule or --signal')
    return sample_signal(wanted, settings.journey.rules, builtin=settings.journey.builtin_rules)


def _show(report: Report) -> None:
    for finding in report.findings:
        click.echo(str(finding))
    if report.texts:
        click.echo(f"{'text':<32} {'language':<9} {'e-mail':<8} {'as a text message':<24}")
    for row in report.texts:
        html = "own html" if row.html else "text"
        click.echo(f"{row.name:<32} {row.locale:<9} {html:<8} {_parts(row)}".rstrip())
    counts = (f"{report.count(severity):,} {severity}s" for severity in ("error", "warning"))
    click.echo(", ".join(counts), err=True)


def _parts(row: Row) -> str:
    most = f"{row.most}" if row.most else "?"
    span = most if row.least == row.most else f"{row.least} to {most}"
    return f"{span} of {row.segments} parts"


def _write(path: Path, message: Message) -> None:
    if message.html is None:
        raise WrongUsage("--html is for --channel email: on others there is no html")
    try:
        path.write_text(message.html, encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"{path} can't be written: {error.strerror}") from None


def _print(message: Message, channel: Channel, problem: str | None) -> None:
    from rich.console import Console  # noqa: PLC0415  # a program that asks for JSON needs no terminal
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    show_message(channel, message, console)
    for link in _links(message):
        console.print(Text.assemble(("link      ", "bold"), " ", link), soft_wrap=True)
    if problem is not None:
        click.echo(f"the text can't be made of this signal ({problem}), so another stands in for it", err=True)


def _links(message: Message) -> list[str]:
    """Its links, each once, in their order."""
    found = re.findall(r"https?://[^\s\"<>]+", message.text)
    return [link + (" (signed, but of no use here)" if PATH in link else "") for link in dict.fromkeys(found)]


def _as_json(message: Message, channel: Channel, problem: str | None) -> dict[str, Any]:
    length = sms_length(message.text) if channel is Channel.SMS else None
    return {"message": message, "sms": length, "problem": problem}
