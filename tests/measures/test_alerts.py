"""Alerts of an owner in a day, and what a budget cuts."""

from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.pipeline.measures.alerts import Alert, alert_load


def alert(hour: int, rank: float = 0.0, *, owner: str = "a", rule: str = "r", right: bool | None = None) -> Alert:
    return Alert(owner, rule, hour * HOUR, (rank,), right)


def test_the_load_of_each_owner() -> None:
    (a, b) = alert_load([alert(1), alert(2), alert(25), alert(3, owner="b")], days=4)
    assert (a.owner, a.alerts, a.per_day, a.busiest, a.right, a.cut, a.cut_right) == ("a", 3, 0.75, 2, None, {}, None)
    assert (b.owner, b.alerts, b.busiest) == ("b", 1, 1)


def test_a_budget_keeps_the_worst_of_each_day_and_then_the_earliest() -> None:
    alerts = [
        alert(1, 1, rule="low"),
        alert(2, 2, rule="high", right=True),
        alert(3, 1, rule="low", right=True),
        alert(30, 1, rule="low"),
    ]
    (load,) = alert_load(alerts, days=2, budget=2)
    assert load.cut == {"low": 1}
    assert (load.right, load.cut_right) == (2, 1)
    (none,) = alert_load(alerts, days=2, budget=0)
    assert none.cut == {"low": 3, "high": 1}


def test_days_are_those_of_utc_and_never_less_than_one() -> None:
    (load,) = alert_load([Alert("a", "r", DAY - 1, (0.0,)), Alert("a", "r", DAY, (0.0,))], days=0.1)
    assert (load.busiest, load.per_day) == (1, 2.0)
    assert alert_load([], days=1) == []
