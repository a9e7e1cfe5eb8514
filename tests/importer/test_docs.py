"""The examples of docs/import.md: each map with the files before it gives what stands behind it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from touchline.importer import preview

PAGE = Path(__file__).parents[2] / "docs" / "import.md"
BLOCKS: list[tuple[str, str]] = re.findall(r"```(?:csv|yaml|json) (\S+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def examples() -> list[tuple[str, dict[str, str], str]]:
    """The map's name, all files that stood since the last example, and the lines expected."""
    found: list[tuple[str, dict[str, str], str]] = []
    files: dict[str, str] = {}
    for name, text in BLOCKS:
        if name == "expected":
            found.append((next(one for one in files if one.endswith(".yaml")), files, text))
            files = {}
        else:
            files[name] = text
    assert not files
    return found


@pytest.mark.parametrize(("map_name", "files", "expected"), examples())
def test_an_example(map_name: str, files: dict[str, str], expected: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    report, made = preview([tmp_path], tmp_path / map_name, 100)
    assert not report.problems
    assert [_read(one.value) for one in made] == [_read(line) for line in expected.splitlines()]


def _read(line: str | bytes) -> dict[str, Any]:
    touchpoint: dict[str, Any] = json.loads(line)
    return touchpoint


def test_the_page_has_its_examples() -> None:
    assert [name for name, _, _ in examples()] == ["orders.yaml", "reviews.yaml", "tickets.yaml"]
