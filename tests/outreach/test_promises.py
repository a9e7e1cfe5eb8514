"""What no history may break: caps, quiet hours, consent, hold-out, pace, one message about an incident, and exactly one
final decision for each signal; whatever the signals, profiles, incidents, zones and clock changes are, in
whatever turns the inputs come, through restarts, on both clocks."""

import os
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outreach.cases import book, decisions, profile, requests, signal
from tests.outreach.test_incidents import CAUSE, incident
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.plan import Cap, Plan, PolicyBook
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.pipeline.outreach.recipient import consents, held_out, zone_of
from touchline.schemas.codec import encode
from touchline.schemas.control import Tick
from touchline.schemas.customer import Profile
from touchline.schemas.incident import Incident
from touchline.schemas.outreach import Decision
from touchline.schemas.request import Request
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Arm, Channel, Outcome, Polarity, Purpose, Reason, Route, Severity, SignalStatus
from touchline.schemas.wire import CUSTOMERS, INCIDENTS, SIGNALS

CASES = int(os.environ.get("TOUCHLINE_PROMISE_CASES", "150"))
START = to_ms(datetime(2026, 10, 23, 14, tzinfo=UTC))
"""A Friday: clocks are set back in Europe on Sunday, in America a week later."""

PLANS = {
    "grave": Plan("grave", priority=90, cooldown=0, cap_group="g", channels=(Channel.EMAIL, Channel.SMS)),
    "later": Plan("later", delay=3 * HOUR, hold_out=0.5, experiment="x", cooldown=6 * HOUR),
    "favour": Plan("favour", purpose=Purpose.MARKETING, hold_out=0.3, experiment="y", cap_group="g", priority=20),
    "many": Plan("many", pace=3, quiet=QuietHours.parse("20:30", "09:15"), cooldown=HOUR),
    "awake": Plan("awake", quiet=None, channels=(Channel.SMS, Channel.EMAIL), priority=60, cooldown=HOUR),
    "task": Plan("task", route=Route.PERSON, target="queue:service", cooldown=2 * HOUR, hold_out=0.5, experiment="x"),
    "notice": Plan("notice", route=Route.OWNER, delay=HOUR, cooldown=0),
    "carrier_late": Plan("carrier", pace=2, priority=70, cooldown=0),
}
BOOK = book(
    *PLANS.items(),
    cap=4,
    cap_window=2 * DAY,
    channel_caps={Channel.EMAIL: Cap(2, DAY), Channel.SMS: Cap(2, 36 * HOUR)},
    group_caps={"g": Cap(1, DAY)},
)
BY_ID = {plan.id: plan for plan in (BOOK.default, *PLANS.values())}
RULES = [*(rule for rule in PLANS if rule != "carrier_late"), "covered", "covered", "plain"]
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "Europe/Lisbon", None, "No/Where")
PEOPLE = ("c-1", "c-2", "c-3")

STEPS = st.lists(
    st.tuples(
        st.integers(1, 7 * HOUR),
        st.sampled_from(PEOPLE),
        st.sampled_from(["open"] * 5 + ["end", "update", "profile", "incident", "over", "tick", "tick"]),
        st.integers(0, 2**20),
    ),
    min_size=1,
    max_size=45,
)


@dataclass
class Story:
    """What was written, in its order: three logs."""

    logs: dict[str, list[Any]] = field(default_factory=lambda: {SIGNALS: [], CUSTOMERS: [], INCIDENTS: []})
    signals: dict[str, Signal] = field(default_factory=dict)
    profiles: dict[tuple[str, int], Profile] = field(default_factory=dict)
    end: int = 0


