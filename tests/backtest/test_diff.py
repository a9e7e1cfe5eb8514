"""Two sets of rules on the same history."""

from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.support import at, signal
from touchline.pipeline.backtest.diff import Change, compare
from touchline.pipeline.engine.clock import from_ms
from touchline.schemas.vocabulary import SignalStatus


def test_what_appears_vanishes_moves_and_stays() -> None:
    old = [signal(1), signal(5), signal(1, customer="b"), signal(2, rule="gone")]
    new = [signal(1), signal(6), signal(2, customer="c"), signal(1, customer="b", signal_id="another version")]
    found = compare(old, new)
    assert [(c.change, c.rule, c.customer, c.before, c.after) for c in found.changed] == [
        (Change.APPEARS, "warner", "c", None, from_ms(at(2))),
        (Change.VANISHES, "gone", "c-1", from_ms(at(2)), None),
        (Change.MOVES, "warner", "c-1", from_ms(at(5)), from_ms(at(6))),
    ]
    (gone, warner) = found.rules
    assert (gone.rule, gone.before, gone.after, gone.vanish) == ("gone", 1, 0, 1)
    assert (warner.before, warner.after, warner.same, warner.appear, warner.vanish, warner.move) == (3, 4, 2, 1, 0, 1)
    assert found.customers == 2


def test_a_signal_that_was_disproved_was_none() -> None:
    found = compare([signal(1, status=SignalStatus.RETRACTED)], [])
    assert (found.rules, found.changed) == ([], [])


def test_another_group_is_another_signal() -> None:
    found = compare([signal(1, group="order:1")], [signal(1, group="order:2")])
    assert {one.change for one in found.changed} == {Change.APPEARS, Change.VANISHES}


SIGNALS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab"), st.sampled_from("xy")), max_size=12)


@given(SIGNALS, SIGNALS)
def test_every_signal_is_accounted_for_once(old: list[tuple[int, str, str]], new: list[tuple[int, str, str]]) -> None:
    def made(entries: list[tuple[int, str, str]]) -> list:  # type: ignore[type-arg]
        return [signal(h, customer=c, rule=r, signal_id=str(n)) for n, (h, c, r) in enumerate(entries)]

    found = compare(made(old), made(new))
    back = compare(made(new), made(old))
    for row in found.rules:
        assert row.before == row.same + row.vanish + row.move
        assert row.after == row.same + row.appear + row.move
        changes = [one.change for one in found.changed if one.rule == row.rule]
        assert len(changes) == row.appear + row.vanish + row.move
    assert [(r.rule, r.same, r.move, r.appear) for r in found.rules] == [
        (r.rule, r.same, r.move, r.vanish) for r in back.rules
    ]
    assert compare(made(old), made(old)).changed == []
