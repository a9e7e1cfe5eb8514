"""docs/your-data.md: its table, map, rules and tests, and every command with what it prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.docs.pages import ROOT, blocks
from touchline.cli import main

PAGE = ROOT / "docs" / "your-data.md"
NAMED = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))
SHOWN = [block.text for block in blocks(PAGE, "text")]
COMMANDS = [
    line
    for block in blocks(PAGE, "sh")
    for line in block.text.replace("\\\n", " ").splitlines()
    if line.startswith("touchline ")
]
DRY_RUN, CHECK, TEST, BACKTEST, DIFF, WHY_NOT, DEMO = COMMANDS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the files of the page saved."""
    monkeypatch.chdir(tmp_path)
    for name, text in NAMED.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path


def run(line: str) -> Result:
    words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
    result = CliRunner().invoke(main, words[1:])
    assert result.exit_code == 0, result.output
    return result


def told(text: str) -> list[str]:
    """Lines without what is of the run (speed, and blanks at the end) or of a release (the hash of the rules)."""
    return [re.sub(r"[\d.]+ s \([\d,]+/s\)|\([0-9a-f]{16}\)", "", line).rstrip() for line in text.splitlines()]


def test_the_files_of_the_page() -> None:
    assert list(NAMED) == ["repairs.csv", "repairs.yaml", "rules/repairs.yaml", "rules/repairs.test.yaml"]


@pytest.mark.parametrize(
    ("command", "shown"), [(DRY_RUN, SHOWN[0]), (TEST, SHOWN[1]), (BACKTEST, SHOWN[2]), (WHY_NOT, SHOWN[3])]
)
@pytest.mark.usefixtures("folder")
def test_a_command_prints_what_is_shown(command: str, shown: str) -> None:
    assert told(run(command).stdout) == told(shown)


def test_the_check_finds_what_the_page_says_that_it_finds(folder: Path) -> None:
    assert run(f"{CHECK} --strict").stderr == "0 errors, 0 warnings, 0 notes\n"
    rules = folder / "rules" / "repairs.yaml"
    rules.write_text(rules.read_text("utf-8").replace("amount >=", "amuont >="), "utf-8")
    assert 'did you mean "amount"?' in run(CHECK).stdout
    rules.write_text(NAMED["rules/repairs.yaml"], "utf-8")
    text = NAMED["repairs.yaml"].replace('{from: "{amount}", as: number}', '"{amount}"')
    (folder / "repairs.yaml").write_text(text, "utf-8")
    failed = CliRunner().invoke(main, CHECK.split()[1:])
    assert failed.exit_code == 1
    assert '"amount" is a text in repair.estimated, compared as a number' in failed.stdout


def test_the_comparison_with_another_threshold(folder: Path) -> None:
    text = NAMED["rules/repairs.yaml"].replace("at_least: 2", "at_least: 3")
    (folder / "stricter.yaml").write_text(text, "utf-8")
    assert "vanishes calls_about_a_repair, repair:R1" in run(DIFF).stdout


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_whole_pipeline_says_the_same(folder: Path) -> None:
    command = [sys.executable, "-m", "touchline.cli", *DEMO.split()[1:]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 signals" in done.stdout
    assert "no channel" in done.stdout
    assert (folder / "touchline-report.html").is_file()
