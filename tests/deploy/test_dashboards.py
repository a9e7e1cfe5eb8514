"""Every panel of every dashboard asks what can be answered, as the read-only user, and Grafana can show the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML

from tests.conftest import READER
from tests.deploy import shop
from tests.deploy.dashboards import DASHBOARDS, Panel, catalogue, made, written
from tests.deploy.macros import View, expand
from tests.docs.pages import ROOT, blocks
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import Result
from touchline.agents.sinks.measures import figures
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.backtest.filters import parse_outcome
from touchline.uplift.report import report
from touchline.uplift.sources import Asked, from_warehouse

PAGE = ROOT / "docs" / "dashboards.md"
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

    def of(self, **chosen: list[str]) -> View:
        """What it looks at when somebody chose all time, and these values."""
        back = _seconds(self.panel.get("timeFrom")) or shop.DAYS * 86_400
        start = shop.END - timedelta(seconds=back)
        return View(start, shop.END, _seconds(self.panel.get("interval")) or 3_600, chosen)


def _seconds(told: str | None) -> int:
    return int(told[:-1]) * _SECONDS[told[-1]] if told else 0


PANELS = [
    Shown(f"{name}: {panel['title']}", name, panel)
    for name, dashboard in FILES.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]


@pytest.fixture(scope="module")
def reader(warehouse: EmbeddedWarehouse) -> Iterator[WarehouseSettings]:
    """The read-only user on a database with everything that dashboards show."""
    owner = WarehouseSettings(host=warehouse.host, port=warehouse.port, database="test_panels", batch_wait=0)
    upkeep.migrate(owner)
    shop.store(owner)
    name, password = READER
    yield owner.model_copy(update={"user": name, "password": SecretStr(password)})
    upkeep.query(owner, f"DROP DATABASE {owner.database} SYNC")


def asked(reader: WarehouseSettings, shown: Shown, **chosen: list[str]) -> Result:
    """What a panel gets when somebody looks at all time."""
    return upkeep.query(reader, expand(shown.sql, shown.of(**chosen)))


def test_the_files_are_what_the_definitions_say(reader: WarehouseSettings) -> None:
    files = written(reader)
    assert {file.name for file in DASHBOARDS.iterdir()} == set(files)
    for name, text in files.items():
        assert (DASHBOARDS / name).read_text(encoding="utf-8") == text, "python -m tests.deploy.dashboards"


@pytest.mark.parametrize("shown", PANELS, ids=lambda shown: shown.name)
def test_a_panel_has_something_to_show(reader: WarehouseSettings, shown: Shown) -> None:
    result = asked(reader, shown)
    _is_shown(shown.panel, result)
    for number, (column, _) in enumerate(result.columns):
        assert any(row[number] is not None for row in result.rows), column


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


def test_the_panel_of_dashboards_md_is_one(reader: WarehouseSettings) -> None:
    (block,) = blocks(PAGE, "yaml")
    (told,) = YAML(typ="safe").load(block.text)
    panel = Panel.model_validate(told)
    shown = Shown(panel.title, "partners", made(panel, catalogue(reader)[panel.measure]))
    result = asked(reader, shown, party=["carrier"])
    _is_shown(shown.panel, result)
    assert {row[1] for row in result.rows} == {"carrier"}


def choices(reader: WarehouseSettings, name: str) -> dict[str, list[str]]:
    """What can be chosen on a dashboard, by variable."""
    everything = View(shop.END - timedelta(days=shop.DAYS), shop.END)
    return {
        one["name"]: [value for (value,) in upkeep.query(reader, expand(one["query"]["rawSql"], everything)).rows]
        for one in FILES[name]["templating"]["list"]
    }


@pytest.mark.parametrize("name", FILES)
def test_there_is_something_to_choose(reader: WarehouseSettings, name: str) -> None:
    for values in choices(reader, name).values():
        assert values
        assert all(isinstance(value, str) and value for value in values)


@pytest.mark.slow
@pytest.mark.parametrize("shown", PANELS, ids=lambda shown: shown.name)
def test_a_panel_still_works_when_something_is_chosen(reader: WarehouseSettings, shown: Shown) -> None:
    _is_shown(shown.panel, asked(reader, shown, **{n: v[:2] for n, v in choices(reader, shown.dashboard).items()}))


def test_owners_add_up_to_all(reader: WarehouseSettings) -> None:
    (shown,) = (shown for shown in PANELS if shown.name == "friction: Friction signals")
    owners = choices(reader, "friction")["owner"]
    each = [asked(reader, shown, owner=[owner]).rows[0][0] for owner in owners]
    assert len(owners) > 3
    assert asked(reader, shown).rows[0][0] == sum(each) > 0
    assert asked(reader, shown, owner=owners[:2]).rows[0][0] == sum(each[:2])


@pytest.mark.slow
def test_a_stat_of_a_measure_is_the_figure_of_the_measure(reader: WarehouseSettings) -> None:
    values = {one.measure.title: one.value for one in figures(reader)}
    checked = set()
    for shown in PANELS:
        title = shown.panel["description"].partition(":")[0]
        if shown.panel["type"] == "stat" and shown.dashboard in ("experience", "contact-centre"):
            assert asked(reader, shown).rows[0][0] == pytest.approx(values[title]), shown.name
            checked.add(title)
    assert len(checked) == 18


def test_uplift_is_that_of_the_report(reader: WarehouseSettings) -> None:
    (shown,) = (shown for shown in PANELS if shown.panel["title"].startswith("Complaints within 14 days"))
    result = upkeep.query(reader, expand(shown.sql, View(shop.END - timedelta(days=shop.DAYS), shop.END)))
    names = [name for name, _ in result.columns]
    rows = {row[0]: dict(zip(names, row, strict=True)) for row in result.rows}
    wanted = Asked(outcome=parse_outcome("kind=complaint.made within=14d"))
    told = report(from_warehouse(reader, wanted, lambda *_: None), wanted, 0.05, lambda *_: 0.3).experiments
    both = {one.experiment: one.all for one in told if one.all.treated.customers and one.all.held_out.customers}
    assert "spring" in rows
    assert set(rows) == set(both)
    for experiment, row in rows.items():
        whole = both[experiment]
        assert (row["treated"], row["held out"]) == (whole.treated.customers, whole.held_out.customers)
        complaints = (whole.treated.outcomes, whole.held_out.outcomes)
        assert (row["complaints treated"], row["complaints held out"]) == complaints
        assert whole.uplift is not None
        assert whole.interval is not None
        found = (row["uplift"], row["lowest"], row["highest"])
        assert found == pytest.approx([100 * each for each in (whole.uplift, *whole.interval)])
    assert sum(row["complaints treated"] + row["complaints held out"] for row in rows.values()) > 0


def test_fixes_are_marked_where_they_were_made(reader: WarehouseSettings) -> None:
    (annotation,) = FILES["friction"]["annotations"]["list"]
    result = upkeep.query(reader, expand(annotation["target"]["rawSql"], View(shop.PLAN.start, shop.END)))
    assert [name for name, _ in result.columns] == ["time", "text", "tags"]
    assert [text for _, text, _ in result.rows] == [
        "logistics: Orders leave the day they come",
        "digital: A search that finds",
    ]
