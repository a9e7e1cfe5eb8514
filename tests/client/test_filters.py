"""Which signals are let through."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.support import signal
from touchline.client import SignalFilter
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Polarity, Severity, SignalStatus

names = st.sampled_from(["a", "b", "c"])
signals = st.builds(
    lambda **fields: replace(signal(1), **fields),
    rule=names,
    owner=names,
    party=names,
    severity=st.sampled_from(list(Severity)),
    polarity=st.sampled_from(list(Polarity)),
    status=st.sampled_from(list(SignalStatus)),
)
words = {
    "rule": st.sets(names),
    "owner": st.sets(names),
    "party": st.sets(names),
    "polarity": st.sets(st.sampled_from(list(Polarity))),
    "status": st.sets(st.sampled_from(list(SignalStatus))),
}
ORDER = ["low", "medium", "high", "critical"]


@given(signals, st.fixed_dictionaries(words), st.none() | st.sampled_from(ORDER))
def test_it_fits_when_each_word_that_is_said_fits(one: Signal, said: dict[str, Any], severity: str | None) -> None:
    wanted = all(getattr(one, name) in several for name, several in said.items() if several)
    if severity is not None:
        wanted = wanted and ORDER.index(one.severity) >= ORDER.index(severity)
    found = SignalFilter(severity=severity, **said)
    assert found.fits(one) is wanted
    assert bool(found) is (any(said.values()) or severity in ORDER[1:])


def test_one_word_is_a_word_and_no_letters() -> None:
    assert SignalFilter(owner="logistics", status="opened").fits(signal(1))
    assert not SignalFilter(owner="logistics", status="opened").fits(signal(1, 2))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"severity": "hgih"}, 'there is no severity "hgih", did you mean "high"?'),
        ({"status": ("opened", "shut")}, 'there is no status "shut": it is one of opened, updated, resolved, '),
        ({"polarity": "friktion"}, 'there is no polarity "friktion", did you mean "friction"?'),
    ],
)
def test_a_word_that_there_is_not_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        SignalFilter(**said)
