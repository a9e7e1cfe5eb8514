"""The first ten minutes of the README, run as they stand there; only the ports are others, and the folder."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import README, Block, section

pytestmark = pytest.mark.slow

TOUCHLINE = str(Path(sys.executable).with_name("touchline"))
PORTS = (9092, 9000, 8123)
BLOCKS = section(README, "The first ten minutes")
UP, PUBLISHER, CONSUMER, HEARD, ANALYST, AUTHOR = BLOCKS


class Enough(Exception):
    """As many lines were printed as are shown; the consumer itself would go on for ever."""


@dataclass(frozen=True)
class Town:
    """A folder in which `touchline up` runs, and the port that stands for each one of the README."""

    folder: Path
    ports: dict[int, int]
    welcome: str

    def adapted(self, text: str) -> str:
        for theirs, ours in self.ports.items():
            text = text.replace(f"127.0.0.1:{theirs}", f"127.0.0.1:{ours}")
        return text

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return run(line, self.folder)


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One line of a shell block, which begins with `touchline`."""
    name, *arguments = shlex.split(line)
    assert name == "touchline"
    return subprocess.run([TOUCHLINE, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def running(line: str, folder: Path, errors: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that stays, until Ctrl-C; then it must end well."""
    command = [TOUCHLINE, *shlex.split(line)[1:]]
    environ = os.environ | {"PYTHONUNBUFFERED": "1"}
    with (
        errors.open("wb") as file,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=file, env=environ, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert process.returncode == 0, errors.read_text("utf-8")


def welcome_of(process: subprocess.Popen[str], errors: Path) -> str:
    """What it says when it is ready."""
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, errors.read_text("utf-8")
        said += line
    return said


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The operator's block: init, cd, up."""
    init, change, up = UP.text.splitlines()
    parent = tmp_path_factory.mktemp("readme")
    begun = run(init, parent)
    assert begun.returncode == 0, begun.stderr
    folder = parent / change.removeprefix("cd ")
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    settings = folder / "touchline.yaml"
    text = settings.read_text("utf-8")
    for theirs, ours in ports.items():
        assert str(theirs) in text
        text = text.replace(str(theirs), str(ours))
    settings.write_text(text, "utf-8")
    with running(up, folder, parent / "errors") as process:
        yield Town(folder, ports, welcome_of(process, parent / "errors"))


@pytest.fixture(scope="module")
def published(town: Town) -> Town:
    """The publisher's block was run."""
    lines = executed(town, PUBLISHER)
    assert len(lines) == 1
    assert "partition" in lines[0]
    return town


def executed(town: Town, block: Block, enough: int = 0) -> list[str]:
    """What a block of Python prints; after so many lines it is stopped (0: it ends by itself)."""
    lines: list[str] = []

    def show(*words: object) -> None:
        lines.append(" ".join(map(str, words)))
        if len(lines) == enough:
            raise Enough

    names: dict[str, Any] = {"print": show}
    with suppress(Enough):
        exec(town.adapted(block.text), names)  # noqa: S102 - our own page
    return lines


def test_the_section_has_the_blocks_that_are_run_here() -> None:
    assert [block.language for block in BLOCKS] == ["sh", "python", "python", "text", "sh", "sh"]


def test_up_says_where_it_listens(town: Town) -> None:
    for port in town.ports.values():
        assert f"127.0.0.1:{port}" in town.welcome


def test_a_consumer_hears_what_is_shown(published: Town) -> None:
    expected = HEARD.text.splitlines()
    assert executed(published, CONSUMER, enough=len(expected)) == expected


def test_an_analyst_finds_rows(published: Town) -> None:
    touchpoints, decisions = ANALYST.text.splitlines()
    deadline = time.monotonic() + 30
    while True:
        found = [published.run(line) for line in (touchpoints, decisions)]
        assert [one.returncode for one in found] == [0, 0], found
        rows = [[line.split() for line in one.stdout.splitlines()[1:]] for one in found]
        if all(rows) or time.monotonic() > deadline:
            break
    assert rows[0] == [["call.started", "voice", "3"]]
    assert rows[1][0][0] == "c-1042"


def test_an_author_of_rules_sees_the_signal_with_nothing_running(tmp_path: Path) -> None:
    run(UP.text.splitlines()[0], tmp_path)
    (line,) = AUTHOR.text.splitlines()
    done = run(line, tmp_path / "shop")
    assert done.returncode == 0, done.stderr
    assert "device_keeps_failing" in done.stdout
    assert "3 errors within 24 h" in done.stdout
