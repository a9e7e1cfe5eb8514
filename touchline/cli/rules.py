"""`touchline rules`: what an author of rules needs. Each command is imported when it is called."""

from typing import Final

import click

from touchline.cli.tablegroup import TableGroup

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


@click.group(cls=TableGroup, table=COMMANDS)
def rules() -> None:
    """Check rules, test them, prove them on history, and ask them why."""
