"""Ports on this machine."""

import socket
from dataclasses import dataclass

from touchline.embedded.errors import PortInUseError

LOOPBACK = "127.0.0.1"
_FIRST, _LAST = 20_000, 32_000  # below the range from which the system takes ports for outgoing connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where an environment listens; 0 takes a free one. `http` is the first of as many as there are agents."""

    kafka: int = 0
    warehouse: int = 0
    warehouse_http: int = 0
    http: int = 0


def is_free(port: int) -> bool:
    """Whether nothing listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_or(wanted: int) -> int:
    """The wanted port if it is free, else 0."""
    return wanted if is_free(wanted) else 0


def neighbours(what: str, first: int, count: int) -> int:
    """The first of `count` free ports in a row; 0 looks for some.

    Raises: PortInUseError when they were asked for and one is taken."""
    if first:
        for port in range(first, first + count):
            if not is_free(port):
                raise PortInUseError(what, LOOPBACK, port)
        return first
    start = _some_port()
    bases: tuple[int, ...] = (*range(start, _LAST - count, count), *range(_FIRST, start, count))
    for base in bases:
        if all(is_free(port) for port in range(base, base + count)):
            return base
    raise PortInUseError(what, LOOPBACK, _FIRST)


def _some_port() -> int:
    """Somewhere in our range, so that two that look at once seldom meet."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    return _FIRST + port % (_LAST - _FIRST - 100)
