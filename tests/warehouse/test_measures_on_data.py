"""Every measure on the four public data sets equals pandas, and its main figures what the files themselves say.

The data is not part of the project: the variable TOUCHLINE_DATA names the folder that holds it. Some figures are read
from the files once more, past the maps and the agents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from tests.importer.test_data_sets import MAPS, NAMES, data  # noqa: F401 -- a fixture
from tests.warehouse.reckoned import MEASURES, Frames
from tests.warehouse.runs import Event, run, store
from tests.warehouse.test_measures import mismatches, view
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.embedded import EmbeddedWarehouse
from touchline.importer import preview

pytestmark = pytest.mark.slow

ALWAYS = {"friction_rate", "decisions"}
SAYS = {
    "olist": {
        "csat", "sentiment", "balance", "promise_kept", "foreseen_complaints", "lead_time", "retention", "repurchase",
        "lifetime_value",
    },
    "bpic2013": {
        "resolution", "resolution_time", "effort", "fcr", "transfers", "reopen_rate", "access_steps", "access_time",
        "retention", "balance",
    },
    "airline_tweets": {"sentiment", "advocacy", "balance"},
    "ecom_clickstream": {"fcr", "contact_rate", "checkout_abandonment", "retention", "repurchase", "balance"},
}  # fmt: skip
"""What each data set can say something about; of everything else there must be no figure at all."""

SAO_PAULO = "America/Sao_Paulo"


class Told(NamedTuple):
    """A data set through all agents and in the warehouse."""

    name: str
    folder: Path
    settings: WarehouseSettings
    facts: Frames

    def read(self, file: str) -> pd.DataFrame:
        """A file of the data set, all columns as text."""
        return pd.read_csv(self.folder / file, dtype=str, keep_default_na=False)

    def sums(self, measure: str) -> dict[str, float]:
        """The sum of each column of numbers of a measure."""
        return dict(view(self.settings, measure).sum(numeric_only=True))


@pytest.fixture(scope="module", params=NAMES)
def told(request: pytest.FixtureRequest, warehouse: EmbeddedWarehouse, data: Path) -> Iterator[Told]:  # noqa: F811
    name = request.param
    settings = WarehouseSettings(host=warehouse.host, port=warehouse.port, database=f"test_{name}", batch_wait=0)
    upkeep.migrate(settings)
    _, made = preview([data / name], MAPS / f"{name}.yaml", 1_000_000)
    history = run(Event(*one) for one in made)
    store(history, settings)
    yield Told(name, data / name, settings, Frames(history))
    upkeep.query(settings, f"DROP DATABASE {settings.database} SYNC")


def test_every_measure_is_what_it_is_defined_to_be(told: Told) -> None:
    assert mismatches(told.settings, told.facts) == {}


def test_what_a_data_set_can_not_say_has_no_figure(told: Told) -> None:
    catalogue = upkeep.query(told.settings, "SELECT measure, value FROM measures").rows
    assert {measure for measure, _ in catalogue} >= set(MEASURES)
    values = {
        measure: upkeep.query(told.settings, f"SELECT {value} FROM measure_{measure}").rows[0][0]  # noqa: S608
        for measure, value in catalogue
    }
    assert {measure for measure, value in values.items() if value is not None} == SAYS[told.name] | ALWAYS


def test_main_figures_are_those_of_the_files(told: Told) -> None:
    CHECKS[told.name](told)


def _olist(told: Told) -> None:
    orders = told.read("olist_orders_dataset.csv.gz")
    reviews = told.read("olist_order_reviews_dataset.csv.gz")
    scores = reviews[reviews.order_id.isin(orders.order_id)].review_score.astype(int)
    csat = told.sums("csat")
    assert (csat["answers"], csat["satisfied"]) == (len(scores), (scores >= 4).sum())

    def local(column: str) -> pd.Series:
        times = pd.to_datetime(orders[column].replace("", None))
        return times.dt.tz_localize(SAO_PAULO, ambiguous=False, nonexistent="shift_forward")

    promised, delivered = local("order_estimated_delivery_date"), local("order_delivered_customer_date")
    due = promised + pd.Timedelta(days=1)
    over = due <= pd.Timestamp(told.facts.end, unit="ms", tz="UTC")
    kept = told.sums("promise_kept")
    assert kept["promised"] == over.sum()
    assert kept["kept"] == (over & (delivered <= due)).sum()
    assert kept["late"] == (over & (delivered > due)).sum()
    assert kept["undelivered"] == (over & delivered.isna()).sum()

    customers = told.read("olist_customers_dataset.csv.gz").set_index("customer_id").customer_unique_id
    price = told.read("olist_order_items_dataset.csv.gz").astype({"price": float}).groupby("order_id").price.sum()
    bought = orders.assign(person=orders.customer_id.map(customers), at=local("order_purchase_timestamp"))
    bought = bought.assign(price=bought.order_id.map(price))
    first = bought.groupby("person")["at"].min()
    known = first[first + pd.Timedelta(days=30) <= pd.Timestamp(told.facts.end, unit="ms", tz="UTC")].index
    since = pd.Timestamp(told.facts.first_signal, unit="ms", tz="UTC").floor("min")
    known = known.intersection(first[first + pd.Timedelta(days=30) >= since].index)
    worth = bought[bought.person.isin(known) & bought.price.notna()]
    value = told.sums("lifetime_value")
    assert value["customers"] == worth.person.nunique()
    assert value["value"] == pytest.approx(worth.price.sum())


def _bpic2013(told: Told) -> None:
    rows = told.read("bpic2013_incidents.csv.gz")
    rows["at"] = pd.to_datetime(rows["time:timestamp"], utc=True, format="ISO8601")
    cases = rows.groupby("case:concept:name", sort=False)
    state = rows["lifecycle:transition"]
    before = cases["lifecycle:transition"].shift()
    groups = cases["org:group"].apply(lambda of_case: (of_case != of_case.shift()).sum() - 1)
    transfers = told.sums("transfers")
    assert transfers["handled"] == len(groups)
    assert (transfers["transfers"], transfers["transferred"]) == (groups.sum(), (groups > 0).sum())

    reopened = rows[before.isin(["Resolved", "Closed"]) & (rows["concept:name"] != "Completed")]
    settled = rows[(state.isin(["Resolved", "In Call", "Closed"])) & (state != before)]
    rate = told.sums("reopen_rate")
    assert rate["settled"] == settled["case:concept:name"].nunique()
    first = settled.groupby("case:concept:name")["at"].min()
    last = reopened.groupby("case:concept:name")["at"].max()
    assert rate["reopened"] == (last >= first.reindex(last.index)).sum() > 0.9 * 390


def _airline_tweets(told: Told) -> None:
    tweets = told.read("tweets.csv.gz").drop_duplicates("tweet_id")
    frame = view(told.settings, "advocacy").groupby("party").posts.sum()
    said = tweets.airline.str.lower().str.replace(r"\W+", "_", regex=True).value_counts()
    assert frame.sum() == len(tweets)
    assert sorted(frame) == sorted(said)


def _ecom_clickstream(told: Told) -> None:
    events = told.read("events.csv.gz")
    events["at"] = pd.to_datetime(events.timestamp)
    chats = events[events.event == "support_chat"].sort_values("at")
    gap = chats.groupby("user_id")["at"].diff()
    contacts = gap.isna() | (gap >= pd.Timedelta(minutes=10))
    since = chats["at"].min().normalize()
    orders = (events.event == "purchase") & (events["at"] >= since)
    rate = told.sums("contact_rate")
    assert (rate["contacts"], rate["orders"]) == (contacts.sum(), orders.sum())
    checkouts = told.sums("checkout_abandonment")
    assert 0 < checkouts["abandoned"] < checkouts["checkouts"] <= (events.event == "shipping_details").sum()


CHECKS = {
    "olist": _olist,
    "bpic2013": _bpic2013,
    "airline_tweets": _airline_tweets,
    "ecom_clickstream": _ecom_clickstream,
}
