"""Notices: at once or in a digest, within the budget, and to partners nothing but their own."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.desk.cases import NINE, Item, feed, notices, record, request, shard, tick, topic_of
from tests.outreach.cases import signal
from touchline.pipeline.desk.budget import enter
from touchline.pipeline.desk.disclosure import ORDERS
from touchline.pipeline.desk.owners import MAX_KEPT
from touchline.pipeline.desk.processor import DeskPolicy, DeskProcessor
from touchline.pipeline.desk.routes import Every, Route, RouteBook, When
from touchline.pipeline.desk.state import Owner
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Output
from touchline.schemas.notice import Means, Notice
from touchline.schemas.request import Request
from touchline.schemas.vocabulary import Scope, Severity, SignalStatus
from touchline.schemas.wire import NOTICES

LOGISTICS = "owner:logistics"
BERLIN = ZoneInfo("Europe/Berlin")
MAIL: dict[str, Any] = {"means": Means.EMAIL, "to": "logistics@example.com"}


def desk(target: str = LOGISTICS, **route: Any) -> LocalShard:
    """A desk with one route."""
    return shard(DeskPolicy(owners=RouteBook({target: Route(**route)})))


def told(
    name: str, at: int = NINE, *, target: str = LOGISTICS, severity: Severity = Severity.HIGH, **changes: Any
) -> Request:
    """A request to tell an owner."""
    of = signal(f"s-{name}", at, severity=severity, **changes.pop("signal", {}))
    return request(name, at, target=target, about=of, **changes)


def test_a_signal_is_told_at_once_in_plain_words() -> None:
    (notice,) = notices(feed(desk(**MAIL, zone=BERLIN), told("1", signal={"group": "order:7"}), tick(NINE)))
    assert (notice.target, notice.digest, notice.means, notice.count, notice.cut) == (LOGISTICS, False, "email", 1, 0)
    assert notice.message.to == "logistics@example.com"
    assert notice.message.subject == "High: long wait, order 7"
    assert notice.message.text == (
        "Long wait (high), since 2026-06-10 11:00 CEST.\n"
        "\n"
        "What happened: waited 20 min\n"
        "Customer: c-1\n"
        "About: order 7\n"
        "What to do: call back\n"
        "\n"
        "Signal s-1"
    )
    assert [(item.signal_id, item.customer, item.evidence) for item in notice.items] == [
        ("s-1", "c-1", "waited 20 min")
    ]


def test_an_owner_without_a_route_is_told_on_the_topic_alone() -> None:
    (notice,) = notices(feed(shard(), told("1"), tick(NINE)))
    assert (notice.means, notice.message.to) == (Means.QUEUE, "")


def test_the_same_request_is_told_once_whatever_its_revision() -> None:
    one = desk()
    assert len(notices(feed(one, told("1"), told("1"), tick(NINE)))) == 1
    again = [told("1", NINE + 1, revision=1), told("1", NINE + 2, revision=2, cancelled=True)]
    assert notices(feed(one, *again, tick(NINE + 2))) == []
    assert feed(one, told("1", NINE + 3), tick(NINE + 3)) == []
    assert one.counts["duplicates"] == 2


def test_what_is_less_severe_than_asked_for_is_not_told() -> None:
    one = desk(least=Severity.HIGH)
    items = [told("1", severity=Severity.MEDIUM), told("2", NINE + 1)]
    assert [notice.items[0].signal_id for notice in notices(feed(one, *items, tick(NINE + 1)))] == ["s-2"]
    assert one.counts["notices.below_least"] == 1


def test_beyond_the_budget_it_comes_in_a_digest_and_critical_is_always_told() -> None:
    one = desk(budget=2, minute=8 * 60)
    items = [told(str(n), NINE + n) for n in range(4)]
    items.append(told("worst", NINE + 9, severity=Severity.CRITICAL))
    found = notices(feed(one, *items, tick(NINE + 9)))
    assert [notice.items[0].signal_id for notice in found] == ["s-0", "s-1", "s-worst"]
    (digest,) = notices(feed(one, tick(NINE + DAY)))
    assert digest.at == datetime(2026, 6, 11, 8, tzinfo=UTC)
    assert (digest.digest, digest.count, digest.cut) == (True, 2, 2)
    assert [item.signal_id for item in digest.items] == ["s-2", "s-3"]
    assert digest.message.subject == "2 signals not told at once"
    assert digest.message.text.startswith("2 signals not told at once, for the alert budget of 2 a day")
    assert notices(feed(one, tick(NINE + 3 * DAY))) == []


def test_a_new_day_has_a_new_budget() -> None:
    one = desk(budget=1, zone=BERLIN)
    night = to_ms(datetime(2026, 6, 10, 21, 59, tzinfo=UTC))  # a minute before midnight in Berlin
    items = [told("1", NINE), told("2", night), told("3", night + 2 * MINUTE)]
    found = notices(feed(one, *items, tick(night + 2 * MINUTE)))
    assert [notice.items[0].signal_id for notice in found] == ["s-1", "s-3"]


def test_places_are_kept_for_what_more_urgent_is_expected() -> None:
    one = desk(budget=2)
    yesterday = [told(f"y{n}", NINE - DAY + n * HOUR, severity=Severity.HIGH) for n in range(2)]
    feed(one, *yesterday, tick(NINE - HOUR))
    morning = [told("low", NINE, severity=Severity.LOW), told("high", NINE + HOUR, severity=Severity.HIGH)]
    evening = told("late", NINE + 14 * HOUR, severity=Severity.LOW)  # an hour of the day is left
    found = notices(feed(one, *morning, evening, tick(NINE + 14 * HOUR)))
    at_once = [notice.items[0].signal_id for notice in found if not notice.digest]
    # 2 places, and 2 x 15/24 = 1.25 more urgent ones expected: the first low one has a place, the second has none.
    assert at_once == ["s-low", "s-high"]
    one = desk(budget=1)
    feed(one, *yesterday, tick(NINE - HOUR))
    found = notices(feed(one, *morning, evening, tick(NINE + 14 * HOUR)))
    assert [notice.items[0].signal_id for notice in found if not notice.digest] == ["s-high"]


def test_a_digest_tells_the_most_urgent_first_as_far_as_the_budget_goes() -> None:
    one = desk(when=When.DIGEST, budget=2, minute=10 * 60)
    severities = [Severity.LOW, Severity.HIGH, Severity.MEDIUM, Severity.HIGH]
    items = [told(str(n), NINE + n, severity=severity) for n, severity in enumerate(severities)]
    assert feed(one, *items, tick(NINE + HOUR - 1)) == []
    (digest,) = notices(feed(one, tick(NINE + HOUR)))
    assert ([item.signal_id for item in digest.items], digest.count, digest.cut) == (["s-1", "s-3"], 2, 2)
    assert digest.message.subject == "2 signals, the worst high; 2 more cut"
    assert "Not told: 2 signals beyond the alert budget of 2 a day, the least urgent." in digest.message.text


def test_of_more_than_are_kept_for_a_digest_the_least_urgent_is_only_counted() -> None:
    one = desk(when=When.DIGEST, budget=2 * MAX_KEPT, minute=10 * 60)
    first = [told("low", severity=Severity.LOW), *(told(f"{n}", NINE + n) for n in range(1, MAX_KEPT))]
    feed(one, *first, tick(NINE + MAX_KEPT))
    assert "notices.dropped" not in one.counts
    (digest,) = notices(feed(one, told("last", NINE + MAX_KEPT + 1), tick(NINE + HOUR)))
    assert one.counts["notices.dropped"] == 1
    assert (digest.count, digest.cut) == (MAX_KEPT, 1)
    assert "s-low" not in [item.signal_id for item in digest.items]


def test_what_is_expected_goes_by_today_and_the_seven_days_before() -> None:
    owner = Owner()
    for day in range(20):
        enter(owner, 20, NINE + day * DAY, BERLIN)
    assert sorted(owner.heard) == list(range(owner.day - 7, owner.day + 1))


def test_what_ended_before_the_digest_is_not_in_it() -> None:
    one = desk(when=When.DIGEST, minute=10 * 60)
    ended = told("1", NINE + 2, revision=1, cancelled=True, signal={"status": SignalStatus.RESOLVED})
    (digest,) = notices(feed(one, told("1"), told("2", NINE + 1), ended, tick(NINE + HOUR)))
    assert [item.signal_id for item in digest.items] == ["s-2"]
    assert notices(feed(one, told("3", NINE + DAY), tick(NINE + DAY))) == []


def test_a_digest_of_every_hour_goes_out_at_its_minute() -> None:
    one = desk(when=When.DIGEST, every=Every.HOUR, minute=15)
    found = notices(feed(one, told("1"), tick(NINE + 2 * HOUR)))
    assert [notice.at for notice in found] == [datetime(2026, 6, 10, 9, 15, tzinfo=UTC)]


def test_a_digest_goes_out_at_the_owners_time_across_a_change_of_the_clock() -> None:
    route = Route(minute=8 * 60, zone=BERLIN)
    saturday = to_ms(datetime(2026, 3, 28, 12, tzinfo=UTC))
    first = route.next_digest(saturday)
    assert from_ms(first) == datetime(2026, 3, 29, 6, tzinfo=UTC)  # summer time has begun
    assert from_ms(route.next_digest(first)) == datetime(2026, 3, 30, 6, tzinfo=UTC)
    assert from_ms(route.next_digest(first - DAY)) == datetime(2026, 3, 28, 7, tzinfo=UTC)


def test_what_is_only_observed_takes_nobodys_place() -> None:
    one = desk(budget=1)
    items = [told("1", observed=True), told("2", NINE + 1), told("3", NINE + 2, observed=True)]
    found = notices(feed(one, *items, tick(NINE + 2)))
    assert [(notice.items[0].signal_id, notice.observed) for notice in found] == [("s-1", True), ("s-2", False)]
    digests = notices(feed(one, tick(NINE + DAY)))
    assert [(notice.observed, [item.signal_id for item in notice.items]) for notice in digests] == [(True, ["s-3"])]


def test_in_observe_mode_everything_is_observed() -> None:
    one = shard(DeskPolicy(owners=RouteBook(observe=True)))
    assert [notice.observed for notice in notices(feed(one, told("1"), tick(NINE)))] == [True]


@pytest.mark.parametrize("observe", [False, True])
def test_what_is_kept_when_the_mode_changes_is_cancelled_all_the_same_and_else_only_observed(*, observe: bool) -> None:
    routes = {LOGISTICS: Route(when=When.DIGEST, minute=10 * 60)}
    one = shard(DeskPolicy(owners=RouteBook(routes, observe=not observe)))
    feed(one, told("1"), told("2", NINE + 1), tick(NINE + 1))
    one.processor = DeskProcessor(DeskPolicy(owners=RouteBook(routes, observe=observe)))
    one.restart()
    ended = told("1", NINE + 2, revision=1, cancelled=True, signal={"status": SignalStatus.RESOLVED})
    (digest,) = notices(feed(one, ended, tick(NINE + HOUR)))
    assert ([item.signal_id for item in digest.items], digest.observed) == (["s-2"], True)
    assert one.counts["notices.ended"] == 1


SECRET = "jo.doe@example.com"
"""Of a customer: in evidence, group and subjects."""


def of_partner(party: str = "dhl", **changes: Any) -> Request:
    fields = {
        "customer": "c-77",
        "group": "order:7",
        "subjects": ("session:ab", f"contact:{SECRET}", "order:7", "parcel:p-1"),
        "party": party,
        "evidence": f"c-77 {SECRET} was promised the parcel by ups",
        "action": "Blame dhl before ups does",
        **changes,
    }
    return told("1", target="party:dhl", signal=fields)


def test_a_partner_learns_of_the_order_and_of_nothing_else() -> None:
    one = desk("party:dhl")
    (notice,) = notices(feed(one, of_partner(), tick(NINE)))
    (item,) = notice.items
    assert (item.customer, item.group, item.evidence, item.action) == ("", "order:7", "long wait: order 7", "")
    assert "order 7" in notice.message.text
    assert "Customer" not in notice.message.text
    (output,) = [one for one in feed(desk("party:dhl"), of_partner(), tick(NINE)) if one.topic == NOTICES]
    for secret in (SECRET, "c-77", "ups", "session", "Blame"):
        assert secret not in (output.value or b"").decode()


def test_a_partner_is_not_told_of_others_matters_or_of_what_is_no_order() -> None:
    for other in (
        of_partner("ups"),
        of_partner(group="c-77", subjects=("session:ab",)),
        of_partner(group="c-77", subjects=()),
    ):
        one = desk("party:dhl")
        assert notices(feed(one, other, tick(NINE))) == []
        assert one.counts["notices.withheld"] == 1


def test_a_partner_is_told_of_an_incident_by_its_number_of_customers() -> None:
    incident = of_partner(
        scope=Scope.INCIDENT, customer="party:dhl", group="party:dhl", subjects=(), values={"customers": 412}
    )
    (notice,) = notices(feed(desk("party:dhl"), incident, tick(NINE)))
    assert notice.items[0].evidence == "long wait: 412 customers"


words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(
    customer=words.map("customer-{}".format),
    evidence=words.map("evidence-{}".format),
    subjects=st.lists(
        st.tuples(st.sampled_from([*ORDERS, "session", "ticket", "contact"]), words).map(":".join), max_size=4
    ),
    party=st.sampled_from(["dhl", "ups"]),
    when=st.sampled_from(When),
)
def test_no_notice_to_a_partner_ever_holds_what_is_not_theirs(
    customer: str, evidence: str, subjects: list[str], party: str, when: When
) -> None:
    asked = of_partner(
        party, customer=customer, group=customer, evidence=evidence, subjects=tuple(subjects), action="secret-action"
    )
    outputs = feed(desk("party:dhl", when=when), asked, tick(NINE + DAY))
    for output in (one for one in outputs if one.topic == NOTICES):
        assert party == "dhl"
        text = (output.value or b"").decode()
        assert not [secret for secret in (customer, evidence, "secret-action", "ups") if secret in text]
        groups = {item["group"] for item in json.loads(text)["items"]}
        assert {group.partition(":")[0] for group in groups} <= set(ORDERS)
        others = [subject for subject in subjects if subject.partition(":")[0] not in ORDERS]
        assert not [one for one in others if one in text]


@st.composite
def days(draw: st.DrawFn) -> list[Request]:
    """Requests of three days."""
    found = []
    for number in range(draw(st.integers(1, 40))):
        at = NINE + draw(st.integers(0, 3 * 24 * 60)) * MINUTE
        severity = draw(st.sampled_from(Severity))
        found.append(told(f"{number:02}", at, severity=severity, priority=draw(st.sampled_from([10, 50, 90]))))
    return found


@settings(max_examples=100, deadline=None)
@given(items=days(), budget=st.integers(0, 6), when=st.sampled_from(When), data=st.data())
def test_the_budget_holds_nothing_is_told_twice_and_nothing_is_lost(
    items: list[Request], budget: int, when: When, data: st.DataObject
) -> None:
    end = tick(NINE + 5 * DAY)
    outputs = feed(desk(budget=budget, when=when, zone=BERLIN), *items, end)
    found = notices(outputs)
    _within_budget([notice for notice in found if not (notice.digest and when is When.AT_ONCE)], budget)
    at_once = [notice.items[0].signal_id for notice in found if not notice.digest]
    listed = [item.signal_id for notice in found for item in notice.items]
    assert len(listed) == len(set(listed))
    digests = [notice for notice in found if notice.digest]
    shown = sum(notice.count for notice in digests)
    cut = sum(notice.cut for notice in digests)
    told_of = len(at_once) + (shown if when is When.AT_ONCE else shown + cut)
    assert told_of == len(items)
    critical = {item.signal.signal_id for item in items if item.signal.severity is Severity.CRITICAL}
    assert critical <= set(listed)
    if when is When.AT_ONCE:
        assert critical <= set(at_once)
    other = desk(budget=budget, when=when, zone=BERLIN)
    again: list[Output] = []
    shuffled: list[Item] = [*data.draw(st.permutations(items)), end]
    for item in shuffled:
        again += other.process(topic_of(item), [record(item)], 0)
        other.restart()
    assert again == outputs


def _within_budget(found: list[Notice], budget: int) -> None:
    """No day has more than its budget, but for what is critical."""
    spent: dict[int, list[Severity]] = {}
    for notice in found:
        day = notice.at.astimezone(BERLIN).toordinal()
        spent.setdefault(day, []).extend(item.severity for item in notice.items)
    for severities in spent.values():
        assert len([one for one in severities if one is not Severity.CRITICAL]) <= budget
