"""Every piece of Python in docs/consumers.md, as it stands there but for the address and the environment."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client.support import Topic, signal
from touchline.client import Limits
from touchline.schemas.vocabulary import Severity

PAGE = Path(__file__).parents[2] / "docs" / "consumers.md"
PIECES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


UNREADABLE = 4
"""The piece that is about a record that is no signal."""


class Enough(BaseException):  # an error would be tried again by the page
    """So many lines were printed; the pieces themselves would go on for ever."""


def printing(lines: list[str], wanted: int) -> Callable[..., None]:
    def show(*words: object) -> None:
        lines.append(" ".join(map(str, words)))
        if len(lines) == wanted:
            raise Enough

    return show


def adapted(piece: str, bootstrap: str, environment: str, session: float) -> str:
    """With the address of the test's broker, and from the start of the topic."""
    ours = f'"{bootstrap}", environment="{environment}", start="earliest", limits=limits, group='
    piece = piece.replace('SignalConsumer("127.0.0.1:9092", ', f"SignalConsumer({ours}")
    times = f"session_timeout_ms={round(session * 1_000)}, heartbeat_interval_ms={round(session * 300)}"
    piece = piece.replace("enable_auto_commit=False,", f"enable_auto_commit=False, {times},")
    return piece.replace('"friction.signals"', f'"{environment}.friction.signals"').replace("127.0.0.1:9092", bootstrap)


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (0, ["logistics c-1 promised and not delivered", "logistics c-1 promised and not delivered"]),
        (1, ["delivery_promise_broken: tell the customer first"] * 2),
        (2, ["delivery_promise_broken high logistics"]),
        (3, ["set aside s1 the CRM is away", "set aside s1 the CRM is away", "case s2"]),
        (UNREADABLE, ["s1 1", "s1 2", "s2 1"]),
        (5, ["told s1 1", "told s1 2", "told s2 1"]),
        (6, ["booked s1 1", "booked s1 2", "booked s2 1"]),
        (7, ["s1 1 opened", "s1 2 updated", "s2 1 opened"]),
    ],
)
def test_a_piece_of_the_page(
    piece: int, expected: list[str], bootstrap: str, environment: str, request: pytest.FixtureRequest,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    topic = Topic(bootstrap, environment)
    topic.tick()
    if piece == UNREADABLE:
        topic.value(b"{}")
    topic.signals(signal(1), signal(1, 2), signal(2, severity=Severity.LOW))
    topic.producer.close()
    lines: list[str] = []
    session = 1.0 if "embedded" in request.node.name else 6.0
    names: dict[str, Any] = {"print": printing(lines, len(expected)), "limits": Limits(session_timeout=session)}
    with pytest.raises(Enough):
        exec(adapted(PIECES[piece], bootstrap, environment, session), names)  # noqa: S102 - our own page
    assert lines == expected
    if "consumer" in names:
        names["consumer"].close()
    if "unreadable" in names:
        assert [bad.offset for bad in names["unreadable"]] == [1]


def test_all_pieces_are_tested() -> None:
    assert len(PIECES) == 8
