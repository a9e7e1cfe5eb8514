"""Tells a chat room of each new signal of one department, once.

A chat can't tell a repeat by itself, so the handled ones are remembered in a file.

    CHAT_WEBHOOK=https://chat.example.com/hooks/… python chat_alert.py
"""

import json
import os
from urllib.request import Request, urlopen

from touchline.client import Retry, SignalConsumer, SignalFilter
from touchline.schemas.signal import Signal


def tell(signal: Signal) -> None:
    """Posts one line, without the customer: a room has many readers."""
    line = f"[{signal.severity}] {signal.rule}, {signal.party}: {signal.evidence}. {signal.action}."
    headers = {"content-type": "application/json"}
    urlopen(Request(os.environ["CHAT_WEBHOOK"], json.dumps({"text": line}).encode(), headers), timeout=10).close()


def drop(_signal: Signal, _error: Exception) -> None:
    """An alert that is minutes late helps nobody."""


opened = SignalFilter(owner="logistics", status="opened")
with SignalConsumer("127.0.0.1:9092", "chat", only=opened, remember="chat.sqlite") as signals:
    signals.run(tell, retry=Retry(times=3), dead_letter=drop)
