"""The embedded broker's life: it starts, says what is wrong, and ends with whoever started it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.embedded.helpers import children, is_running, kill, wait_until
from touchline.embedded import EmbeddedBroker, NotInstalledError, PortInUseError
from touchline.embedded.broker import answers, find_binary

_PARENT = """
import sys
from touchline.embedded import EmbeddedBroker
broker = EmbeddedBroker()
broker.start()
print(broker.pid, broker.port, flush=True)
sys.stdin.read()
"""


def test_it_answers_when_start_returns_and_is_gone_after_stop(tmp_path: Path) -> None:
    broker = EmbeddedBroker(log_file=tmp_path / "logs" / "broker.log")
    broker.start()
    port = broker.port
    assert broker.bootstrap == f"127.0.0.1:{port}"
    assert answers(port)
    assert broker.exit_code() is None
    assert f"127.0.0.1:{port}" in (tmp_path / "logs" / "broker.log").read_text(encoding="utf-8")
    broker.stop()
    assert not answers(port)
    broker.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = broker.port


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with EmbeddedBroker(log_file=tmp_path / "broker.log") as broker:
        listening = {
            line.split()[1]
            for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{broker.port:04X}")
        }
        assert listening == {f"0100007F:{broker.port:04X}"}


def test_a_used_port_is_named_with_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=rf"127\.0\.0\.1:{port}.*in use.*choose another port"):
            EmbeddedBroker(port).start()


def test_it_outlives_the_thread_that_started_it() -> None:
    broker = EmbeddedBroker()
    starter = threading.Thread(target=broker.start)
    starter.start()
    starter.join()
    try:
        assert answers(broker.port)
        assert broker.exit_code() is None
    finally:
        broker.stop()


@pytest.mark.parametrize("victim", ["parent", "guard"])
def test_it_dies_with_a_killed_parent(victim: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdin is not None
    guard, port = (int(part) for part in parent.stdout.readline().split())
    try:
        (server,) = children(guard)
        assert answers(port)
        kill(parent.pid if victim == "parent" else guard)
        wait_until(lambda: not is_running(server), 5, "the broker's end")
        wait_until(lambda: not is_running(guard), 5, "the guard's end")
        assert not answers(port)
    finally:
        parent.stdin.close()
        parent.stdout.close()
        parent.kill()
        parent.wait()


def test_a_program_that_may_not_be_executed_is_copied_to_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.X_OK)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    binary = Path(find_binary(tmp_path / "data"))
    assert binary.parent == tmp_path / "data"
    assert binary.stat().st_mode & 0o111
    assert find_binary(tmp_path / "data") == str(binary)
    assert not (tmp_path / "home").exists()


def test_an_own_program_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", "/nowhere/tansu")
    with pytest.raises(NotInstalledError, match="/nowhere/tansu"):
        find_binary()
