"""What all connections of a warehouse process share: the engine, the users, the watcher."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from touchline.embedded.warehouse.engine import Engine
from touchline.embedded.warehouse.errors import AUTHENTICATION_FAILED, ServerError
from touchline.embedded.warehouse.settings import ServerSettings, User
from touchline.embedded.warehouse.watch import Watcher


@dataclass(frozen=True, slots=True)
class Hub:
    settings: ServerSettings
    engine: Engine
    watcher: Watcher = field(default_factory=Watcher)

    @property
    def version(self) -> tuple[int, int, int]:
        """The engine's version as clients compare it: year, release, patch."""
        major, minor, patch = (int(part) for part in self.engine.version.split(".")[:3])
        return major, minor, patch

    def authenticate(self, name: str, password: str) -> User:
        """The user of this name. Raises ServerError (AUTHENTICATION_FAILED), the same for both reasons."""
        user = next((user for user in self.settings.users if user.name == name), None)
        expected = user.password if user is not None else ""
        right = hmac.compare_digest(expected.encode(), password.encode("utf-8", "surrogateescape"))
        if user is None or not right:
            raise ServerError(
                AUTHENTICATION_FAILED,
                f"{name}: Authentication failed: password is incorrect, or there is no user with such name. "
                "(AUTHENTICATION_FAILED)",
            )
        return user
