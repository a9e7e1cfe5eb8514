"""docs/rules.md, "Prove it on history": its commands print what is shown."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.pages import ROOT, section
from touchline.cli import main

BLOCKS = section(ROOT / "docs" / "rules.md", "Prove it on history")
COMMANDS = [block.text.replace("\\\n", " ").strip() for block in BLOCKS if block.language == "sh"]
SHOWN = [block.text for block in BLOCKS if block.language == "text"]
RULES = next(block.text for block in BLOCKS if block.language == "yaml")
_OWN = re.compile(r"[\d.]+ s \([\d,]+/s\)|\([0-9a-f]{16}\)")
"""The speed, and the hash of the rules, which another release may give another one."""


def printed(command: str) -> str:
    """What a command prints, without blanks at the ends of lines and what each run has of its own."""
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    return plain(result.stdout)


def plain(text: str) -> str:
    return _OWN.sub("…", "\n".join(line.rstrip() for line in text.splitlines()))


def test_rules_are_proven_and_compared_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    simulate, backtest, diff = COMMANDS
    Path("again.yaml").write_text(RULES, "utf-8")
    Path("sooner.yaml").write_text(RULES.replace("at_least: 3", "at_least: 2"), "utf-8")
    printed(simulate)
    assert printed(backtest) == plain(SHOWN[0])
    assert printed(diff) == plain(SHOWN[1])
    assert "earlier 2026-01-01 to 2026-01-16" in printed(f"{backtest} --split 2026-01-16")
    assert printed(f"{backtest} --json").startswith('{"source":"history.ndjson"')
