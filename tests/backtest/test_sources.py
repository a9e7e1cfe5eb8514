"""Where history comes from: files, maps, and what is said when they can't be read."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.friction.support import START, touchpoint
from touchline.backtest.sources import HistoryError, Lines, Mapped, read_span
from touchline.pipeline.engine.clock import HOUR
from touchline.schemas.codec import encode
from touchline.schemas.touchpoint import EnrichedTouchpoint

PLAIN = b'{"event_id": "1", "occurred_at": "2026-03-02T10:00:00Z"}'
EARLIER = b'{"event_id": "2", "occurred_at": "2026-03-02T09:00:00+01:00"}'


def nobody(_what: str, _done: int, _total: int) -> None:
    """Is told nothing."""


def test_lines_are_taken_as_they_stand_file_by_file_packed_or_not(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(PLAIN + b"\n\n" + EARLIER)
    (tmp_path / "b.gz").write_bytes(gzip.compress(PLAIN + b"\r\n"))
    told: list[tuple[str, int, int]] = []
    lines = Lines([tmp_path / "a.ndjson", tmp_path / "b.gz"])
    assert list(lines.entries(lambda *args: told.append(args))) == [PLAIN, EARLIER, PLAIN]
    assert told[-1][1] == told[-1][2] > 0
    assert lines.name == "a.ndjson, b.gz"


def test_lines_may_be_put_in_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\n".join([PLAIN, EARLIER, b'{"no": "time"}']))
    assert list(Lines([path], in_time=True).entries(nobody)) == [b'{"no": "time"}', EARLIER, PLAIN]


@pytest.mark.parametrize("in_time", [False, True])
def test_enriched_touchpoints_are_known_by_their_first_line(tmp_path: Path, in_time: bool) -> None:
    path = tmp_path / "a.ndjson"
    events = [touchpoint(f"e{n}", "page.viewed", START + n * HOUR, late_seconds=float(n)) for n in range(3)]
    path.write_bytes(b"\n".join(map(encode, events)))
    found = list(Lines([path], in_time).entries(nobody))
    assert found == events
    assert all(isinstance(one, EnrichedTouchpoint) for one in found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"order,at\n1,2\n", "a.ndjson:1 is no JSON"),
        (b"[1]", "a.ndjson:1 is no JSON object"),
        (b"\x1f\x8b broken", "a.ndjson is broken gzip"),
        (encode(touchpoint("e", "page.viewed", START)) + b"\n{}", "a.ndjson:2 is no enriched touchpoint"),
    ],
)
def test_what_can_not_be_read_is_told_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(content)
    with pytest.raises(HistoryError) as raised:
        list(Lines([path]).entries(nobody))
    assert message in str(raised.value)


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="No such file"):
        list(Lines([tmp_path / "none"]).entries(nobody))


def test_rows_come_by_their_map_in_the_order_of_time_and_failed_ones_are_counted(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("who,at\nb,2026-03-02T10:00:00Z\na,2026-03-02T09:00:00Z\nc,soon\n")
    (tmp_path / "map.yaml").write_text(
        'schema: map/1\nname: calls\ninputs:\n- files: "*.csv"\n  touchpoints:\n'
        '  - {kind: call.started, at: "{at}", customer: "{who}"}\n'
    )
    source = Mapped([tmp_path / "calls.csv"], tmp_path / "map.yaml")
    found = [bytes(one) for one in source.entries(nobody) if isinstance(one, bytes)]
    assert [b'"customer_id":"a"' in found[0], b'"customer_id":"b"' in found[1], len(found)] == [True, True, 2]
    ((what, count),) = source.left_out.items()
    assert count == 1
    assert "calls.csv:4" in what
    assert source.name == "calls.csv by map.yaml"


def test_a_span_of_days() -> None:
    assert read_span("2026-01-01..2026-03-31") == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert read_span("2026-01-01T12:00+01:00..2026-01-01T12:00Z")[0] == datetime(2026, 1, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-01-01", "is no range"),
        ("2026-02-01..2026-01-01", "ends before"),
        ("soon..2026-01-01", "is no date"),
        ("2026-01-01T12:00..2026-01-02", "no ISO 8601 time with its offset"),
    ],
)
def test_a_span_that_is_none_is_told(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_span(text)
