"""`touchline rules`: what an author of rules needs. Each command is imported when it is called."""

from importlib import import_module
from typing import Final

import click

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "check": ("touchline.cli.rules_check:check", "Look for mistakes, contradictions and costs; nothing runs."),
    "test": ("touchline.cli.rules_test:test", "Run the tests beside rules."),
    "explain": ("touchline.cli.rules_explain:explain", "Show why a signal was opened, updated and ended."),
    "why-not": ("touchline.cli.rules_explain:why_not", "Explain why a rule said nothing."),
    "backtest": ("touchline.cli.backtest:backtest", "Run rules over history: what were their signals worth?"),
    "diff": ("touchline.cli.backtest:diff", "Show which signals two sets of rules tell apart, on history."),
    "docs": ("touchline.cli.rules_docs:docs", "Write pages about rules and their tests."),
    "publish": ("touchline.cli.rules_publish:publish", "Put a checked set of rules in force on all workers."),
}
"""Each command: `module:name`, and what `touchline rules --help` says of it."""


class RulesGroup(click.Group):
    """A group whose commands stand in a table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name][0]} is no click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command; a near miss is told the right name."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            from touchline.schemas.yamlfile import did_you_mean  # noqa: PLC0415  # --help needs no parser

            raise click.UsageError(f'there is no command "rules {name}"{did_you_mean(name, COMMANDS)}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=RulesGroup)
def rules() -> None:
    """Check rules, test them, prove them on history, and ask them why."""
