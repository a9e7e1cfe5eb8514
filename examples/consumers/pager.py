"""Pages whoever is on call about what is high or critical, and calls it off when it has ended.

The body is the one that pagers with an events API take: one incident for each `dedup_key`, which is the signal's id. So
a repeat changes nothing there, and `resolve` finds what `trigger` opened.

    PAGER_URL=https://events.example.com/v2/enqueue PAGER_KEY=… python pager.py
"""

import json
import os
from pathlib import Path
from urllib.request import Request, urlopen

from touchline.client import Retry, SignalConsumer, SignalFilter
from touchline.schemas.signal import Signal

SEVERITIES = {"critical": "critical", "high": "error"}


def page(signal: Signal) -> None:
    """Opens or closes the incident of a signal."""
    event = {
        "routing_key": os.environ["PAGER_KEY"],
        "event_action": "trigger" if signal.is_open else "resolve",
        "dedup_key": signal.signal_id,
        "payload": {
            "summary": f"{signal.rule}: {signal.evidence}",
            "source": signal.owner,
            "severity": SEVERITIES[signal.severity],
            "timestamp": signal.at.isoformat(),
            "custom_details": {"action": signal.action, "party": signal.party},
        },
    }
    headers = {"content-type": "application/json"}
    urlopen(Request(os.environ["PAGER_URL"], json.dumps(event).encode(), headers), timeout=10).close()


def set_aside(signal: Signal, error: Exception) -> None:
    """Keeps what could not be paged, for somebody to look at."""
    with Path("not-paged.ndjson").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"signal_id": signal.signal_id, "rule": signal.rule, "error": str(error)}) + "\n")


wanted = SignalFilter(severity="high", polarity="friction")
with SignalConsumer("127.0.0.1:9092", "pager", only=wanted, remember="pager.sqlite") as signals:
    signals.run(page, retry=Retry(times=3), dead_letter=set_aside)
