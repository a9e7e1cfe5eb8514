"""`touchline rules test`: the tests beside rules, on the engine of the live run."""

import sys
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from touchline.cli.context import json_option, print_json, to_terminal
from touchline.cli.errors import WrongUsage
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.load import rule_files
from touchline.pipeline.friction.ruletest import Outcome, RuleTests, files_of_tests, load_tests, untested
from touchline.schemas.yamlfile import FileError

_MANY = 20
"""From so many tests on there is a progress line, on a terminal."""

Warned = tuple[Path, str | None, str]
"""A file of rules, a rule of it (None: all of them), and what its tests do not show."""


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="DIR|FILE...", type=click.Path(path_type=Path))
@json_option
def test(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Run the tests beside rules: all *.test.yaml below a folder, a file of tests, or those beside a file of rules.

    A test that fails shows its timeline: = as expected, ~ different, - missing, + too much. Exit code 1 when one fails,
    2 when a file has mistakes or there is no test.
    """
    found = _loaded(paths)
    if not sum(len(tests.tests) for tests in found):
        where = ", ".join(map(str, paths))
        raise WrongUsage(f"there are no rule tests in {where}: they are in files beside the rules, *.test.yaml")
    outcomes = _outcomes(found)
    warnings = _warnings(paths, found)
    failed = sum(not outcome.passed for outcome in outcomes)
    if as_json:
        print_json(_as_json(outcomes, warnings))
    else:
        for outcome in outcomes:
            _show(outcome)
        for file, rule, what in warnings:
            click.echo(f"warning: {file}: {f'{rule} ' if rule else ''}{what}", err=True)
        click.echo(f"{len(outcomes) - failed:,} passed, {failed:,} failed", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def _loaded(paths: tuple[Path, ...]) -> list[RuleTests]:
    """All test files; when some have mistakes, those of all of them are told."""
    catalogue, found, errors = Catalogue(), [], []
    for path in files_of_tests(paths):
        try:
            found.append(load_tests(path, catalogue))
        except FileError as error:
            errors.append(str(error))
    if errors:
        raise WrongUsage("\n".join(dict.fromkeys(errors)))
    return found


def _outcomes(found: list[RuleTests]) -> list[Outcome]:
    total = sum(len(tests.tests) for tests in found)
    outcomes = []
    with Progress(console=to_terminal(), transient=True, disable=total < _MANY or not sys.stderr.isatty()) as bar:
        task = bar.add_task("rule tests", total=total)
        for tests in found:
            for number in range(len(tests.tests)):
                outcomes.append(tests.outcome(number))
                bar.advance(task)
    return outcomes


def _warnings(paths: tuple[Path, ...], found: list[RuleTests]) -> list[Warned]:
    warned: list[Warned] = []
    files: dict[Path, list[RuleTests]] = {}
    for tests in found:
        files.setdefault(tests.rule_file, []).append(tests)
    for file, of in files.items():
        missing = untested(of[0].rules, of, of[0].ids)
        warned.extend((file, rule, f"has no test in which it {what}") for rule, what in missing)
    below = rule_files([path for path in paths if path.is_dir()])
    return warned + [(file, None, "no test is beside it") for file in below if file not in files]


def _show(outcome: Outcome) -> None:
    click.echo(f"{'passed' if outcome.passed else 'FAILED'}  {outcome.file}:{outcome.line}: {outcome.test}")
    if outcome.passed:
        return
    if outcome.shuffled:
        click.echo(f"    in another order of arrival (number {outcome.shuffled}):")
    for line in outcome.timeline:
        click.echo("\n        ".join((f"    {line.title}", *line.details)))


def _as_json(outcomes: list[Outcome], warnings: list[Warned]) -> dict[str, Any]:
    return {
        "passed": sum(outcome.passed for outcome in outcomes),
        "failed": sum(not outcome.passed for outcome in outcomes),
        "warnings": [{"file": file, "rule": rule, "message": what} for file, rule, what in warnings],
        "tests": [
            {
                "file": outcome.file,
                "line": outcome.line,
                "test": outcome.test,
                "passed": outcome.passed,
                "shuffled": outcome.shuffled,
                "timeline": [
                    {"mark": line.mark.name.lower()}
                    | {"expected": line.expected, "found": line.found, "differs": line.differs}
                    for line in outcome.timeline
                ],
            }
            for outcome in outcomes
        ],
    }