def tell(steps: Sequence[tuple[int, str, str, int]], *, live: bool) -> Story:
    """A story from drawn steps."""
    story, now = Story(), START
    revisions, standing = dict.fromkeys(PEOPLE, 0), list[Incident]()
    tick(story, START, live=live)
    for number, (after, customer, what, salt) in enumerate(steps):
        now += after
        rng = random.Random(salt)
        if what == "open":
            rule = rng.choice(RULES)
            one = signal(
                f"s-{number}", now, customer=customer, group=customer, rule=rule, severity=rng.choice(list(Severity)),
                polarity=rng.choice(list(Polarity)), profile_revision=revisions[customer],
                causes=(CAUSE,) if rule == "covered" else (),
            )  # fmt: skip
            story.signals[one.signal_id] = one
            story.logs[SIGNALS].append(one)
        elif what in {"end", "update"} and story.signals:
            before = story.signals[rng.choice(sorted(story.signals))]
            if before.is_open:
                status = SignalStatus.UPDATED if what == "update" else rng.choice(list(SignalStatus)[2:])
                one = replace(before, revision=before.revision + 1, status=status, raised_at=from_ms(now))
                story.signals[one.signal_id] = one
                story.logs[SIGNALS].append(one)
        elif what == "profile":
            revisions[customer] += 1
            someone = person(customer, revisions[customer], now, rng)
            story.profiles[customer, someone.revision] = someone
            story.logs[CUSTOMERS].append(someone)
        elif what == "incident" and not standing:
            standing.append(incident(now, incident_id=f"i-{number}", covers=("covered",)))
            story.logs[INCIDENTS].append(standing[0])
        elif what == "over" and standing:
            last = standing.pop()
            opened = to_ms(last.opened_at)
            over = incident(opened, ended=now, incident_id=last.incident_id, covers=("covered",))
            story.logs[INCIDENTS].append(over)
        elif what == "tick":
            tick(story, now, live=live)
    story.end = now + 5 * DAY
    for hours in range(0, 5 * 24 + 1, 1 if live else 60):
        tick(story, now + hours * HOUR, live=live)
    return story


def tick(story: Story, now: int, *, live: bool) -> None:
    one = Tick(partition=0, partitions=1, high=now, wall=now if live else None)
    for topic in (SIGNALS, INCIDENTS) if live else (SIGNALS, INCIDENTS, CUSTOMERS):
        story.logs[topic].append(one)


def person(customer: str, revision: int, now: int, rng: random.Random) -> Profile:
    reach = {"email": f"{customer}@example.com", "sms": rng.choice(["+81 90 1234 5678", "+49 30 123456", "0301"])}
    return profile(
        revision,
        now,
        customer=customer,
        zone=rng.choice(ZONES),
        country=rng.choice(["JP", "DE", "US", None]),
        consent=rng.choice(
            [{}, {}, {"marketing": True}, {"service": False}, {"service/email": False, "marketing/sms": True}]
        ),
        addresses={name: reach[name] for name in rng.choice([("email",), ("sms",), ("email", "sms"), ()])},
        preferred=rng.choice([None, Channel.SMS, Channel.EMAIL]),
        worked={"support": Channel.SMS} if rng.random() < 0.3 else {},
        erased=rng.random() < 0.05,
    )


def work_off(story: Story, turns: Sequence[tuple[str, int, bool]], policy: PolicyBook = BOOK) -> "Ran":
    """The inputs in turns; with none, all of each at once, signals last."""
    shard = LocalShard(OutreachProcessor(policy, built_in_messages()), 0, 1)
    left, ran = {topic: list(log) for topic, log in story.logs.items()}, Ran()
    rest = [(topic, 10**6, False) for topic in (CUSTOMERS, INCIDENTS, SIGNALS)]
    for topic, size, crash in [*turns, *rest]:
        batch, left[topic] = left[topic][:size], left[topic][size:]
        outputs = shard.process(topic, [record(item) for item in batch], 0)
        ran.decisions += decisions(outputs)
        ran.requests += requests(outputs)
        if crash:
            shard.restart()
    return ran


def record(item: Signal | Profile | Incident | Tick) -> PlainRecord:
    headers = (("touchline-tick", b"1"),) if isinstance(item, Tick) else ()
    return PlainRecord(0, 0, b"k", encode(item), headers)


@dataclass
class Ran:
    """What came out."""

    decisions: list[Decision] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def messages(self) -> list[Decision]:
        """Those by which a message went out."""
        return [d for d in self.decisions if d.outcome is Outcome.SENT and d.route is Route.CUSTOMER]


@given(STEPS, st.lists(st.tuples(st.sampled_from([SIGNALS, CUSTOMERS, INCIDENTS]), st.integers(1, 9), st.booleans())))
@settings(max_examples=CASES, deadline=None)
def test_on_the_log_clock(steps: list[tuple[int, str, str, int]], turns: list[tuple[str, int, bool]]) -> None:
    story = tell(steps, live=False)
    hold(story, work_off(story, turns))


@given(STEPS, st.lists(st.tuples(st.sampled_from([SIGNALS, CUSTOMERS, INCIDENTS]), st.integers(1, 9), st.booleans())))
@settings(max_examples=CASES, deadline=None)
def test_on_the_live_clock(steps: list[tuple[int, str, str, int]], turns: list[tuple[str, int, bool]]) -> None:
    story = tell(steps, live=True)
    hold(story, work_off(story, turns))


