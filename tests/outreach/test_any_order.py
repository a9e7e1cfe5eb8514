"""Decisions follow from the log: not from batches, restarts, replays, or how the two inputs take turns."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outreach.cases import NOON, book, decisions, profile, record, requests, signal
from touchline.pipeline.engine.clock import DAY, HOUR, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.plan import PolicyBook
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.pipeline.outreach.recipient import consents, held_out, zone_of
from touchline.schemas.codec import decode_tick
from touchline.schemas.control import Tick
from touchline.schemas.customer import Profile
from touchline.schemas.outreach import Decision
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Outcome, Polarity, Route, Severity, SignalStatus
from touchline.schemas.wire import CUSTOMERS, REQUESTS, SIGNALS

POLICY = book(cap=2, cap_window=3 * DAY, cooldown=DAY, hold_out=0.3)
CUSTOMER_KEYS = ("c-1", "c-2", "c-3")


@dataclass
class Story:
    """What journey wrote, in its order: two logs, and the profiles as they were."""

    signals: list[Signal | Tick]
    profiles: list[Profile | Tick]

    def tick(self, now: int) -> None:
        """Both have come so far."""
        one = Tick(partition=0, partitions=1, high=now)
        self.signals.append(one)
        self.profiles.append(one)


_STEPS = st.lists(
    st.tuples(
        st.integers(1, 9 * HOUR),
        st.sampled_from(CUSTOMER_KEYS),
        st.sampled_from(["open", "open", "open", "end", "update", "profile", "tick"]),
        st.integers(0, 2**16),
    ),
    min_size=1,
    max_size=40,
)


_TURNS = st.lists(st.tuples(st.booleans(), st.integers(1, 7), st.booleans()), max_size=40)
"""Which input is handed over next, how much of it, and whether the worker then dies."""


def tell(steps: list[tuple[int, str, str, int]]) -> Story:
    """A story of the log clock from drawn steps."""
    story = Story([], [])
    story.tick(NOON)
    revisions, opened, now = dict.fromkeys(CUSTOMER_KEYS, 0), list[Signal](), NOON
    for number, (after, customer, what, salt) in enumerate(steps):
        now += after
        if what == "profile":
            revisions[customer] += 1
            story.profiles.append(_profile(customer, revisions[customer], now, salt))
        elif what == "tick":
            story.tick(now)
        elif what == "open":
            opened.append(_opened(f"s-{number}", customer, now, salt, revisions[customer]))
            story.signals.append(opened[-1])
        elif opened:
            index = salt % len(opened)
            status = SignalStatus.UPDATED if what == "update" else list(SignalStatus)[2 + salt % 3]
            before = opened[index]
            opened[index] = replace(before, revision=before.revision + 1, status=status, raised_at=from_ms(now))
            story.signals.append(opened[index])
    story.tick(now + 3 * DAY)
    return story


def _profile(customer: str, revision: int, now: int, salt: int) -> Profile:
    zones = ("UTC", "Asia/Tokyo", "America/New_York", None)
    consent = {"service": bool(salt & 1)} if salt & 2 else {"marketing": bool(salt & 1)}
    addresses = {"email": "who@example.com"} if salt & 12 else {}
    return profile(
        revision,
        now,
        customer=customer,
        zone=zones[salt % 4],
        consent=consent,
        addresses=addresses,
        erased=salt % 17 == 0,
    )


def _opened(signal_id: str, customer: str, now: int, salt: int, revision: int) -> Signal:
    return signal(
        signal_id,
        now,
        customer=customer,
        group=customer,
        rule=f"rule_{salt % 3}",
        severity=list(Severity)[salt % 4],
        polarity=list(Polarity)[salt % 3],
        profile_revision=revision,
    )


class Run:
    """One way of working off a story."""

    def __init__(self, policy: PolicyBook = POLICY) -> None:
        self.shard = LocalShard(OutreachProcessor(policy, built_in_messages()), 0, 1)
        self.outputs: list[Output] = []

    @property
    def decisions(self) -> list[Decision]:
        """What was decided, in its order."""
        return decisions(self.outputs)

    def hand(self, topic: str, items: list[Any]) -> None:
        records: list[PlainRecord] = [record(item) for item in items]
        self.outputs += self.shard.process(topic, records, now=0)

    def crash(self, topic: str, items: list[Any]) -> None:
        """Dies after its commit; a worker that knows no transactions hands the batch in again."""
        self.shard.restart()
        self.hand(topic, items)


def time_of(item: Signal | Profile | Tick) -> int:
    if isinstance(item, Tick):
        return item.high
    return to_ms(item.updated_at if isinstance(item, Profile) else item.raised_at)


def in_turn(story: Story, policy: PolicyBook = POLICY) -> Run:
    """Every change of a profile is there when time has come so far: the reference."""
    run, profiles = Run(policy), list(story.profiles)
    for item in story.signals:
        while profiles and time_of(profiles[0]) <= time_of(item):
            run.hand(CUSTOMERS, [profiles.pop(0)])
        run.hand(SIGNALS, [item])
    return run


def in_turns(story: Story, turns: list[tuple[bool, int, bool]], policy: PolicyBook = POLICY) -> Run:
    """Both inputs as they happen to come, in batches, with crashes."""
    run = Run(policy)
    logs: dict[str, list[Any]] = {SIGNALS: list(story.signals), CUSTOMERS: list(story.profiles)}
    for first, size, crash in turns:
        topic = SIGNALS if first else CUSTOMERS
        batch, logs[topic] = logs[topic][:size], logs[topic][size:]
        run.hand(topic, batch)
        if crash:
            run.crash(topic, batch)
    run.hand(CUSTOMERS, logs[CUSTOMERS])
    run.hand(SIGNALS, logs[SIGNALS])
    return run


def key(found: list[Decision]) -> list[tuple[Any, ...]]:
    """Decisions in an order of their own; different customers' may come in any order."""
    rows = [(d.signal_id, d.revision, d.outcome, d.reason, d.at, d.message, d.explanation) for d in found]
    return sorted(rows, key=lambda row: row[:2])


