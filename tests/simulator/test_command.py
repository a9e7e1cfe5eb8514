"""`touchline simulate`."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from touchline.cli import main

FEW = ["simulate", "--customers", "20", "--days", "5", "--start", "2026-03-01"]


def test_the_same_file_twice_and_the_truth_beside_it(tmp_path: Path) -> None:
    one, two, truth = tmp_path / "a" / "one.ndjson", tmp_path / "two.ndjson.gz", tmp_path / "truth.ndjson"
    result = CliRunner().invoke(main, [*FEW, "--out", str(one), "--truth", str(truth)])
    assert result.exit_code == 0, result.output
    assert CliRunner().invoke(main, [*FEW, "--out", str(two)]).exit_code == 0
    assert gzip.decompress(two.read_bytes()) == one.read_bytes()
    first = two.read_bytes()
    CliRunner().invoke(main, [*FEW, "--out", str(two)])
    assert two.read_bytes() == first
    events = [json.loads(line) for line in one.read_text().splitlines()]
    assert events[0]["occurred_at"].startswith("2026-03-01T")
    assert all(
        {"customer", "friction", "complains", "complains_if_reached"} <= json.loads(line).keys()
        for line in truth.read_text().splitlines()
    )


def test_the_output_is_the_events_alone() -> None:
    result = CliRunner().invoke(main, FEW)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) > 100
    assert all(json.loads(line)["event_id"] for line in lines)
    assert "touchpoints to the output" in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--customers", "0"], 2, "at least one customer"),
        (["--late", "0.9"], 2, "late is a share"),
        (["--start", "tomorrow"], 2, "no ISO 8601 time"),
        (["--start", "2026-03-01T12:00"], 2, "no ISO 8601 time with its offset"),
        (["--reached", "nowhere.ndjson"], 2, "can't be read"),
        (["--out", "/dev/null/x"], 1, "can't be written"),
        (["--out", "x", "--publish"], 2, "choose one"),
    ],
)
def test_a_mistake_is_told(options: list[str], code: int, words: str) -> None:
    result = CliRunner().invoke(main, ["simulate", *options])
    assert result.exit_code == code, result.output
    assert words in result.output
