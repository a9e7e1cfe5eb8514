"""A child process that lives no longer than its parent, with its output in a log file."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from touchline.embedded.errors import PortInUseError, StartFailedError

LOOPBACK = "127.0.0.1"
LOG_TAIL_LINES = 15


def claim_port(what: str, port: int | None) -> int:
    """The port to give to a child: ``port`` itself if nothing listens there, a free one for None or 0.

    Raises PortInUseError. Between this check and the child's own bind another program may take the
    port; the child then fails to start, and says so in its log.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port or 0))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES} and port:
                raise PortInUseError(what, LOOPBACK, port) from None
            raise
        return int(probe.getsockname()[1])


class ChildProcess:
    """One child with a lifeline: a pipe on its standard input that ends when the parent does.

    The child must stop when it reads end-of-file there (``guard.py`` does it for programs that don't).
    It gets a session of its own, so that Ctrl-C reaches the parent alone, which then stops its children
    in the right order.
    """

    def __init__(self, what: str, log_file: Path | None) -> None:
        self.what = what
        self._log_file = log_file
        self._own_log = log_file is None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def log_file(self) -> Path | None:
        return self._log_file

    def exit_code(self) -> int | None:
        """None while the child runs (or before it was started)."""
        return self._process.poll() if self._process else None

    def start(
        self,
        argv: Sequence[str],
        *,
        first_input: bytes = b"",
        read_output: bool = False,
        env: dict[str, str] | None = None,
    ) -> None:
        """Start ``argv``.

        ``first_input`` is written to the lifeline, for what must not be seen in the list of processes.
        ``read_output`` keeps the standard output for read_line(); otherwise it goes to the log.
        """
        log = self._open_log()
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if read_output else log,
                stderr=log,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        finally:
            log.close()
        if first_input:
            self._write(first_input)

    def _open_log(self) -> IO[bytes]:
        if self._log_file is None:
            descriptor, name = tempfile.mkstemp(prefix="touchline-", suffix=".log")
            self._log_file = Path(name)
            return os.fdopen(descriptor, "wb")
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        return self._log_file.open("ab")

    def _write(self, data: bytes) -> None:
        assert self._process is not None  # noqa: S101
        assert self._process.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):  # it ended at once: the caller sees its exit code
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def read_line(self, timeout: float) -> bytes:
        """The next line of the child's standard output; empty when it ended or took longer (seconds)."""
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + timeout
        line = bytearray()
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                return b""
            data = os.read(descriptor, 4096)
            if not data:
                return b""
            line += data
        return bytes(line)

    def failure(self, reason: str) -> StartFailedError:
        """The error for a start that failed: the reason, the exit code and the end of the log."""
        code = self.exit_code()
        ended = "" if code is None else f" (it ended with code {code})"
        tail = self.log_tail()
        log = f"\nThe end of its log, {self._log_file}:\n{tail}" if tail else ""
        return StartFailedError(f"{self.what} did not start: {reason}{ended}{log}")

    def log_tail(self) -> str:
        if self._log_file is None or not self._log_file.exists():
            return ""
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def stop(self, timeout: float) -> int | None:
        """Ask the child to stop, kill it after ``timeout`` seconds; its exit code. Safe to repeat."""
        process = self._process
        if process is None:
            return None
        process.terminate()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self._process = None
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        if self._own_log and self._log_file is not None:
            self._log_file.unlink(missing_ok=True)
            self._log_file = None
        return code
