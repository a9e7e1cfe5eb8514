"""`touchline topics`."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import click

from touchline.agents.runtime.errors import RuntimeError_, WorkerError
from touchline.agents.runtime.topics import check_topics, create_topics
from touchline.agents.settings import Settings
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import Failed


@click.group()
def topics() -> None:
    """Create or check the topics of the environment."""


@topics.command(short_help="Create the topics that are missing.")
@json_option
@click.pass_context
def create(ctx: click.Context, /, *, as_json: bool) -> None:
    """Create the topics that are missing, with the settings that correctness needs."""
    created = _run(create_topics, settings_of(ctx))
    if as_json:
        print_json({"created": created})
    else:
        click.echo("\n".join(f"created {name}" for name in created) or "all topics are there already")


@topics.command(short_help="Check topics, partitions and settings.")
@json_option
@click.pass_context
def check(ctx: click.Context, /, *, as_json: bool) -> None:
    """Check that all topics are there, with the partitions and settings that correctness needs."""
    problems = _run(check_topics, settings_of(ctx))
    if as_json:
        print_json({"problems": problems})
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise Failed(f"{len(problems)} problems")
    if not as_json:
        click.echo("all topics are as they should be")


def _run(what: Callable[[Settings], Coroutine[Any, Any, list[str]]], settings: Settings) -> list[str]:
    try:
        return asyncio.run(what(settings))
    except (RuntimeError_, WorkerError) as error:
        raise Failed(str(error)) from None
