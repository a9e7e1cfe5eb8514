"""The warehouse process: what is in its folder stays, one process owns it, and it ends with its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from tests.embedded.helpers import is_running, kill, wait_until
from touchline.embedded import EmbeddedWarehouse, FolderInUseError, PortInUseError

_PARENT = """
import sys
from pathlib import Path
from touchline.embedded import EmbeddedWarehouse
warehouse = EmbeddedWarehouse(Path(sys.argv[1]))
warehouse.start()
print(warehouse.pid, flush=True)
sys.stdin.read()
"""


def _execute(warehouse: EmbeddedWarehouse, *query: Any) -> Any:
    client = Client(warehouse.host, port=warehouse.port)
    try:
        return client.execute(*query)
    finally:
        client.disconnect()


def test_acknowledged_inserts_survive_a_stop_and_a_kill(tmp_path: Path) -> None:
    warehouse = EmbeddedWarehouse(tmp_path / "data", log_file=tmp_path / "warehouse.log")
    with warehouse:
        _execute(warehouse, "CREATE DATABASE shop")
        _execute(warehouse, "CREATE TABLE shop.t (a UInt64) ENGINE = ReplacingMergeTree ORDER BY a")
        _execute(warehouse, "INSERT INTO shop.t VALUES", [(number,) for number in range(1000)])
    warehouse.start()
    assert _execute(warehouse, "SELECT count(), sum(a) FROM shop.t") == [(1000, 499_500)]
    _execute(warehouse, "INSERT INTO shop.t VALUES", [(number,) for number in range(1000, 3000)])
    (tmp_path / "data" / "touchline-inserts" / "left.insert").write_bytes(b"what a kill leaves behind")
    assert warehouse.pid is not None
    kill(warehouse.pid)
    wait_until(lambda: warehouse.exit_code() == -signal.SIGKILL, 5, "the killed process's end")
    warehouse.stop()
    with warehouse:
        assert _execute(warehouse, "SELECT count(), sum(a) FROM shop.t") == [(3000, 4_498_500)]
        assert list((tmp_path / "data" / "touchline-inserts").iterdir()) == []


def test_a_second_start_names_the_folder_and_its_owner(warehouse: EmbeddedWarehouse, tmp_path: Path) -> None:
    with EmbeddedWarehouse(tmp_path / "data") as first:
        second = EmbeddedWarehouse(tmp_path / "data")
        with pytest.raises(FolderInUseError) as caught:
            second.start()
        assert str(tmp_path / "data") in str(caught.value)
        assert caught.value.pid == first.pid
        assert second.pid is None


@pytest.mark.parametrize("which", ["native", "HTTP"])
def test_a_used_port_is_named(warehouse: EmbeddedWarehouse, tmp_path: Path, which: str) -> None:
    port, http_port = (warehouse.port, 0) if which == "native" else (0, warehouse.http_port)
    with pytest.raises(PortInUseError, match=rf"{which} port cannot listen on 127\.0\.0\.1:{port or http_port}"):
        EmbeddedWarehouse(tmp_path / "data", port, http_port).start()


def test_it_ends_with_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "data")]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    kill(parent.pid)
    try:
        wait_until(lambda: not is_running(pid), 10, "the warehouse's end")
    finally:
        parent.stdin.close()
        parent.stdout.close()
        parent.wait()


@pytest.mark.slow  # two starts of the engine
def test_the_command_prints_its_ports_and_stops_on_sigterm(tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    users.write_text('{"analyst": ["secret", true]}', encoding="utf-8")
    command = [sys.executable, "-m", "touchline.embedded.warehouse", "--data", str(tmp_path / "data")]
    options = ["--port", "0", "--http-port", "0", "--users", str(users)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    ready = json.loads(process.stdout.readline())
    assert ready["ready"]
    client = Client(ready["host"], port=ready["port"], user="analyst", password="secret")
    assert client.execute("SELECT 1") == [(1,)]
    again = subprocess.run([*command, *options], capture_output=True, check=False, text=True)
    assert again.returncode == 1
    assert f"in use by process {process.pid}" in again.stderr
    assert "Traceback" not in again.stderr
    os.kill(process.pid, signal.SIGTERM)  # with a client connected
    assert process.wait(15) == 0
    client.disconnect()
    log = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    assert b"secret" not in log


def test_a_wrong_users_file_is_named(tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    users.write_text('{"analyst": "secret-word"', encoding="utf-8")
    command = [sys.executable, "-m", "touchline.embedded.warehouse", "--data", str(tmp_path / "data")]
    done = subprocess.run([*command, "--users", str(users)], capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert str(users) in done.stderr
    assert "secret-word" not in done.stderr
