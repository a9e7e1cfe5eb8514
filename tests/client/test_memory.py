"""What is remembered of signals: in the process, and in a file that outlives it."""

import os
import signal as signals
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from touchline.client import BadMemory, Memory, Retry
from touchline.client.memory import FileMemory, ShortMemory


@pytest.fixture(params=["process", "file"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    if request.param == "process":
        yield ShortMemory(3)
        return
    file = FileMemory(tmp_path / "seen.sqlite", "pager", 3)
    yield file
    file.close()


def test_what_was_added_is_known_and_the_oldest_is_forgotten(memory: Memory) -> None:
    assert not memory.has("a", 1)
    for name in "abc":
        memory.add(name, 1)
    assert [memory.has(name, 1) for name in "abcd"] == [True, True, True, False]
    memory.add("a", 2)
    memory.add("d", 1)
    assert memory.has("a", 2)
    assert memory.has("d", 1)
    assert not memory.has("b", 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5)), max_size=30), st.integers(1, 6))
def test_a_file_keeps_the_greatest_revision_of_the_last_signals(
    tmp_path_factory: pytest.TempPathFactory, added: list[tuple[str, int]], limit: int
) -> None:
    path = tmp_path_factory.mktemp("memory") / "seen.sqlite"
    expected: dict[str, int] = {}
    file = FileMemory(path, "pager", limit)
    for number, (name, revision) in enumerate(added):
        if number % 10 == 9:  # another process goes on
            file.close()
            file = FileMemory(path, "pager", limit)
        file.add(name, revision)
        expected[name] = max(expected.pop(name, revision), revision)
    kept = dict(list(expected.items())[-limit:])
    found = {name: max((r for r in range(7) if file.has(name, r)), default=None) for name in "abcdef"}
    assert found == {name: kept.get(name) for name in "abcdef"}
    file.close()


def test_a_file_is_bounded_also_where_it_was_larger(tmp_path: Path) -> None:
    path = tmp_path / "seen.sqlite"
    for limit, rows in ((160, 170), (20, 21)):
        file = FileMemory(path, "pager", limit)
        for number in range(500):
            file.add(f"s{number}", 1)
        assert limit <= count(path) <= rows
        file.close()


def count(path: Path) -> int:
    database = sqlite3.connect(path)
    (rows,) = database.execute("SELECT count(*) FROM handled").fetchone()
    database.close()
    return int(rows)


def test_groups_share_a_file_and_not_what_they_know(tmp_path: Path) -> None:
    pager, crm = (FileMemory(tmp_path / "seen.sqlite", name, 10) for name in ("pager", "crm"))
    pager.add("a", 1)
    assert pager.has("a", 1)
    assert not crm.has("a", 1)
    crm.add("a", 3)
    assert not pager.has("a", 2)
    again = FileMemory(tmp_path / "seen.sqlite", "pager", 10)
    again.add("b", 1)
    assert pager.has("b", 1), "two processes of one group know the same"
    for file in (pager, crm, again):
        file.close()


def test_what_was_added_is_there_after_a_kill(tmp_path: Path) -> None:
    code = """
        import sys, time
        from pathlib import Path
        from touchline.client.memory import FileMemory
        memory = FileMemory(Path(sys.argv[1]), "pager", 10)
        memory.add("a", 7)
        print("added", flush=True)
        time.sleep(600)
    """
    path = tmp_path / "seen.sqlite"
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "added\n"
        os.kill(process.pid, signals.SIGKILL)
    file = FileMemory(path, "pager", 10)
    assert file.has("a", 7)
    file.close()


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "customers.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE customers (id TEXT)")
    database.close()
    text = tmp_path / "notes.txt"
    text.write_text("nothing of a database " * 100)
    for path, why in ((other, "it is another database: name another file"), (text, "file is not a database")):
        before = path.read_bytes()
        with pytest.raises(BadMemory, match=f"{path.name} can't remember which signals were handled: {why}"):
            FileMemory(path, "pager", 10)
        assert path.read_bytes() == before
    with pytest.raises(BadMemory, match="unable to open database file"):
        FileMemory(tmp_path / "nowhere" / "seen.sqlite", "pager", 10)


def test_waits_double_up_to_the_longest_less_up_to_half() -> None:
    retry = Retry(times=5, first=1, longest=6)
    drawn = [list(retry.waits(Random(seed))) for seed in range(200)]
    for place, most in enumerate([1, 2, 4, 6, 6]):
        waits = [waits[place] for waits in drawn]
        assert most / 2 <= min(waits) < most * 0.6
        assert most * 0.9 < max(waits) <= most
    assert list(Retry(times=0).waits(Random(1))) == []
    with pytest.raises(ValueError, match="times of a retry is -1: it must be 0 or more"):
        Retry(times=-1)
