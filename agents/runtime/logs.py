"""Structured logs: one JSON object a line, or text for people. What is logged holds no payload and no personal data."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

_NOISY: Final = {
    # What these say at INFO is about their own inside; what goes wrong, our own loggers tell with the reason.
    "faust": logging.ERROR,
    "mode": logging.ERROR,
    "aiokafka": logging.ERROR,
    "aiohttp": logging.WARNING,
    "asyncio": logging.ERROR,
    # Faust's services log under the module of their class.
    "touchline.agents.runtime.app": logging.ERROR,
    "touchline.agents.runtime.transport": logging.ERROR,
}


class _Json(logging.Formatter):
    def __init__(self, agent: str) -> None:
        super().__init__()
        self._agent = agent

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "agent": self._agent,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logs(agent: str, level: str, form: str) -> None:
    """Sends all logs to standard error. `level`: debug … error; `form`: json or text."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter(f"%(asctime)s %(levelname)-7s {agent}: %(message)s")
    handler.setFormatter(_Json(agent) if form == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _NOISY.items():
        logging.getLogger(name).setLevel(max(least, root.level))
