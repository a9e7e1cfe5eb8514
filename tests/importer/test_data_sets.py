"""The maps of the four public data sets. The data is not part of the project: the variable TOUCHLINE_DATA names the
folder that holds olist/, bpic2013/, airline_tweets/ and ecom_clickstream/."""

import csv
import gzip
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from touchline.importer import ImportReport, preview
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.schemas.mapfile import load_map

MAPS = Path(__file__).parents[2] / "examples" / "maps"
NAMES = ("olist", "bpic2013", "airline_tweets", "ecom_clickstream")


class Imported(NamedTuple):
    report: ImportReport
    touchpoints: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.touchpoints if one["kind"] == kind]


@pytest.fixture(scope="session")
def data() -> Path:
    folder = os.environ.get("TOUCHLINE_DATA")
    if not folder:
        pytest.skip("TOUCHLINE_DATA names no folder with the data sets")
    return Path(folder)


def imported(data: Path, name: str) -> Imported:
    report, made = preview([data / name], MAPS / f"{name}.yaml", 1_000_000)
    return Imported(report, [json.loads(one.value) for one in made])


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@pytest.mark.parametrize("name", NAMES)
def test_each_map_can_be_read(name: str) -> None:
    assert load_map(MAPS / f"{name}.yaml").map.name == name


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_accounted_for_and_every_kind_is_known(data: Path, name: str) -> None:
    report, touchpoints = imported(data, name)
    assert report.failed == 0
    assert report.adds_up
    for count in report.files:
        assert count.rows == sum(1 for _ in rows(data / name / count.file))
    assert report.touchpoints == len(touchpoints)
    catalogue = Catalogue()
    assert {one["kind"] for one in touchpoints if not catalogue.place(one["kind"]).known} == set()


@pytest.mark.slow
def test_olist_says_nothing_before_it_is_known(data: Path) -> None:
    result = imported(data, "olist")
    orders = {row["order_id"]: row for row in rows(data / "olist" / "olist_orders_dataset.csv.gz")}
    known_at = {
        "order.placed": "order_purchase_timestamp",
        "payment.approved": "order_approved_at",
        "order.shipped": "order_delivered_carrier_date",
        "delivery.scanned": "order_delivered_customer_date",
    }
    for kind, column in known_at.items():
        found = {one["subjects"][0].removeprefix("order:"): one for one in result.of(kind)}
        assert found.keys() == {order for order, row in orders.items() if row[column]}
        for order, one in found.items():
            at = orders[order][column]
            assert one["occurred_at"][:19].replace("T", " ") == at
            later = {orders[order][other] for other in known_at.values() if orders[order][other] > at}
            text = json.dumps(one).replace("T", " ")
            assert not [moment for moment in later if moment in text]
    assert {name for one in result.touchpoints for name in one["attributes"]} == {
        "promised_at", "value", "freight", "items", "seller", "state", "status", "survey", "topic"
    }  # fmt: skip
    assert {one["attributes"]["status"] for one in result.touchpoints if "status" in one["attributes"]} == {"delivered"}
    assert all("status" not in one["attributes"] or one["kind"] == "delivery.scanned" for one in result.touchpoints)
    assert all("score" not in one and "text" not in one for kind in known_at for one in result.of(kind))
    assert len({one["event_id"] for one in result.touchpoints}) == len(result.touchpoints)


@pytest.mark.slow
def test_bpic2013_reopened_tickets_are_those_of_the_data(data: Path) -> None:
    result = imported(data, "bpic2013")
    cases: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows(data / "bpic2013" / "bpic2013_incidents.csv.gz"):
        cases[row["case:concept:name"]].append(row)
    reopened = {
        case
        for case, of_case in cases.items()
        for before, after in pairwise(of_case)
        if before["lifecycle:transition"] in {"Resolved", "Closed"} and after["concept:name"] != "Completed"
    }
    assert {one["customer_id"] for one in result.of("ticket.reopened")} == reopened
    assert len(reopened) == 390
    assert len(result.of("ticket.opened")) == len(cases)
    groups = Counter(one["customer_id"] for one in result.of("ticket.assigned"))
    changes = {
        case: 1 + sum(a["org:group"] != b["org:group"] for a, b in pairwise(of_case)) for case, of_case in cases.items()
    }
    assert groups == changes
    for one in result.of("ticket.opened"):
        assert one["attributes"]["group"] == cases[one["customer_id"]][0]["org:group"]


@pytest.mark.slow
def test_tweets_carry_no_label_and_the_time_of_their_id(data: Path) -> None:
    result = imported(data, "airline_tweets")
    for one in result.touchpoints:
        assert one.keys() == {
            "event_id", "source", "occurred_at", "kind", "channel", "party", "actor", "text", "customer_id", "subjects",
            "attributes",
        }  # fmt: skip
        assert one["attributes"].keys() == {"network", "airline"}
        written = datetime.fromtimestamp(((int(one["event_id"]) >> 22) + 1_288_834_974_657) / 1_000, UTC)
        said = datetime.fromisoformat(one["occurred_at"])
        assert said == written.replace(second=0, microsecond=0)


@pytest.mark.slow
def test_the_clickstream_keeps_its_counts(data: Path) -> None:
    result = imported(data, "ecom_clickstream")
    events = Counter(row["event"] for row in rows(data / "ecom_clickstream" / "events.csv.gz"))
    assert len(result.of("order.placed")) == events["purchase"]
    assert len(result.of("payment.failed")) == events["payment_error"]
    assert len(result.of("checkout.error")) == events["checkout_bug"]
    assert {one["channel"] for one in result.of("contact.opened")} == {"chat"}
