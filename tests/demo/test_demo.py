"""The demo from beginning to end on the embedded parts, as a user starts it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from touchline.agents.settings import load_settings
from touchline.cli import main

SHOP = ["--customers", "150", "--days", "12", "--start", "2026-03-01"]
ORDERS = """order,customer,placed,promised,delivered
A1,c-1,2026-05-04 10:00,2026-05-07 23:00,2026-05-07 16:20
A2,c-2,2026-05-04 11:30,2026-05-07 23:00,2026-05-11 12:05
A3,c-3,2026-05-05 19:42,2026-05-09 23:00,
A4,c-4,yesterday,2026-05-09 23:00,
"""
MAP = """schema: map/1
name: shop
zone: Europe/Berlin
times: ["%Y-%m-%d %H:%M"]
inputs:
- files: orders.csv
  touchpoints:
  - kind: order.placed
    at: "{placed}"
    customer: "{customer}"
    subjects: ["order:{order}"]
    attributes:
      promised_at: {from: "{promised}", as: time}
  - kind: delivery.scanned
    when: {delivered: {present: true}}
    at: "{delivered}"
    customer: "{customer}"
    subjects: ["order:{order}"]
    attributes: {status: delivered}
"""


RULE = """schema: friction/1
rules:
- id: ordered
  owner: sales
  stage: purchase
  detect: {match: {event: order.placed}}
  evidence: An order
  action: Nothing
"""


def run(*options: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "touchline.cli", "demo", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_simulated_shop_to_the_end(tmp_path: Path) -> None:
    done = run("--exit", "--json", *SHOP, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert [check["title"] for check in figures["checks"] if check["holds"]] == [
        "Published = enriched + duplicates + rejected",
        "Rows in ClickHouse = enriched",
        "Every aggregate = its facts",
        "One decision for each signal",
    ]
    assert figures["touchpoints"] > 1_500
    assert {"promise_broken", "repeated_contact"} <= {row["rule"] for row in figures["rules"]}
    assert len(figures["journeys"]) == 3
    page = (tmp_path / "touchline-report.html").read_text()
    assert f"What {figures['touchpoints']:,} touchpoints said" in page


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_files_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "shop.yaml").write_text(MAP)
    (tmp_path / "mine.yaml").write_text(RULE)
    files = ["--map", "shop.yaml", "--input", "orders.csv", "--report", "r.html"]
    done = run("--exit", *files, "--rules", "mine.yaml", "--data", "kept", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ordered" in done.stdout
    assert "Ask the warehouse" not in done.stdout, "nobody is there to be asked after --exit"
    assert "`touchline up --data kept` opens it again" in done.stderr
    kept = load_settings(tmp_path / "kept" / "touchline.yaml", {})
    assert kept.journey.rules == (tmp_path / "mine.yaml",), "`try` and `rules explain` go by the same rules"
    assert "What 5 touchpoints said" in done.stdout
    assert "1 could not be read and were left out" in done.stdout
    assert "Published = enriched + duplicates + rejected: 5 = 5 + 0 + 0" in done.stdout
    assert "promise broken" in done.stdout
    assert (tmp_path / "r.html").is_file()


def test_what_does_not_go_together_is_told(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "shop.yaml").write_text(MAP.replace("{promised}", "{promisd}"))
    shop = ["--input", str(tmp_path / "orders.csv"), "--map", str(tmp_path / "shop.yaml")]
    for options, words in (
        (["--map", "x.yaml"], "--map and --input belong together"),
        (["--customers", "0"], "at least one customer"),
        (shop, "orders.csv has no column promisd"),
        ([*shop[:3], str(tmp_path / "none.yaml")], "none.yaml:1:1: can't be read"),
        (["--report", str(tmp_path / "none" / "r.html")], "is no file in a folder that is there"),
        (["--data", str(tmp_path)], "is not an empty folder"),
        (["--rules", str(tmp_path / "shop.yaml")], "shop.yaml:1:9: schema: expected friction/1"),
    ):
        result = CliRunner().invoke(main, ["demo", "--exit", *options])
        assert result.exit_code == 2, result.output
        assert words in result.output
