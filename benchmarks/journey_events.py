"""The events of the journey job: a million touchpoints of about 300 bytes, of 50,000 customers, over ten days, in
order; and which signals they must raise. The same for the same seed."""

import itertools
import random
import uuid
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

CUSTOMERS = 50_000
START = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=10)
DAY_MS = 86_400_000
CONTACTS = frozenset({"call", "chat_message", "email_inbound"})

_CHANNELS = ("web", "mobile_app", "voice", "chat", "email", "sms", "ivr", "branch")
_KINDS = ("page_view", "click", "search", "purchase", "login", "form_submit", "ad_impression", *sorted(CONTACTS))
_STAGES = ("awareness", "consideration", "purchase", "onboarding", "service", "loyalty")
_SUBJECTS = ("billing question", "order status", "product info", "technical problem", "contract change", "fees")
_SOURCES = ("crm-gateway", "web-tracker", "telephony-cti", "mobile-sdk", "mail-ingest")
_DEVICES = ("ios", "android", "desktop")


def events(count: int, seed: int = 7) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Time in milliseconds, customer and body of each. A few customers are busy, most are not (weight 1/√rank)."""
    chance = random.Random(seed)
    weights = list(itertools.accumulate((rank + 1) ** -0.5 for rank in range(CUSTOMERS)))
    ids = list(range(CUSTOMERS))
    chance.shuffle(ids)
    start, step = int(START.timestamp() * 1_000), SPAN / timedelta(milliseconds=1) / max(count, 1)
    for index in range(count):
        time = start + int((index + chance.random()) * step)
        customer = f"c{ids[bisect(weights, chance.random() * weights[-1])]:08d}"
        yield time, customer, _body(chance, time, customer)


def _body(chance: random.Random, time: int, customer: str) -> dict[str, Any]:
    return {
        "event_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "occurred_at": datetime.fromtimestamp(time / 1_000, UTC).isoformat(timespec="milliseconds"),
        "customer_id": customer,
        "channel": chance.choice(_CHANNELS),
        "kind": chance.choice(_KINDS),
        "stage": chance.choice(_STAGES),
        "subject": chance.choice(_SUBJECTS),
        "attributes": {
            "device": chance.choice(_DEVICES),
            "session": f"{chance.getrandbits(32):08x}",
            "value": round(chance.random() * 100, 2),
        },
        "source": chance.choice(_SOURCES),
    }


def encoded(count: int, seed: int = 7) -> tuple[list[tuple[bytes, bytes]], set[tuple[str, int]]]:
    """Keys and values to publish, and the signals (customer, time) of a third contact within 24 hours."""
    pairs, signals = [], set()
    contacts: dict[str, list[int]] = {}
    for time, customer, body in events(count, seed):
        pairs.append((customer.encode(), msgspec.json.encode(body)))
        if body["kind"] in CONTACTS:
            recent = [t for t in contacts.get(customer, ()) if t > time - DAY_MS]
            recent.append(time)
            contacts[customer] = recent
            if len(recent) == 3:
                signals.add((customer, time))
    return pairs, signals
