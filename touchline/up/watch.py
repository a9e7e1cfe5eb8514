"""What goes wrong in the agents' processes, read from their log as it grows."""

import json
from dataclasses import dataclass
from pathlib import Path

_LEVELS = {"error", "critical"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One line of the log that an operator should see. `time` as it stands there (ISO 8601)."""

    time: str
    agent: str
    message: str


class LogWatch:
    """Reads the new lines of a log of JSON objects: those after `offset`, by default those that are still to come."""

    def __init__(self, path: Path, offset: int | None = None) -> None:
        self._path = path
        self._offset = (path.stat().st_size if path.exists() else 0) if offset is None else offset

    def troubles(self) -> list[Trouble]:
        """What was logged as an error since the last call; a line that is no JSON (a traceback) is passed over."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        end = text.rfind(b"\n") + 1
        self._offset += end
        found = (_trouble(line) for line in text[:end].splitlines())
        return [trouble for trouble in found if trouble is not None]


def _trouble(line: bytes) -> Trouble | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or entry.get("level") not in _LEVELS:
        return None
    return Trouble(str(entry.get("time", "")), str(entry.get("agent", "")), str(entry.get("message", "")))
