"""Messages written down instead of sent, one JSON object a line: to see what customers would get, while developing.

They hold addresses and texts, so it is never a default and never the log: the settings name the file, or `stdout`.
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from touchline.agents.sinks.clock import Now, system_now
from touchline.pipeline.outreach.adapter import Parcel, SendResult, SendStatus

STDOUT: Final = "stdout"
_OWNER_ONLY: Final = 0o600


class ConsoleAdapter:
    """Appends to a file, or to standard output. Each line has the delivery's id, which tells a repeat."""

    idempotent: Final = True

    def __init__(self, to: str, now: Now = system_now, *, name: str = "console") -> None:
        self.name = name
        self._to = to
        self._now = now

    async def send(self, parcel: Parcel) -> SendResult:
        """Writes one line, in one piece: several workers may share the file."""
        line = {"id": parcel.parcel_id, "at": self._now(), "what": parcel.what, "channel": parcel.channel}
        if parcel.message is not None:
            line |= {"to": parcel.message.to, "subject": parcel.message.subject, "text": parcel.message.text}
        try:
            self._write(msgspec.json.encode(line | dict(parcel.data or {})) + b"\n")
        except OSError as error:
            return SendResult(SendStatus.RETRY, f"{self._to} can't be written: {error.strerror}", down=True)
        return SendResult(SendStatus.SENT)

    async def close(self) -> None:
        """Nothing is open."""

    def _write(self, line: bytes) -> None:
        if self._to == STDOUT:
            os.write(1, line)
            return
        file = os.open(Path(self._to), os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWNER_ONLY)
        try:
            os.write(file, line)
        finally:
            os.close(file)
