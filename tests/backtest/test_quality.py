"""docs/quality.md: its figures, computed anew. The data is not part of the project, see tests/backtest/quality.py."""

import os
import re
from pathlib import Path

import pytest

from tests.backtest.quality import HEAD, PAGE, PLAIN, TABLE, commands, rewritten, table
from touchline.pipeline.friction.load import load_rules
from touchline.schemas.mapfile import load_map

TEXT = PAGE.read_text("utf-8")
EXAMPLES = PAGE.parents[1] / "examples"


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("TOUCHLINE_DATA")
    if not folder:
        pytest.skip("TOUCHLINE_DATA names no folder with the data sets")
    return Path(folder)


def test_every_command_of_the_page_has_a_table_and_a_data_set() -> None:
    assert len(commands(TEXT)) == len(TABLE.findall(TEXT)) == 6
    assert all(sum(f"/{name} " in command for name in PLAIN) == 1 for command in commands(TEXT))
    assert rewritten(TEXT, TABLE.findall(TEXT)) == TEXT


def test_every_rule_of_a_table_is_in_the_rules_that_its_command_runs() -> None:
    for command, shown in zip(commands(TEXT), TABLE.findall(TEXT), strict=True):
        (file,) = re.findall(r"--rules (examples/\S+)", command)
        ids = {rule.spec.id for rule in load_rules([PAGE.parents[1] / file], builtin=False).rules}
        named = set(re.findall(r"^\| `(\w+)`", shown.removeprefix(HEAD), re.MULTILINE))
        assert named
        assert named <= ids


@pytest.mark.parametrize("path", sorted((EXAMPLES / "maps").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_map_loads(path: Path) -> None:
    assert load_map(path).map.name == path.stem


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(len(commands(TEXT))))
def test_the_figures_of_the_page_are_what_its_command_gives(data: Path, number: int) -> None:
    assert table(commands(TEXT)[number], data) == TABLE.findall(TEXT)[number]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_unhappy_tweets_are_found_as_well_as_was_asked_for(data: Path) -> None:
    shown = table(commands(TEXT)[0], data)
    row = next(line for line in shown.splitlines() if "negative_tweet" in line)
    precision, recall = row.split("|")[6:8]
    assert float(precision.split()[0]) >= 0.88
    assert float(recall) >= 0.64
