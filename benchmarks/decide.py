"""How long one decision takes, alone and through the agent's processor: `python -m benchmarks.decide`.

Nothing but the logic: no Kafka, one core. The processor's part includes decoding signals, encoding decisions, and
encoding the changed state for the changelog.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.outreach.case import Circumstances
from touchline.pipeline.outreach.contact import Contact
from touchline.pipeline.outreach.decide import decide
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.pace import Turns
from touchline.pipeline.outreach.plan import Cap, Plan, PolicyBook, Switches
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.schemas.codec import decode_decision, encode
from touchline.schemas.control import Tick
from touchline.schemas.customer import Profile
from touchline.schemas.incident import Incident
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Channel, Control, Polarity, Purpose, Route, Severity, SignalStatus, Stage
from touchline.schemas.wire import CUSTOMERS, DECISIONS, INCIDENTS, SIGNALS, TICK_HEADER

NOON = to_ms(datetime(2026, 6, 10, 12, tzinfo=UTC))
BOOK = PolicyBook(
    default=Plan(hold_out=0.1),
    by_rule={
        "rule_1": Plan("surveys", purpose=Purpose.SERVICE, cap_group="surveys", priority=20),
        "rule_2": Plan("calls", route=Route.PERSON, target="queue:service", cooldown=HOUR),
        "rule_3": Plan("late", delay=10 * MINUTE, priority=80),
        "rule_4": Plan("many", pace=20_000),
    },
    channel_caps={Channel.SMS: Cap(2, 7 * DAY)},
    group_caps={"surveys": Cap(1, 30 * DAY)},
    switches=Switches(observe=False),
)
PLAIN = PolicyBook(default=Plan(hold_out=0.1), switches=Switches(observe=False))
ROUNDS = 100
CAUSES = ("carrier_late party:dhl",)


def signal(number: int, customer: str, at: int, rule: str = "long_wait") -> Signal:
    return Signal(
        signal_id=f"7b0c9a52-0000-5000-8000-{number:012}",
        revision=0,
        status=SignalStatus.OPENED,
        rule=rule,
        rule_version=1,
        polarity=Polarity.FRICTION,
        severity=Severity.HIGH,
        owner="care",
        control=Control.OWN,
        stage=Stage.SUPPORT,
        party="own",
        channel=None,
        customer=customer,
        group=f"order:{number}",
        at=from_ms(at),
        raised_at=from_ms(at),
        evidence="waited 21 min in the queue; 10 min is too long",
        action="call back",
        events=("e-1", "e-2"),
        values={"wait_seconds": 1_260.0, "threshold": 600.0},
        subjects=(f"order:{number}",),
        profile_revision=1,
    )


def profile(customer: str) -> Profile:
    return Profile(
        customer=customer,
        revision=1,
        updated_at=from_ms(NOON - DAY),
        consent={"marketing": True, "marketing/sms": False},
        addresses={"email": f"{customer}@example.com", "sms": "+49301234567"},
        zone="Europe/Berlin",
    )


def cases() -> dict[str, Callable[[], Any]]:
    """One verdict of each costly kind."""
    person = profile("c-1")
    recent = [Contact(NOON - n * DAY, f"rule_{n}") for n in range(1, 10)]
    signal_4 = signal(3, "c-1", NOON, "rule_4")
    noon, night = signal(1, "c-1", NOON), signal(2, "c-1", NOON + 10 * HOUR)
    open_cap = replace(BOOK, cap=Cap(20, 7 * DAY))
    several = [structs.replace(contact, channel=Channel.SMS, group="surveys") for contact in recent]
    paced = Circumstances(turns=Turns(20_000, 1, 4), taken=[(0, Turns(20_000, 1, 4).first(NOON + HOUR))])
    return {
        "sent": lambda: decide(noon, person, recent, open_cap, NOON),
        "held": lambda: decide(night, person, recent, open_cap, NOON + 10 * HOUR),
        "frequency_cap": lambda: decide(noon, person, recent, BOOK, NOON),
        "cooldown": lambda: decide(noon, person, [Contact(NOON - HOUR, "long_wait")], BOOK, NOON),
        "channel_caps": lambda: decide(noon, person, several, open_cap, NOON),
        "paced": lambda: decide(signal_4, person, recent, open_cap, NOON, paced),
    }


def microseconds(work: Callable[[], Any], times: int) -> float:
    """The mean time of one call in the fastest of many short rounds: others share the machine."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            work()
        found.append((time.perf_counter() - began) / times * 1e6)
    return min(found)


