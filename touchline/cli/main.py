"""The group: commands are loaded when they are called, and a user's mistake ends in one message.

Exit codes: 0 done, 1 something is wrong (it was found, or it failed), 2 wrong usage (arguments, settings, a missing
part of the installation).
"""

import logging
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from touchline.cli.table import COMMANDS, Entry

DEFAULT_SETTINGS = Path("touchline.yaml")


class LazyGroup(click.Group):
    """A group whose commands stand in a table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = entry.target.partition(":")
        try:
            command = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            raise _not_installed(cmd_name, entry, error) from None
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.target} is no click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command; a near miss is told the right name."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.list_commands(ctx):
            from touchline.schemas.yamlfile import did_you_mean  # noqa: PLC0415  # --help needs no parser

            raise click.UsageError(f'there is no command "{name}"{did_you_mean(name, COMMANDS)}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; what the user can mend is told in one message."""
        from touchline.cli.errors import USER_ERRORS, told  # noqa: PLC0415  # --help needs no client

        try:
            return super().invoke(ctx)
        except USER_ERRORS as error:
            raise told(error, ctx.obj) from None
        except ModuleNotFoundError as error:
            name = ctx.invoked_subcommand or ""
            raise _not_installed(name, COMMANDS[name], error) from None


def _not_installed(command: str, entry: Entry, error: ModuleNotFoundError) -> Exception:
    """The extra to install; without one that could be missing, the error itself: it is our mistake then."""
    if entry.extra is None or (error.name or "touchline").partition(".")[0] == "touchline":
        return error
    return click.UsageError(
        f"`touchline {command}` needs more than the base installation ({error.name} is missing): "
        f'pip install "touchline[{entry.extra}]"'
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(version("touchline"), prog_name="touchline")
@click.option(
    "--settings",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The settings file. Without it: touchline.yaml in this folder, if there is one, else the defaults.",
)
@click.pass_context
def main(ctx: click.Context, settings: Path | None) -> None:
    """Watches every touchpoint of a customer's journey, finds friction while it happens, and reaches out first."""
    for library in ("aiokafka", "clickhouse_driver", "kafka"):
        # What they would write to the error stream is told by our own messages; a worker's handlers still get it.
        logging.getLogger(library).addHandler(logging.NullHandler())
    ctx.obj = settings or (DEFAULT_SETTINGS if DEFAULT_SETTINGS.is_file() else None)
