"""What can go wrong when an embedded part starts.

EmbeddedError
├── StartFailedError     the part ended, or did not answer in time; the message has the end of its log
├── PortInUseError       another program listens on the port
├── FolderInUseError     another process owns the data folder
└── NotInstalledError    the optional dependency of the embedded parts is missing
"""

from __future__ import annotations

from pathlib import Path


class EmbeddedError(Exception):
    """An embedded part cannot run; the message says what to do."""


class StartFailedError(EmbeddedError):
    """The part ended while it was starting, or did not answer in time."""


class PortInUseError(EmbeddedError):
    """Another program listens on the port that was asked for."""

    def __init__(self, what: str, host: str, port: int) -> None:
        super().__init__(
            f"{what} cannot listen on {host}:{port}: the port is in use by another program. "
            f"Stop that program, or choose another port (0 picks a free one)."
        )
        self.host = host
        self.port = port


class FolderInUseError(EmbeddedError):
    """Another process owns the warehouse's data folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        owner = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the warehouse folder {folder} is in use by {owner}: one process owns a folder. "
            f"Connect to the ports of that process, stop it, or choose another folder."
        )
        self.folder = folder
        self.pid = pid


class NotInstalledError(EmbeddedError):
    """The embedded parts' own dependency is missing."""

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'touchline[embedded]'")
