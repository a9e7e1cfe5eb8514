"""What the agents' processes say of themselves over HTTP."""

import http.client
import re
from dataclasses import dataclass
from typing import Final

from touchline.up.ports import LOOPBACK

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric."""

    name: str
    labels: dict[str, str]
    value: float


def ready(port: int) -> bool:
    """Whether the process on that port says that it is ready."""
    return _get(port, "/readyz") is not None


def metrics(port: int) -> list[Sample] | None:
    """All metrics of the process; None when it does not answer."""
    text = _get(port, "/metrics")
    if text is None:
        return None
    found = _SAMPLE.findall(text)
    return [Sample(name, dict(_LABEL.findall(labels)), float(value)) for name, labels, value in found]


def counted(samples: list[Sample]) -> dict[str, int]:
    """What the agent's logic counted: `enriched`, `duplicates`, `rejected.bad_time` …"""
    return {s.labels["what"]: int(s.value) for s in samples if s.name == "touchline_events_total"}


def total(samples: list[Sample], name: str) -> int:
    """The sum of a metric over its labels."""
    return int(sum(sample.value for sample in samples if sample.name == name))


def _get(port: int, path: str) -> str | None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if response.status == http.client.OK else None
