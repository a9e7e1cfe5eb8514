"""Starting and stopping a warehouse process."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from touchline.embedded.errors import EmbeddedError, FolderInUseError, PortInUseError
from touchline.embedded.process import LOOPBACK, ChildProcess
from touchline.embedded.warehouse.settings import GIB, Limits, ServerSettings, users_from_mapping

START_SECONDS = 60.0  # a large folder takes its time to load; the engine alone needs 1 to 3 s
STOP_SECONDS = 20.0


class EmbeddedWarehouse:
    """ClickHouse's engine on a folder, for this process and its clients on the same machine.

    ``data`` is the folder (made if missing, kept). ``port`` (native) and ``http_port`` None or 0 pick free ones.
    ``users`` is ``{name: (password, readonly)}``, by default ``default`` without a password; ``limits``
    bounds the queries of read-only users. ``max_memory`` (bytes) bounds the process. ``log_file`` gets its
    output (None: a temporary file that goes with it). Use it as a context manager, or start() and stop().
    """

    def __init__(
        self,
        data: Path,
        port: int | None = None,
        http_port: int | None = None,
        *,
        users: Mapping[str, tuple[str, bool]] | None = None,
        limits: Limits | None = None,
        max_memory: int = 4 * GIB,
        log_file: Path | None = None,
    ) -> None:
        self._settings = ServerSettings(
            Path(data).resolve(),
            port or 0,
            http_port or 0,
            users_from_mapping(users or {}),
            limits or Limits(),
            max_memory,
        )
        self._child = ChildProcess("the embedded warehouse", log_file)
        self._ready: dict[str, Any] | None = None

    @property
    def host(self) -> str:
        return LOOPBACK

    @property
    def port(self) -> int:
        """The port of the native protocol, once started."""
        return int(self._running()["port"])

    @property
    def http_port(self) -> int:
        """The port of HTTP, once started."""
        return int(self._running()["http_port"])

    def _running(self) -> dict[str, Any]:
        if self._ready is None:
            raise RuntimeError("the embedded warehouse is not running: call start() first")
        return self._ready

    @property
    def pid(self) -> int | None:
        return self._child.pid

    @property
    def log_file(self) -> Path | None:
        return self._child.log_file

    def exit_code(self) -> int | None:
        """None while it runs; what it ended with when it ended by itself."""
        return self._child.exit_code()

    def start(self) -> None:
        """Start and wait until it is ready.

        Raises PortInUseError, FolderInUseError, NotInstalledError or StartFailedError.
        """
        if self._child.pid is not None:
            raise RuntimeError("the embedded warehouse is already running")
        self._child.start(
            [sys.executable, "-m", "touchline.embedded.warehouse", "--attached"],
            first_input=self._settings.to_json().encode() + b"\n",
            read_output=True,
        )
        line = self._child.read_line(START_SECONDS)
        report = json.loads(line) if line else {"ready": False}
        if report["ready"]:
            self._ready = report
            return
        error = self._error(report)
        self.stop()
        raise error

    def _error(self, report: dict[str, Any]) -> EmbeddedError:
        kind = report.get("kind")
        if kind == PortInUseError.__name__:
            native = report["port"] == self._settings.port
            what = "the warehouse's native port" if native else "the warehouse's HTTP port"
            return PortInUseError(what, LOOPBACK, report["port"])
        if kind == FolderInUseError.__name__:
            return FolderInUseError(self._settings.data, report["pid"])
        if "message" in report:
            return EmbeddedError(report["message"])
        return self._child.failure(f"not ready within {START_SECONDS:.0f} s")

    def stop(self) -> None:
        """Stop it; its data stays in the folder. Safe to repeat."""
        self._child.stop(STOP_SECONDS)
        self._ready = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
