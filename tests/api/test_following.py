"""How a view is followed while the connection breaks."""

import asyncio

import pytest

from tests.api.support import settings_for
from touchline.agents.api.following import Follower
from touchline.agents.api.view import View
from touchline.agents.runtime.errors import BrokerAway


def test_waits_double_while_it_fails_and_begin_anew_once_it_has_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    catches_up = iter([False, False, False, True, False, True])

    async def session(follower: Follower) -> None:
        if next(catches_up):
            follower.view = View(0)
        raise BrokerAway("no Kafka broker answers")

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 6:
            raise asyncio.CancelledError

    monkeypatch.setattr(Follower, "_session", session)
    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Follower(settings_for("127.0.0.1:1")).run())
    assert waits == [0.5, 1.0, 2.0, 0.5, 1.0, 0.5]
