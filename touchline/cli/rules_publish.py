"""`touchline rules publish`."""

import asyncio
from pathlib import Path

import click

from touchline.agents.runtime.errors import RuntimeError_
from touchline.agents.runtime.rulestopic import publish_rules
from touchline.agents.settings import RuleHome
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import Failed
from touchline.pipeline.friction.load import compile_texts, read_texts


@click.command(short_help="Put a checked set of rules in force on all workers.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR…]")
@json_option
@click.pass_context
def publish(ctx: click.Context, /, paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Check rules and publish them to the topic `rules`: every worker takes them over between two batches.

    DIR: files and folders; without it those of the setting journey.rules. The built-in rules go with them unless
    journey.builtin_rules is false. Workers read the topic when the setting journey.rules_from is `topic`.
    """
    settings = settings_of(ctx)
    texts = read_texts(paths or settings.journey.rules, builtin=settings.journey.builtin_rules)
    rules = compile_texts(texts)
    try:
        offset = asyncio.run(publish_rules(settings, rules.hash, texts))
    except RuntimeError_ as error:
        raise Failed(str(error)) from None
    if as_json:
        print_json({"hash": rules.hash, "rules": [rule.spec.id for rule in rules.every], "offset": offset})
    else:
        click.echo(f"published {len(rules.every)} rules as {rules.hash}")
    if settings.journey.rules_from is not RuleHome.TOPIC:
        click.echo("workers with these settings go by files: set journey.rules_from to topic", err=True)