@given(steps=_STEPS, turns=_TURNS)
@settings(max_examples=200)
def test_however_the_inputs_take_turns(
    steps: list[tuple[int, str, str, int]], turns: list[tuple[bool, int, bool]]
) -> None:
    awake = book(cap=2, cap_window=3 * DAY, cooldown=DAY, hold_out=0.3, quiet=None)
    story = tell(steps)
    assert key(in_turns(story, turns, awake).decisions) == key(in_turn(story, awake).decisions)


@given(steps=_STEPS, turns=_TURNS)
@settings(max_examples=200)
def test_however_they_take_turns_with_quiet_hours(
    steps: list[tuple[int, str, str, int]], turns: list[tuple[bool, int, bool]]
) -> None:
    """What changes in a profile while a decision is held counts at its release, however late it comes."""
    story = tell(steps)
    assert key(in_turns(story, turns).decisions) == key(in_turn(story).decisions)


@given(steps=_STEPS, turns=_TURNS)
@settings(max_examples=200)
def test_however_they_take_turns_when_what_was_delayed_is_held_again(
    steps: list[tuple[int, str, str, int]], turns: list[tuple[bool, int, bool]]
) -> None:
    """A delay ends in quiet hours: what is held for a second time waits for word of profiles for a second time."""
    delayed = book(cap=2, cap_window=3 * DAY, cooldown=DAY, hold_out=0.3, delay=10 * HOUR, max_age=5 * DAY)
    story = tell(steps)
    assert key(in_turns(story, turns, delayed).decisions) == key(in_turn(story, delayed).decisions)


@given(steps=_STEPS, turns=_TURNS, delay=st.sampled_from([0, HOUR, 10 * HOUR]))
@settings(max_examples=200)
def test_the_desk_has_every_request_before_it_is_told_that_its_time_is_over(
    steps: list[tuple[int, str, str, int]], turns: list[tuple[bool, int, bool]], delay: int
) -> None:
    asks = book(route=Route.PERSON, target="queue:service", delay=delay, cooldown=0, max_age=5 * DAY)
    story, told = tell(steps), 0
    run = in_turns(story, turns, asks)
    for output in run.outputs:
        if output.topic == REQUESTS and output.headers:
            told = decode_tick(output.value or b"").high
        else:
            assert all(to_ms(request.at) > told for request in requests([output]))
    assert told == time_of(story.signals[-1])


@given(steps=_STEPS, sizes=st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=20))
@settings(max_examples=200)
def test_profiles_may_run_ahead_of_signals(
    steps: list[tuple[int, str, str, int]], sizes: list[tuple[int, bool]]
) -> None:
    story = tell(steps)
    run = Run()
    run.hand(CUSTOMERS, list(story.profiles))
    rest = list(story.signals)
    for size, crash in sizes:
        batch, rest = rest[:size], rest[size:]
        run.hand(SIGNALS, batch)
        if crash:
            run.crash(SIGNALS, batch)
    run.hand(SIGNALS, rest)
    assert key(run.decisions) == key(in_turn(story).decisions)


@given(steps=_STEPS)
@settings(max_examples=200)
def test_every_signal_has_one_final_decision_and_no_message_breaks_a_promise(
    steps: list[tuple[int, str, str, int]],
) -> None:
    story = tell(steps)
    found = in_turn(story).decisions
    last = {d.signal_id: d for d in found}
    assert set(last) == {s.signal_id for s in story.signals if isinstance(s, Signal)}
    assert len({d.decision_id for d in found}) == len(last)
    for decision in found:
        assert (decision is last[decision.signal_id]) == (decision.outcome is not Outcome.HELD)
    sent = [d for d in found if d.outcome is Outcome.SENT]
    for decision in sent:
        _allowed(decision, story)
    for customer in CUSTOMER_KEYS:
        times = [to_ms(d.at) for d in sent if d.customer == customer]
        assert all(sum(1 for t in times if t0 <= t < t0 + POLICY.cap.within) <= POLICY.cap.messages for t0 in times)


def _allowed(decision: Decision, story: Story) -> None:
    profiles = [one for one in story.profiles if isinstance(one, Profile)]
    known = {one.revision: one for one in profiles if one.customer == decision.customer}
    someone = known[decision.profile_revision]
    assert decision.channel is not None
    assert decision.message is not None
    assert decision.message.to == someone.addresses[decision.channel]
    assert not someone.erased
    assert consents(someone, decision.purpose, decision.channel)
    assert decision.severity is Severity.CRITICAL or not held_out(decision.customer, "default", POLICY.default.hold_out)
    assert POLICY.default.quiet is not None
    assert not POLICY.default.quiet.are_at(to_ms(decision.at), zone_of(someone, POLICY.zone))
    assert decision.send_before is not None
    assert decision.at < decision.send_before
