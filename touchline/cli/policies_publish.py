"""`touchline policies publish`."""

import asyncio
from pathlib import Path

import click

from touchline.agents.policybook import base_book, template_names
from touchline.agents.runtime.errors import RuntimeError_
from touchline.agents.runtime.policiestopic import publish_policies
from touchline.agents.settings import RuleHome
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import Failed
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.outreach.policyentries import Known
from touchline.pipeline.outreach.policyfiles import compile_policies, read_policies


@click.command(short_help="Put checked policies in force on all workers.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR…]")
@json_option
@click.pass_context
def publish(ctx: click.Context, /, paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Check policies and publish them to the topic `policies`: every worker takes them over between two batches.

    DIR: files and folders; without it those of the setting outreach.policies. The built-in policies go with them unless
    outreach.builtin_policies is false. Workers read them there when the setting outreach.policies_from is `topic`.
    """
    settings = settings_of(ctx)
    journey, outreach = settings.journey, settings.outreach
    rules = {rule.spec.id: rule.spec for rule in load_rules(journey.rules, builtin=journey.builtin_rules).every}
    texts = read_policies(paths or outreach.policies, builtin=outreach.builtin_policies)
    found = compile_policies(texts, base_book(outreach), Known(rules, template_names(outreach)))
    content = found.book.content
    try:
        offset = asyncio.run(publish_policies(settings, content, texts))
    except RuntimeError_ as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json({"hash": content, "policies": list(found.entries), "offset": offset})
    else:
        click.echo(f"published {len(found.entries)} policies as {content}")
    if outreach.policies_from is not RuleHome.TOPIC:
        click.echo("workers with these settings go by files: set outreach.policies_from to topic", err=True)
