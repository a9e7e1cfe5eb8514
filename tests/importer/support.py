"""Maps and files out of a test's own text."""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

from touchline.importer import ImportReport, RowProblem, preview

HEAD = """
schema: map/1
name: shop
zone: Europe/Berlin
times: ["%Y-%m-%d %H:%M:%S"]
inputs:
"""


class Result(NamedTuple):
    report: ImportReport
    touchpoints: list[dict[str, Any]]

    @property
    def problems(self) -> list[str]:
        return [str(problem) for problem in self.report.problems]

    @property
    def rows(self) -> list[RowProblem]:
        return self.report.problems


def write(folder: Path, files: dict[str, str | bytes]) -> list[Path]:
    """Writes files, text without its indentation."""
    paths = []
    for name, text in files.items():
        path = folder / name
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).lstrip("\n").encode())
        paths.append(path)
    return paths


def mapped(folder: Path, map_text: str, files: dict[str, str | bytes]) -> Result:
    """What a map makes of files."""
    map_path = folder / "map.yaml"
    map_path.write_text(dedent(map_text), encoding="utf-8")
    report, made = preview(write(folder, files), map_path, 1_000_000)
    assert report.adds_up
    return Result(report, [json.loads(one.value) for one in made])
