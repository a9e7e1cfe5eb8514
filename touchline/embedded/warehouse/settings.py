"""What a warehouse process is started with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class User:
    """Someone who may connect. A read-only user may read, within the limits, and nothing else."""

    name: str
    password: str = field(default="", repr=False)
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query of a read-only user may use: seconds, rows of the result, bytes of memory."""

    max_execution_time: int = 60
    max_result_rows: int = 1_000_000
    max_memory_usage: int = 2 * GIB

    def as_settings(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """One warehouse process.

    ``port`` and ``http_port`` 0 pick free ones. ``max_memory`` bounds the whole process, in bytes.
    ``packet_seconds`` is how long a client may take within one packet (or one HTTP request) before it is
    cut off: a wrong size field in a packet ends there instead of hanging both sides.
    """

    data: Path
    port: int = 0
    http_port: int = 0
    users: tuple[User, ...] = (User("default"),)
    limits: Limits = field(default_factory=Limits)
    max_memory: int = 4 * GIB
    packet_seconds: float = 30.0

    def to_json(self) -> str:
        """One line, with the passwords: for a pipe, never for a log or an argument list."""
        return json.dumps({**asdict(self), "data": str(self.data)})

    @classmethod
    def from_json(cls, text: str) -> ServerSettings:
        raw: dict[str, Any] = json.loads(text)
        users = tuple(User(**user) for user in raw.pop("users"))
        return cls(
            **{**raw, "data": Path(raw["data"])} | {"users": users, "limits": Limits(**raw["limits"])},
        )


def users_from_mapping(users: Mapping[str, tuple[str, bool]]) -> tuple[User, ...]:
    """``{name: (password, readonly)}`` as users; an empty mapping is the user ``default`` without password."""
    return tuple(User(name, password, readonly) for name, (password, readonly) in users.items()) or (User("default"),)