def through_the_processor(book: PolicyBook, count: int, batch: int) -> float:
    """Decisions a second: `count` signals of a quarter as many customers, in batches."""
    shard = LocalShard(OutreachProcessor(book, built_in_messages()), 0, 1)
    customers = [f"c-{n}" for n in range(max(count // 4, 1))]
    people = [PlainRecord(n, 0, c.encode(), encode(profile(c))) for n, c in enumerate(customers)]
    shard.process(CUSTOMERS, people, 0)
    signals = [
        encode(signal(n, customers[n % len(customers)], NOON + n * MINUTE // 40, f"rule_{n % 5}")) for n in range(count)
    ]
    records = [PlainRecord(n, 0, b"", value) for n, value in enumerate(signals)]
    shard.changelog.clear()
    gc.collect()
    gc.freeze()
    began = time.process_time()
    for start in range(0, count, batch):
        shard.process(SIGNALS, records[start : start + batch], 0)
    seconds = time.process_time() - began
    gc.unfreeze()
    decided = sum(n for what, n in shard.counts.items() if what.startswith("decisions."))
    assert decided >= count
    return decided / seconds


def an_incident(affected: int, pace: int) -> dict[str, float]:
    """So many customers of one incident, told at a pace, while other customers' signals come in every minute: decisions
    a second, how long it took to tell all of them, and the longest wait of another one's message, in event time."""
    book = replace(PLAIN, by_rule={"carrier_late": Plan("carrier", pace=pace, quiet=None, max_age=7 * DAY)})
    shard = LocalShard(OutreachProcessor(book, built_in_messages()), 0, 1)
    mark = ((TICK_HEADER, b"1"),)
    row = Incident(
        incident_id="i-1", revision=1, status=SignalStatus.OPENED, rule="carrier_late", rule_version=1,
        group="party:dhl", party="dhl", control=Control.PARTNER, severity=Severity.HIGH, owner="logistics",
        covers=("rule_0",), customers=affected, affected=(), first=from_ms(NOON), at=from_ms(NOON),
        last=from_ms(NOON), opened_at=from_ms(NOON), raised_at=from_ms(NOON), evidence="many",
    )  # fmt: skip
    told = encode(Tick(partition=0, partitions=1, high=NOON + 9 * DAY, wall=NOON))
    shard.process(INCIDENTS, [PlainRecord(0, 0, b"i-1", encode(row)), PlainRecord(1, 0, None, told, mark)], 0)
    names = [f"k-{n}" for n in range(affected)]
    for start in range(0, affected, 5_000):
        people = [PlainRecord(0, 0, b"", encode(profile(name))) for name in names[start : start + 5_000]]
        shard.process(CUSTOMERS, people, 0)
    covered = [replace(signal(n, name, NOON + n, "rule_0"), causes=CAUSES) for n, name in enumerate(names)]
    records = [PlainRecord(0, 0, b"", encode(one)) for one in covered]
    shard.changelog.clear()
    began = time.process_time()
    for start in range(0, affected, 2_000):
        shard.process(SIGNALS, records[start : start + 2_000], 0)
    longest, last = 0, NOON
    for minute in range(2, 2 + 60 * affected // pace):
        now = NOON + minute * MINUTE
        shard.process(CUSTOMERS, [PlainRecord(0, 0, b"", encode(profile(f"o-{minute}")))], 0)
        other = encode(signal(affected + minute, f"o-{minute}", now, "rule_1"))
        tick = encode(Tick(partition=0, partitions=1, high=now, wall=now))
        outputs = shard.process(SIGNALS, [PlainRecord(0, 0, b"", other), PlainRecord(1, 0, None, tick, mark)], 0)
        found = [decode_decision(output.value or b"") for output in outputs if output.topic == DECISIONS]
        told_now = [decision for decision in found if decision.policy == "carrier"]
        last = max([last, *(to_ms(decision.at) for decision in told_now)])
        others = [decision for decision in found if decision.policy != "carrier"]
        assert len(others) == 1
        longest = max(longest, now - to_ms(others[0].signal_at))
        shard.changelog.clear()
    seconds = time.process_time() - began
    decided = sum(n for what, n in shard.counts.items() if what.startswith("decisions."))
    assert last - NOON <= affected * HOUR // pace
    return {
        "incident_decisions_per_second": round(decided / seconds),
        "incident_hours": round((last - NOON) / HOUR, 3),
        "incident_others_waited_ms": longest,
    }


def main() -> None:
    """Measures and prints; `--json` for a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40_000, help="signals through the processor")
    parser.add_argument("--batch", type=int, default=2_000, help="signals handed over at once")
    parser.add_argument("--affected", type=int, default=0, help="customers of an incident, told within two hours")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {f"decide_{name}_us": round(microseconds(work, 200), 2) for name, work in cases().items()}
    for name, book in (("one_plan", PLAIN), ("many_plans", BOOK)):
        found[f"{name}_decisions_per_second"] = round(through_the_processor(book, options.count, options.batch))
    if options.affected:
        found |= an_incident(options.affected, options.affected // 2)
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:32} {value:>10,}")


if __name__ == "__main__":
    main()