@given(STEPS, st.booleans())
@settings(max_examples=CASES, deadline=None)
def test_a_consent_withdrawn_before_a_signal_is_not_overlooked_however_late_it_comes(
    steps: list[tuple[int, str, str, int]], live: bool
) -> None:
    """Days pass on the signals' partition before the first profile comes."""
    story = tell(steps, live=live)
    late = [(INCIDENTS, 10**6, False), (SIGNALS, 10**6, True), (CUSTOMERS, 1, False), (CUSTOMERS, 2, True)]
    ran = work_off(story, late)
    hold(story, ran)
    first = {d.signal_id: d for d in ran.decisions if d.revision == 0}
    for one in story.signals.values():
        assert first[one.signal_id].profile_revision in {one.profile_revision, 0} or live


def hold(story: Story, ran: Ran) -> None:
    """Every promise."""
    exactly_one_final_decision(story, ran.decisions)
    for customer in PEOPLE:
        caps([d for d in ran.messages if d.customer == customer])
        incidents([d for d in ran.messages if d.customer == customer])
    for message in ran.messages:
        allowed(story, message)
    for name in ("many", "carrier"):
        times = [to_ms(d.at) for d in ran.messages if d.policy == name]
        pace = BY_ID[name].pace
        assert all(sum(1 for at in times if begin <= at < begin + HOUR) <= pace for begin in times)
    asked(story, ran)


def exactly_one_final_decision(story: Story, found: list[Decision]) -> None:
    of_a_signal: dict[str, list[Decision]] = defaultdict(list)
    for decision in found:
        of_a_signal[decision.signal_id].append(decision)
    assert of_a_signal.keys() == story.signals.keys()
    for revisions in of_a_signal.values():
        assert [d.revision for d in revisions] == list(range(len(revisions)))
        assert len({d.decision_id for d in revisions}) == 1
        final = [d for d in revisions if d.outcome is not Outcome.HELD]
        taken_back = len(final) == 2 and (final[0].outcome, final[1].reason) == (Outcome.SENT, Reason.RESOLVED)
        assert len(final) == 1 or taken_back
        assert revisions[-1] is final[-1]
        assert len({d.arm for d in revisions if d.arm is not Arm.NONE}) <= 1


def caps(messages: list[Decision]) -> None:
    within(messages, BOOK.cap)
    for channel, cap in BOOK.channel_caps.items():
        within([d for d in messages if d.channel is channel], cap)
    for group, cap in BOOK.group_caps.items():
        within([d for d in messages if BY_ID[d.policy].cap_group == group], cap)


def within(messages: list[Decision], cap: Cap) -> None:
    times = [to_ms(d.at) for d in messages]
    assert all(sum(1 for at in times if begin <= at < begin + cap.within) <= cap.messages for begin in times)


def incidents(messages: list[Decision]) -> None:
    told = [found[1] for d in messages if (found := re.search(r"tells of carrier_late \((.*?)\)", d.explanation))]
    assert len(told) == len(set(told))


def allowed(story: Story, message: Decision) -> None:
    plan, now = BY_ID[message.policy], to_ms(message.at)
    someone = story.profiles[message.customer, message.profile_revision]
    assert message.profile_revision >= story.signals[message.signal_id].profile_revision
    assert message.channel is not None
    assert message.message is not None
    assert message.message.to == someone.addresses[message.channel]
    assert not someone.erased
    assert consents(someone, message.purpose, message.channel)
    out = held_out(message.customer, plan.experiment, plan.hold_out)
    assert message.severity is Severity.CRITICAL or not out
    assert message.send_before is not None
    assert now < to_ms(message.send_before)
    if plan.quiet is not None:
        zone = zone_of(someone, BOOK.zone)
        for at in range(now, to_ms(message.send_before), 5 * MINUTE):
            assert not plan.quiet.are_at(at, zone)


def asked(story: Story, ran: Ran) -> None:
    """A request for each decision that asks one of us, and its end when its signal ends."""
    wanted = {d.decision_id: d for d in ran.decisions if d.outcome is Outcome.SENT and d.route is not Route.CUSTOMER}
    first = [r for r in ran.requests if r.revision == 0]
    over = {r.request_id for r in ran.requests if r.cancelled}
    assert sorted(r.decision.decision_id for r in first) == sorted(wanted)
    assert len(ran.requests) == len(first) + len(over)
    for request in first:
        assert (request.request_id in over) == (not story.signals[request.signal.signal_id].is_open)
