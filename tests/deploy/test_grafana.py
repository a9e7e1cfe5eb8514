"""Dashboards are what Grafana takes, and what is provisioned agrees with the compose file, the users of the warehouse
and docs/dashboards.md."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.deploy.dashboards import COLUMNS, DASHBOARDS, DEFINITIONS, GRAFANA, PLUGIN, SCHEMA, SOURCE, Dashboard
from tests.deploy.macros import MacroError, View, expand, variables

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "dashboards.md"
FILES = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(DASHBOARDS.glob("*.json"))}
COMPOSE = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())
SERVICE = COMPOSE["services"]["grafana"]
UNITS = {"short", "none", "percent", "s"}
"""Those of Grafana's units that are in use."""

PARTS = {
    "experience": "CX overview", "friction": "friction by owner", "partners": "partners",
    "contact-centre": "contact centre", "outreach": "outreach and uplift", "pipeline": "pipeline health",
}  # fmt: skip
"""The dashboards that there must be, with what each is for."""

each_dashboard = pytest.mark.parametrize("name", FILES)


def provisioned(which: str) -> Any:
    """The one thing that a provisioning file names."""
    told = YAML(typ="safe").load((GRAFANA / "provisioning" / which / "touchline.yaml").read_text())
    assert told["apiVersion"] == 1
    (one,) = told["datasources" if which == "datasources" else "providers"]
    return one


def panels(name: str) -> list[dict[str, Any]]:
    """Its panels, without the rows."""
    return [panel for panel in FILES[name]["panels"] if panel["type"] != "row"]


def test_every_part_has_a_dashboard_and_no_two_are_taken_for_one() -> None:
    assert set(FILES) == set(PARTS)
    for key in ("uid", "title"):
        assert len({dashboard[key] for dashboard in FILES.values()}) == len(FILES)


@each_dashboard
def test_a_dashboard_has_what_grafana_demands(name: str) -> None:
    dashboard = FILES[name]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", dashboard["uid"])
    assert dashboard["schemaVersion"] == SCHEMA
    assert dashboard["id"] is None  # given by each Grafana; with one, a file would take another dashboard's place
    assert re.fullmatch(r"now-\d+[hd]", dashboard["time"]["from"])
    assert re.fullmatch(r"\d+[smh]", dashboard["refresh"])
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > 0
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(set(titles)) == len(titles)


@each_dashboard
def test_panels_lie_on_the_grid_and_not_on_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in FILES[name]["panels"]:
        at = panel["gridPos"]
        assert at["x"] >= 0
        assert at["x"] + at["w"] <= COLUMNS
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert len(cells) == at["w"] * at["h"] > 0
        assert not cells & taken, panel["title"]
        taken |= cells


@each_dashboard
def test_everything_asks_the_source_that_is_provisioned(name: str) -> None:
    source = provisioned("datasources")
    assert {"type": source["type"], "uid": source["uid"]} == SOURCE
    dashboard = FILES[name]
    asking = [target for panel in panels(name) for target in panel["targets"]]
    asking += [variable["query"] for variable in dashboard["templating"]["list"]]
    asking += [annotation["target"] for annotation in dashboard["annotations"]["list"]]
    holders = [*panels(name), *asking, *dashboard["templating"]["list"], *dashboard["annotations"]["list"]]
    assert all(holder["datasource"] == SOURCE for holder in holders)
    for query in asking:
        assert (query["editorType"], query["refId"], query["pluginVersion"]) == ("sql", "A", PLUGIN)
        assert query["queryType"] == {0: "timeseries", 1: "table"}[query["format"]]
        assert ";" not in query["rawSql"]


@each_dashboard
def test_a_panel_says_what_it_shows_in_units_and_colours_that_grafana_knows(name: str) -> None:
    for panel in panels(name):
        assert len(panel["description"]) > len("Signals by stage"), panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        units = [one["value"] for each in panel["fieldConfig"]["overrides"] for one in each["properties"]]
        assert {*units, defaults.get("unit", "none")} <= UNITS
        steps = defaults["thresholds"]["steps"]
        assert steps[0]["value"] is None
        values = [step["value"] for step in steps[1:]]
        assert values == sorted(values)
        assert {step["color"] for step in steps} <= {"text", "green", "yellow", "red"}
        assert (panel["targets"][0]["format"] == 0) == (panel["type"] == "timeseries")
        assert ("interval" in panel) == ("$__timeInterval" in panel["targets"][0]["rawSql"]) or "timeFrom" in panel


@each_dashboard
def test_variables_that_are_used_are_there_and_those_that_are_there_are_used(name: str) -> None:
    dashboard = FILES[name]
    there = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set().union(*(variables(panel["targets"][0]["rawSql"]) for panel in panels(name)))
    assert used == there
    for variable in dashboard["templating"]["list"]:
        assert variables(variable["query"]["rawSql"]) == set()
        assert variable["current"]["value"] == ["$__all"]


