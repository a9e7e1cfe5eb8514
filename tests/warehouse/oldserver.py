"""A real ClickHouse server, as Debian packages it (18.16): too old for our tables, good for the wire and for faults."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

COMMAND = shutil.which("clickhouse-server", path="/usr/sbin:/usr/bin:/usr/local/bin")

_CONFIG = """<yandex>
  <logger><level>warning</level><log>{folder}/server.log</log><errorlog>{folder}/errors.log</errorlog></logger>
  <http_port>{http}</http_port><tcp_port>{port}</tcp_port><interserver_http_port>{inner}</interserver_http_port>
  <listen_host>127.0.0.1</listen_host>
  <path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path>
  <format_schema_path>{folder}/formats/</format_schema_path><user_files_path>{folder}/files/</user_files_path>
  <users_config>{folder}/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size>
</yandex>
"""
_USERS = """<yandex>
  <profiles><default/><careful><readonly>1</readonly></careful></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
    <reader><password>look</password><networks><ip>127.0.0.1</ip></networks><profile>careful</profile>
      <quota>default</quota></reader>
  </users>
</yandex>
"""


@dataclass
class OldServer:
    """One server on a folder. Killed, it can be started again on what it left."""

    folder: Path
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Starts, and waits until it answers."""
        assert COMMAND is not None
        if not self.port:
            self.port, http, inner = _free_ports(3)
            for name in ("data", "tmp", "formats", "files"):
                (self.folder / name).mkdir()
            config = _CONFIG.format(folder=self.folder, port=self.port, http=http, inner=inner)
            (self.folder / "config.xml").write_text(config, encoding="utf-8")
            (self.folder / "users.xml").write_text(_USERS, encoding="utf-8")
        log = (self.folder / "output.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [COMMAND, f"--config-file={self.folder}/config.xml"], cwd=self.folder, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(
                    (self.folder / "output.log").read_text(encoding="utf-8", errors="replace")[-2_000:]
                )
            time.sleep(0.05)

    def kill(self) -> None:
        """As a machine dies."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """It stands still, its connections stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After a pause."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """In order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def old_server(folder: Path) -> Iterator[OldServer]:
    """A server that runs."""
    server = OldServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
