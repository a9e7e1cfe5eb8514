"""Every panel of every dashboard asks what can be answered, as the read-only user, and Grafana can show the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from tests.conftest import READER
from tests.deploy import shop
from tests.deploy.dashboards import DASHBOARDS, written
from tests.deploy.macros import View, expand
from tests.warehouse.lives import lives
from tests.warehouse.runs import store
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import Result
from touchline.agents.sinks.measures import figures
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.backtest.filters import parse_outcome
from touchline.uplift.report import report
from touchline.uplift.sources import Asked, from_warehouse

FILES = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(DASHBOARDS.glob("*.json"))}
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "y": 365 * 86_400}
_NUMBER = re.compile(r"(Nullable\()?(U?Int\d+|Float\d+)\)?")
_TEXT = re.compile(r"(LowCardinality\()?(Nullable\()?String\)*")


class Shown(NamedTuple):
    """A panel of a dashboard."""

    name: str
    dashboard: str
    panel: dict[str, Any]

    @property
    def sql(self) -> str:
        return str(self.panel["targets"][0]["rawSql"])

    def of(self, end: datetime, days: int, **chosen: list[str]) -> View:
        """What it looks at when somebody chose the last so many days before `end`."""
        back = _seconds(self.panel.get("timeFrom")) or days * 86_400
        return View(end - timedelta(seconds=back), end, _seconds(self.panel.get("interval")) or 3_600, chosen)


def _seconds(told: str | None) -> int:
    return int(told[:-1]) * _SECONDS[told[-1]] if told else 0


PANELS = [
    Shown(f"{name}: {panel['title']}", name, panel)
    for name, dashboard in FILES.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]


class Places(NamedTuple):
    """The read-only user on two databases: the simulated shop, and random lives with every kind of touchpoint; and until
    when each of them goes."""

    shop: WarehouseSettings
    lives: WarehouseSettings
    end: datetime
    lives_end: datetime


@pytest.fixture(scope="module")
def places(warehouse: EmbeddedWarehouse) -> Iterator[Places]:
    owners = [
        WarehouseSettings(host=warehouse.host, port=warehouse.port, database=f"test_panels_{name}", batch_wait=0)
        for name in ("shop", "lives")
    ]
    for owner in owners:
        upkeep.migrate(owner)
    shop.store(owners[0])
    store(lives(3, 400), owners[1])
    name, password = READER
    readers = [owner.model_copy(update={"user": name, "password": SecretStr(password)}) for owner in owners]
    ((newest,),) = upkeep.query(readers[1], "SELECT max(minute) + INTERVAL 1 MINUTE FROM touchpoints").rows
    yield Places(readers[0], readers[1], shop.END, newest.replace(tzinfo=UTC))
    for owner in owners:
        upkeep.query(owner, f"DROP DATABASE {owner.database} SYNC")


def test_the_files_are_what_the_definitions_say(places: Places) -> None:
    made = written(places.shop)
    assert {file.name for file in DASHBOARDS.iterdir()} == set(made)
    for name, text in made.items():
        assert (DASHBOARDS / name).read_text(encoding="utf-8") == text, "python -m tests.deploy.dashboards"


@pytest.mark.parametrize("shown", PANELS, ids=lambda shown: shown.name)
def test_a_panel_has_something_to_show(places: Places, shown: Shown) -> None:
    found = [
        upkeep.query(places.shop, expand(shown.sql, shown.of(places.end, shop.PLAN.days))),
        upkeep.query(places.lives, expand(shown.sql, shown.of(places.lives_end, 3_650))),
    ]
    for result in found:
        _is_shown(shown.panel, result)
    for number, (column, _) in enumerate(found[0].columns):
        assert any(row[number] is not None for result in found for row in result.rows), column


def _is_shown(panel: dict[str, Any], result: Result) -> None:
    """Whether Grafana finds in a result what a panel of its type needs."""
    names, types = zip(*result.columns, strict=True)
    assert len(set(names)) == len(names)
    numbers = [name for name, kind in result.columns if _NUMBER.fullmatch(kind)]
    texts = [name for name, kind in result.columns if _TEXT.fullmatch(kind)]
    if panel["type"] == "stat":
        assert (len(names), len(numbers)) == (1, 1)
        assert len(result.rows) <= 1
    elif panel["type"] == "timeseries":
        label = panel["fieldConfig"]["defaults"].get("displayName")
        assert names[0] == "time"
        assert types[0].startswith("DateTime")
        assert [f"${{__field.labels.{name}}}" for name in texts] == ([label] if label else [])
        assert len(numbers) == len(names) - 1 - len(texts) >= 1
        assert [row[0] for row in result.rows] == sorted(row[0] for row in result.rows)
        keys = [tuple(row[: 1 + len(texts)]) for row in result.rows]
        assert len(set(keys)) == len(keys)
    elif panel["type"] == "barchart":
        assert (texts, len(numbers)) == ([names[0]], len(names) - 1)
    else:
        assert panel["type"] == "table"
        units = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}
        assert units <= set(names)


def test_what_can_be_chosen_is_there_and_narrows(places: Places) -> None:
    seen = set()
    for name, dashboard in FILES.items():
        for variable in dashboard["templating"]["list"]:
            asked = expand(variable["query"]["rawSql"], View(shop.PLAN.start, places.end))
            values = [value for (value,) in upkeep.query(places.shop, asked).rows]
            assert values
            assert all(isinstance(value, str) and value for value in values)
            for shown in (shown for shown in PANELS if shown.dashboard == name):
                if f"${variable['name']})" in shown.sql:
                    view = shown.of(places.end, shop.PLAN.days, **{variable["name"]: values[:1]})
                    upkeep.query(places.shop, expand(shown.sql, view))
                    seen.add((name, variable["name"]))
    assert seen == {(name, one["name"]) for name, each in FILES.items() for one in each["templating"]["list"]}


def test_owners_add_up_to_all(places: Places) -> None:
    (shown,) = (shown for shown in PANELS if shown.name == "friction: Friction signals")
    asked = expand(FILES["friction"]["templating"]["list"][0]["query"]["rawSql"], View(shop.PLAN.start, places.end))
    owners = [owner for (owner,) in upkeep.query(places.shop, asked).rows]
    counted = [
        upkeep.query(places.shop, expand(shown.sql, shown.of(places.end, shop.PLAN.days, **chosen))).rows[0][0]
        for chosen in ({}, *({"owner": [owner]} for owner in owners))
    ]
    assert len(owners) > 3
    assert counted[0] == sum(counted[1:]) > 0
    both = expand(shown.sql, shown.of(places.end, shop.PLAN.days, owner=owners[:2]))
    assert upkeep.query(places.shop, both).rows[0][0] == counted[1] + counted[2]


@pytest.mark.parametrize("name", ["experience", "contact-centre"])
def test_a_stat_of_a_measure_is_the_figure_of_the_measure(places: Places, name: str) -> None:
    all_of_them = {one.measure.title: one.value for one in figures(places.lives)}
    checked = 0
    for shown in (shown for shown in PANELS if shown.dashboard == name and shown.panel["type"] == "stat"):
        title = shown.panel["description"].partition(":")[0]
        rows = upkeep.query(places.lives, expand(shown.sql, shown.of(places.lives_end, 3_650))).rows
        assert rows[0][0] == pytest.approx(all_of_them[title]), shown.name
        checked += 1
    assert checked >= 6


def test_uplift_is_that_of_the_report(places: Places) -> None:
    (shown,) = (shown for shown in PANELS if shown.dashboard == "outreach" and "held out (90" in shown.panel["title"])
    result = upkeep.query(places.shop, expand(shown.sql, shown.of(places.end, 90)))
    names = [name for name, _ in result.columns]
    told = {row[0]: dict(zip(names, row, strict=True)) for row in result.rows}
    asked = Asked(outcome=parse_outcome("kind=complaint.made within=14d"))
    made = report(from_warehouse(places.shop, asked, lambda *_: None), asked, 0.05, lambda *_: 0.3)
    (experiment,) = made.experiments
    row, whole = told["spring"], experiment.all
    assert (row["treated"], row["held out"]) == (whole.treated.customers, whole.held_out.customers)
    assert (row["complaints treated"], row["complaints held out"]) == (whole.treated.outcomes, whole.held_out.outcomes)
    assert whole.uplift is not None
    assert whole.interval is not None
    found = (row["uplift"], row["lowest"], row["highest"])
    assert found == pytest.approx([100 * each for each in (whole.uplift, *whole.interval)])


def test_fixes_are_marked_where_they_were_made(places: Places) -> None:
    (annotation,) = FILES["friction"]["annotations"]["list"]
    asked = expand(annotation["target"]["rawSql"], View(shop.PLAN.start, places.end))
    result = upkeep.query(places.shop, asked)
    assert [name for name, _ in result.columns] == ["time", "text", "tags"]
    assert [text for _, text, _ in result.rows] == [
        "logistics: Orders leave the day they come",
        "digital: A search that finds",
    ]