@each_dashboard
def test_no_panel_reads_all_time(name: str) -> None:
    for panel in panels(name):
        sql = panel["targets"][0]["rawSql"]
        assert re.search(r"\$__(time|date)Filter\(", sql), panel["title"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("SELECT $__timeFiltr(day)", "no macro"),
        ("SELECT $__timeFilter(day, hour)", "expected 1 argument"),
        ("SELECT $__dateFilter(day", "not closed"),
        ("SELECT $__conditionalAll(a = 1)", "condition and a variable"),
        ("SELECT ${owner:singlequote}", "where something is chosen"),
        ("SELECT $__conditionalAll(a IN ($owner), $owner)", "no macro or variable"),
    ],
)
def test_a_mistake_in_a_macro_is_found(wrong: str, says: str) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    chosen = {"owner": ["x"]} if "$owner" in wrong else {}
    with pytest.raises(MacroError, match=says):
        expand(wrong, View(start, start, chosen=chosen))


def test_macros_become_what_the_data_source_says() -> None:
    view = View(
        datetime.fromtimestamp(1415792726, UTC), datetime.fromtimestamp(1447328726, UTC), 20, {"owner": ["a", "it's"]}
    )
    made = {
        "$__timeFilter(time)": "time >= toDateTime(1415792726) AND time <= toDateTime(1447328726)",
        "$__dateFilter(date)": "date >= toDate('2014-11-12') AND date <= toDate('2015-11-12')",
        "$__timeInterval(column)": "toStartOfInterval(toDateTime(column), INTERVAL 20 second)",
        "$__fromTime, $__toTime": "toDateTime(1415792726), toDateTime(1447328726)",
        "$__interval_s": "20",
        "$__conditionalAll(a IN (${owner:singlequote}), $owner)": r"a IN ('a','it\'s')",
        "$__conditionalAll(f(a, b) IN (${party:singlequote}), $party)": "1=1",
    }
    for sql, expected in made.items():
        assert expand(sql, view) == expected


def test_what_is_provisioned_is_where_the_service_looks() -> None:
    mounted = dict(volume.removesuffix(":ro").split(":") for volume in SERVICE["volumes"] if volume.startswith("./"))
    assert all(volume.endswith(":ro") for volume in SERVICE["volumes"] if volume.startswith("./"))
    assert all((ROOT / folder).is_dir() for folder in mounted)
    assert mounted["./deploy/grafana/dashboards"] == provisioned("dashboards")["options"]["path"]
    for which in ("datasources", "dashboards"):
        assert mounted[f"./deploy/grafana/provisioning/{which}"] == f"/etc/grafana/provisioning/{which}"
    home = Path(SERVICE["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (str(home.parent), home.stem in FILES) == (mounted["./deploy/grafana/dashboards"], True)


def test_the_service_is_of_fixed_versions_checked_and_restarted() -> None:
    assert re.fullmatch(r"grafana/grafana:\d+\.\d+\.\d+", SERVICE["image"])
    assert SERVICE["environment"]["GF_PLUGINS_PREINSTALL_SYNC"] == f"{SOURCE['type']}@{PLUGIN}"
    assert "/api/health" in json.dumps(SERVICE["healthcheck"])
    assert SERVICE["restart"] == "unless-stopped"
    assert SERVICE["ports"] == ["127.0.0.1:3000:3000"]


def test_it_reads_as_the_user_who_may_do_nothing_else() -> None:
    source = provisioned("datasources")
    users = (ROOT / "deploy" / "clickhouse" / "users.xml").read_text()
    name = source["jsonData"]["username"]
    (user,) = re.findall(rf"<users>.*<{name}>(.*?)</{name}>", users, re.DOTALL)
    assert re.findall(r"<query>GRANT (\w+)", user) == ["SELECT"]
    assert f'from_env="{source["secureJsonData"]["password"].strip("${}")}"' in user
    longest = re.search(r"<constraints>.*?<max_execution_time>.*?<max>(\d+)</max>", users, re.DOTALL)
    assert longest is not None  # the driver asks for some seconds more than the time-out
    assert int(source["jsonData"]["queryTimeout"]) + 5 <= int(longest[1])
    named = re.findall(r"\$\{(\w+)\}", json.dumps(source))
    assert set(named) <= set(SERVICE["environment"])
    assert "clickhouse" in COMPOSE["services"]
    assert SERVICE["environment"]["TOUCHLINE_CLICKHOUSE_HOST"] == "clickhouse"


def test_a_definition_with_a_mistake_is_refused() -> None:
    told = YAML(typ="safe").load((DEFINITIONS / "partners.yaml").read_text(encoding="utf-8"))
    Dashboard.model_validate(told)
    mistakes: list[dict[str, Any]] = [{"titel": "x"}, {"uid": "other"}, {"rows": []}]
    for wrong in mistakes:
        with pytest.raises(ValidationError):
            Dashboard.model_validate({**told, **wrong})


def test_the_page_tells_of_every_dashboard() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for dashboard in FILES.values():
        assert f"**{dashboard['title']}**" in text
    for uid in [dashboard["uid"] for dashboard in FILES.values()]:
        assert f"/d/{uid}" in text
    assert SERVICE["image"].partition(":")[2] in text
    assert PLUGIN in text
