"""How to reach a cluster, and kafka-python's errors as ours."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kafka import errors as kafka_errors

from touchline.client.errors import NoBroker

_PAUSE: Final = 0.2
"""Seconds between two attempts to connect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """TLS and SASL, as the cluster asks for them. `protocol`: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""

    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None

    def __repr__(self) -> str:
        """Without the password."""
        return f"Security(protocol={self.protocol!r}, mechanism={self.mechanism!r}, username={self.username!r})"


@dataclass(frozen=True, slots=True)
class Connection:
    """A cluster. `bootstrap`: `host:port`, several with commas. `environment`: the prefix of topics and groups.
    `timeout`: seconds until a broker that does not answer is an error."""

    bootstrap: str
    environment: str = ""
    security: Security = Security()
    timeout: float = 10.0

    def topic(self, name: str) -> str:
        """The topic's name on the cluster."""
        return f"{self.environment}.{name}" if self.environment else name

    def options(self) -> dict[str, Any]:
        """What every client of kafka-python takes."""
        security = self.security
        chosen = {
            "security_protocol": security.protocol,
            "sasl_mechanism": security.mechanism,
            "sasl_plain_username": security.username,
            "sasl_plain_password": security.password,
            "ssl_cafile": str(security.ca_file) if security.ca_file else None,
        }
        return {
            "bootstrap_servers": [part.strip() for part in self.bootstrap.split(",")],
            "bootstrap_timeout_ms": int(self.timeout * 1_000),
            "reconnect_backoff_max_ms": 2_000,
            **{name: value for name, value in chosen.items() if value is not None},
        }

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Waits for a broker that answers; turns what kafka-python raises while it connects into NoBroker."""
        self._knock()
        try:
            yield
        except kafka_errors.KafkaTimeoutError:
            raise NoBroker(self.bootstrap) from None
        except kafka_errors.KafkaError as error:
            raise NoBroker(self.bootstrap, reason(error)) from None
        except (OSError, ValueError) as error:
            raise NoBroker(self.bootstrap, str(error)) from None

    def _knock(self) -> None:
        """kafka-python says only that it got nowhere, and leaves its sockets open: so try it first by ourselves."""
        deadline = time.monotonic() + self.timeout
        while True:
            problem: OSError | ValueError | None = None
            for address in self.bootstrap.split(","):
                try:
                    host, port = _host_and_port(address)
                    socket.create_connection((host, port), timeout=self.timeout).close()
                except (OSError, ValueError) as error:
                    problem = error
                else:
                    return
            if isinstance(problem, ValueError) or time.monotonic() + _PAUSE > deadline:
                raise NoBroker(self.bootstrap, _why(problem))
            time.sleep(_PAUSE)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.strip().rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("an address is written host:port")
    return host.strip("[]"), int(port)


def _why(problem: OSError | ValueError | None) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    return getattr(problem, "strerror", None) or str(problem)


def reason(error: BaseException) -> str:
    """An error of kafka-python in one line: its name, and its text where that says more."""
    name = type(error).__name__.removesuffix("Error")
    text = " ".join(str(error).split()).removeprefix(f"{type(error).__name__}: ")
    description = str(getattr(error, "description", "") or "")
    return ": ".join(part for part in (name, text if text not in {name, ""} else " ".join(description.split())) if part)
