"""An import on a broker: order, ids, what is said about time, and what is left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importer.support import HEAD, write
from touchline.client import Connection, Publisher, TopicReader
from touchline.importer import ImportOptions, ImportReport, Progress, run_import
from touchline.importer.mapper import Made
from touchline.importer.pace import CONTROL_EVERY
from touchline.importer.run import publish_in_order
from touchline.pipeline.engine.partition import partition_of
from touchline.schemas.wire import CONTROL_HEADER, RAW

MAP = """
- files: "*.csv"
  touchpoints:
  - {kind: order.placed, at: "{placed}", customer: "{who}"}
  - {kind: order.shipped, at: "{shipped}", customer: "{who}", when: {shipped: {present: true}}}
"""
FILES: dict[str, str | bytes] = {
    "b.csv": "who,placed,shipped\n"
    + "".join(f"c-{n % 7},2026-05-04 10:{n:02}:00,2026-05-05 10:{59 - n:02}:00\n" for n in range(60)),
    "a.csv": "who,placed,shipped\nc-1,2026-05-04 10:30:30,\n",
}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "map.yaml").write_text(HEAD + MAP, encoding="utf-8")
    return write(tmp_path, FILES)


def imported(files: list[Path], bootstrap: str, environment: str, options: ImportOptions | None = None) -> ImportReport:
    with Publisher(bootstrap, environment=environment) as publisher:
        return run_import(files, files[0].parent / "map.yaml", publisher, options or ImportOptions())


def partitions(bootstrap: str, environment: str) -> list[list[tuple[bytes | None, dict[str, Any]]]]:
    """For each partition its records in order: the key and the content; a control has no key."""
    found: list[list[tuple[bytes | None, dict[str, Any]]]] = [[], [], [], []]
    with TopicReader(Connection(bootstrap, environment), RAW) as reader:
        for record in reader.read_all():
            assert (record.key is None) == (record.header(CONTROL_HEADER) is not None)
            found[record.partition].append((record.key, json.loads(record.value or b"")))
    return found


def test_in_the_order_of_time_between_controls(bootstrap: str, environment: str, files: list[Path]) -> None:
    progress: list[Progress] = []
    with Publisher(bootstrap, environment=environment) as publisher:
        report = run_import(files, files[0].parent / "map.yaml", publisher, ImportOptions(), progress.append)
    assert (report.published, report.failed, report.skipped) == (121, 0, 1)
    night = 1_777_885_140_000  # 2026-05-04 10:59 in Berlin: before a day in which nothing happens
    last = 1_777_971_540_000  # 2026-05-05 10:59
    assert report.last_at == last
    all_times = []
    for number, records in enumerate(partitions(bootstrap, environment)):
        assert [value for key, value in records if key is None] == [
            {"high": None, "clock": "log"},
            {"high": night, "clock": None},
            {"high": last, "clock": None},
        ]
        assert records[0][0] is None
        assert records[-1][0] is None
        times = [value["occurred_at"] for key, value in records if key is not None]
        assert times == sorted(times)
        assert all(partition_of(key, 4) == number for key, _ in records if key is not None)
        all_times += times
    assert len(all_times) == 121
    assert {one.stage for one in progress} == {"read", "publish"}
    assert progress[-1] == Progress("publish", 121, 121)


def test_a_second_import_gives_the_same_events(bootstrap: str, environment: str, files: list[Path]) -> None:
    imported(files, bootstrap, environment)
    once = partitions(bootstrap, environment)
    imported(list(reversed(files)), bootstrap, environment)
    for before, after in zip(once, partitions(bootstrap, environment), strict=True):
        assert after == before + before


def test_a_row_that_fails_leaves_nothing_published(bootstrap: str, environment: str, files: list[Path]) -> None:
    files += write(files[0].parent, {"c.csv": "who,placed,shipped\nc-1,yesterday,\nc-1,2026-05-06 10:00:00,\n"})
    report = imported(files, bootstrap, environment)
    assert (report.failed, report.published) == (1, 0)
    assert partitions(bootstrap, environment) == [[], [], [], []]
    report = imported(files, bootstrap, environment, ImportOptions(skip_bad=True))
    assert (report.failed, report.published) == (1, 122)


def test_then_live_tells_the_offset_of_the_hand_over(bootstrap: str, environment: str, files: list[Path]) -> None:
    report = imported(files, bootstrap, environment, ImportOptions(then_live=True, limit=10))
    assert report.published == 10
    for number, records in enumerate(partitions(bootstrap, environment)):
        assert records[-1] == (None, {"high": None, "clock": "live"})
        assert report.handover[number] == len(records) - 1


def test_sparse_partitions_are_told_the_time_as_it_goes(bootstrap: str, environment: str) -> None:
    count = 2 * CONTROL_EVERY + 1
    value = b'{"occurred_at": "never read here"}'
    report = ImportReport("by hand")
    with Publisher(bootstrap, environment=environment) as publisher:
        made = [Made(at, b"c-1", value) for at in range(count)]
        publish_in_order(made, count, publisher, options=ImportOptions(), report=report)
    own = partition_of(b"c-1", 4)
    for number, records in enumerate(partitions(bootstrap, environment)):
        controls = [(place, one["high"]) for place, (key, one) in enumerate(records) if key is None][1:]
        assert [high for _, high in controls] == [CONTROL_EVERY - 1, 2 * CONTROL_EVERY - 1, count - 1]
        if number == own:
            # Never ahead of what was published before it.
            assert [place for place, _ in controls] == [CONTROL_EVERY + 1, 2 * CONTROL_EVERY + 2, count + 3]
