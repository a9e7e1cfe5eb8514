"""Signals and profiles for the tests of outreach."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from touchline.pipeline.engine.clock import DAY, HOUR, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.outreach.plan import Cap, Plan, PolicyBook, Switches
from touchline.schemas.codec import decode_decision, decode_request, encode
from touchline.schemas.control import Tick
from touchline.schemas.customer import Profile
from touchline.schemas.outreach import Decision
from touchline.schemas.request import Request
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Control, Polarity, Severity, SignalStatus, Stage
from touchline.schemas.wire import CUSTOMERS, DECISIONS, REQUESTS, SIGNALS

NOON = to_ms(datetime(2026, 6, 10, 12, tzinfo=UTC))
"""A Wednesday at noon, UTC: no quiet hours there."""


_PLAN = {field.name for field in fields(Plan)}
_SWITCHES = {field.name for field in fields(Switches)}


def book(*plans: tuple[str, Plan], **said: Any) -> PolicyBook:
    """A live book: `plans` by rule; of the rest what a plan has is said for the default one, `cap` messages within
    `cap_window` at the most, and switches by their names."""
    default = Plan(**{name: value for name, value in said.items() if name in _PLAN})
    switches = {"observe": False, **{name: value for name, value in said.items() if name in _SWITCHES}}
    others = {name: value for name, value in said.items() if name not in _PLAN | _SWITCHES | {"cap", "cap_window"}}
    cap = Cap(said.get("cap", 3), said.get("cap_window", 7 * DAY))
    return PolicyBook(default=default, by_rule=dict(plans), cap=cap, switches=Switches(**switches), **others)


def signal(signal_id: str = "s-1", at: int = NOON, **changes: Any) -> Signal:
    """An opened signal of `c-1`, raised under its first profile; `at` in milliseconds is also when it was raised."""
    fields: dict[str, Any] = {
        "signal_id": signal_id,
        "revision": 0,
        "status": SignalStatus.OPENED,
        "rule": "long_wait",
        "rule_version": 1,
        "polarity": Polarity.FRICTION,
        "severity": Severity.HIGH,
        "owner": "care",
        "control": Control.OWN,
        "stage": Stage.SUPPORT,
        "party": "own",
        "channel": None,
        "customer": "c-1",
        "group": "c-1",
        "at": from_ms(at),
        "raised_at": from_ms(at),
        "evidence": "waited 20 min",
        "action": "call back",
        "events": ("e-1",),
        "profile_revision": 1,
    }
    return Signal(**{**fields, **changes})


def profile(revision: int = 1, at: int = NOON - HOUR, **changes: Any) -> Profile:
    """A profile of `c-1` with an e-mail address, in UTC."""
    fields: dict[str, Any] = {
        "customer": "c-1",
        "revision": revision,
        "updated_at": from_ms(at),
        "addresses": {"email": "c-1@example.com"},
        "zone": "UTC",
    }
    return Profile(**{**fields, **changes})


def record(item: Signal | Profile | Tick, offset: int = 0) -> PlainRecord:
    """What stands on the topic for it."""
    if isinstance(item, Tick):
        return PlainRecord(offset, 0, None, encode(item), (("touchline-tick", b"1"),))
    return PlainRecord(offset, 0, item.customer.encode(), encode(item))


def feed(shard: LocalShard, topic: str, *items: Signal | Profile | Tick) -> list[Decision]:
    """Hands over one batch; the decisions that came of it."""
    return decisions(shard.process(topic, [record(item) for item in items], now=0))


def advance(shard: LocalShard, high: int, *, live: bool = True) -> list[Decision]:
    """A tick; in history profiles have come as far as well."""
    tick = Tick(partition=0, partitions=1, high=high, wall=high if live else None)
    return [*([] if live else feed(shard, CUSTOMERS, tick)), *feed(shard, SIGNALS, tick)]


def decisions(outputs: list[Output]) -> list[Decision]:
    """The decisions among what a processor sent."""
    return [decode_decision(o.value) for o in outputs if o.value is not None and o.topic == DECISIONS]


def requests(outputs: list[Output]) -> list[Request]:
    """The requests among what a processor sent."""
    return [decode_request(o.value) for o in outputs if o.value is not None and o.topic == REQUESTS and not o.headers]
