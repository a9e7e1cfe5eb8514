"""`touchline warehouse` on the embedded one."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from touchline.cli import main
from touchline.embedded import EmbeddedWarehouse


@pytest.fixture
def settings(warehouse: EmbeddedWarehouse, database: str, tmp_path: Path) -> Path:
    path = tmp_path / "touchline.yaml"
    text = f"warehouse: {{host: '{warehouse.host}', port: {warehouse.port}, database: {database}}}\n"
    path.write_text(text, encoding="utf-8")
    return path


def run(settings: Path, *arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["--settings", str(settings), "warehouse", *arguments], input=text)


def test_migrate_verify_rebuild_and_query(settings: Path) -> None:
    before = run(settings, "query", "SELECT count() FROM touchpoints_all_of_them")
    assert before.exit_code == 1
    assert "ClickHouse at" in before.stderr
    assert "Traceback" not in before.stderr
    first = run(settings, "migrate")
    assert first.exit_code == 0, first.stderr
    assert first.stdout.startswith("applied ")
    assert run(settings, "migrate").stdout == "the tables are up to date\n"
    assert run(settings, "verify").stdout == "every aggregate equals the facts\n"
    slip = run(settings, "query", "SELECT 1 FRM x")
    assert slip.exit_code == 1
    assert "Syntax error: failed at position 14 (x)" in slip.stderr
    assert 'did you mean "SELECT"?' in run(settings, "query", "SELEC 1").stderr
    assert json.loads(run(settings, "verify", "--json").stdout) == {"differences": []}
    for change in (
        "DROP TABLE fact_touchpoints",
        "/* a */ insert into t select 1",
        "WITH 1 AS a INSERT INTO t SELECT a",
        "",
    ):
        refused = run(settings, "query", change)
        assert refused.exit_code == 2, change
        assert "--write runs what changes things too" in refused.stderr
    assert run(settings, "query", "--write", "CREATE TABLE t (a UInt8) ENGINE = Memory").exit_code == 0
    assert run(settings, "query", "(WITH 1 AS a SELECT a) -- INSERT").exit_code == 0
    assert run(settings, "rebuild").stdout == "0 minutes were counted anew, and their hours and days\n"
    sql = "SELECT number AS n, 'a' AS letter FROM numbers(2)"
    assert [line.split() for line in run(settings, "query", sql).stdout.splitlines()] == [
        ["n", "letter"], ["0", "a"], ["1", "a"],
    ]  # fmt: skip
    assert run(settings, "query", "-", "--csv", text=sql).stdout == "n,letter\n0,a\n1,a\n"
    assert [json.loads(line) for line in run(settings, "query", sql, "--json").stdout.splitlines()] == [
        {"n": 0, "letter": "a"},
        {"n": 1, "letter": "a"},
    ]


def test_a_warehouse_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "touchline.yaml"
    path.write_text("warehouse: {port: 1}\n", encoding="utf-8")
    result = run(path, "migrate")
    assert result.exit_code == 1
    assert "ClickHouse at 127.0.0.1:1 can't be reached" in result.stderr


def test_who_asks_the_wrong_port_is_told_where_up_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "touchline.yaml").write_text("warehouse: {port: 1}\n", encoding="utf-8")
    hint = "add: --settings .touchline/touchline.yaml"
    asked = ["warehouse", "query", "SELECT 1"]
    assert hint not in CliRunner().invoke(main, asked).stderr
    (tmp_path / ".touchline").mkdir()
    (tmp_path / ".touchline" / "touchline.yaml").write_text("warehouse: {port: 1}\n", encoding="utf-8")
    assert hint in CliRunner().invoke(main, asked).stderr
    assert hint not in CliRunner().invoke(main, ["--settings", ".touchline/touchline.yaml", *asked]).stderr


def test_measures_are_printed_with_cases_or_as_json(settings: Path) -> None:
    missing = run(settings, "measures")
    assert missing.exit_code == 1
    assert "`touchline warehouse migrate`" in missing.stderr
    assert run(settings, "migrate").exit_code == 0
    three = (
        "INSERT INTO fact_touchpoints (occurred_at, source, event_id, customer, kind, channel, score_scale, score) "
        "SELECT toDateTime64('2026-03-01', 3, 'UTC') + INTERVAL n DAY, 'x', 'e' || n, 'c', 'survey.answered', "
        "'survey', 'csat', n FROM (SELECT arrayJoin([2, 4, 5]) AS n)"
    )
    assert run(settings, "query", "--write", three).exit_code == 0
    assert run(settings, "rebuild").exit_code == 0
    lines = {line.split("  ")[0]: line.split() for line in run(settings, "measures").stdout.splitlines()}
    assert lines["Customer satisfaction (CSAT)"][3:] == ["66.7", "%", "20.8", "%", "to", "93.9", "%", "3", "↑"]
    assert lines["Net promoter score (NPS)"][4:] == ["-", "points", "↑"]
    told = run(settings, "measures", "--json", "--from", "2026-03-04", "--to", "2026-03-05").stdout.splitlines()
    found = {one["measure"]: one for one in map(json.loads, told)}
    assert (found["csat"]["value"], found["csat"]["cases"]) == (100.0, 1)
    assert (found["nps"]["value"], found["nps"]["cases"], found["nps"]["low"]) == (None, 0, None)
    assert (found["csat"]["from"], found["csat"]["to"]) == ("2026-03-04", "2026-03-05")
    assert found["csat"]["definition"]


def test_days_that_are_none_or_the_wrong_way_round_are_told(settings: Path) -> None:
    turned = run(settings, "measures", "--from", "2026-03-09", "--to", "2026-03-01")
    assert turned.exit_code == 2
    assert "--from 2026-03-09 is later than --to 2026-03-01" in turned.stderr
    assert run(settings, "measures", "--from", "soon").exit_code == 2
