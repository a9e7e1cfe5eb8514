"""What a run left behind for readers, small enough to keep for a million events: one line for each committed record.

A line is (identity, digest of the content). What is left out of the digest, and why:

| topic | left out | why |
|---|---|---|
| touchpoints | `received_at` | when the broker had the raw record, which is another time in another run |
| friction.signals | `profile_revision` of those who are exposed to an incident | found when journeys are further on |
| outreach.decisions | all about those, but that each has one | decided as of then |
| outreach.decisions, outreach.outbox | which of those a message stands for as well (`linked`) | decided as of then |
| outreach.deliveries, outreach.outbox | `at` | the wall clock of the delivery |
| customers, customers.context | nothing | |
| touchpoints.rejected | key, value and error headers count; the time headers do not | as `received_at` |

Ticks are no facts and are left out: those of journey follow from all raw partitions together, whose order among each
other is nobody's.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tests.faults.harness import Difference, Reading
from touchline.pipeline.engine.clock import MINUTE, SECOND
from touchline.pipeline.friction.load import load_rules
from touchline.schemas.codec import decode_touchpoint
from touchline.schemas.wire import (
    CONTEXT,
    CUSTOMERS,
    DECISIONS,
    DELIVERIES,
    ERROR_CLASS,
    ERROR_FIELD,
    ERROR_MESSAGE,
    OUTBOX,
    REJECTED,
    SIGNALS,
    TICK_HEADER,
    TOUCHPOINTS,
)

OUTPUTS: Final = (TOUCHPOINTS, REJECTED, SIGNALS, CUSTOMERS, CONTEXT, DECISIONS, DELIVERIES, OUTBOX)
ABSENCE_RULES: Final = frozenset(rule.spec.id for rule in load_rules(()).rules if rule.spec.detect.absence is not None)
"""The built-in rules about what did not happen."""

_LATENESS: Final = 10 * MINUTE / SECOND
_IDENTITY: Final[Mapping[str, Callable[[dict[str, Any]], str]]] = {
    TOUCHPOINTS: lambda r: f"{r['source']} {r['event_id']}",
    SIGNALS: lambda r: f"{r['signal_id']} {r['revision']}",
    CUSTOMERS: lambda r: f"{r['customer']} {r['revision']}",
    CONTEXT: lambda r: f"{r['customer']} {r['at']} {r['revision']}",  # revisions begin anew after a tombstone
    DECISIONS: lambda r: f"{r['decision_id']} {r['revision']}",
    DELIVERIES: lambda r: f"{r['delivery_id']} {r['revision']}",
    OUTBOX: lambda r: f"{r['decision_id']} {r['revision']}",
}
EXPOSED: Final = "incident_exposed"
"""The policy for those who are exposed to an incident."""

EXPOSING: Final = frozenset(rule.spec.id for rule in load_rules(()).incidents if rule.spec.exposed is not None)
"""The built-in rules that have such."""

_LEFT_OUT: Final = {TOUCHPOINTS: "received_at", DELIVERIES: "at"}
_LINKING: Final = frozenset({DECISIONS, OUTBOX})
_decode: Final = msgspec.json.Decoder(dict).decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode

Line = tuple[str, bytes]


def _left_out(topic: str, record: Any) -> bool:
    """Ticks, and deliveries of notices: which signals of many customers go into one notice follows from who came
    first."""
    if any(name == TICK_HEADER for name, _ in record.headers):
        return True
    return topic == DELIVERIES and b'"what":"notice"' in record.value


def _is_exposed(signal: dict[str, Any]) -> bool:
    return signal["scope"] == "customer" and "incident" in signal["values"]


def _is_for_the_exposed(decision: dict[str, Any]) -> bool:
    return bool(decision["policy"] == EXPOSED and decision["route"] == "customer")


def line_of(topic: str, record: Any) -> Line:
    """A committed record's identity and the digest of what counts of it; what a message is linked to is apart."""
    if topic == REJECTED:
        headers = [(k, v) for k, v in record.headers if k in {ERROR_CLASS, ERROR_FIELD, ERROR_MESSAGE}]
        content = repr((record.key, record.value, sorted(headers))).encode()
        return (hashlib.blake2b(content, digest_size=16).hexdigest(), b"")
    fields = _decode(record.value)
    fields.pop(_LEFT_OUT.get(topic, ""), None)
    if topic in _LINKING:
        fields.pop("linked")
    if topic == SIGNALS and _is_exposed(fields):
        fields.pop("profile_revision", None)
    if topic == DECISIONS and _is_for_the_exposed(fields):
        return (fields["decision_id"], b"")
    return (_IDENTITY[topic](fields), hashlib.blake2b(_encode(fields), digest_size=8).digest())


@dataclass
class Ledger(Reading):
    """Reads all outputs as a consumer of committed records; keeps lines instead of records, and counts what the run
    must have had. `verdicts`: of the highest revision of each signal's decision: outcome and reason. `links`: which
    records name which signals as linked; `may_be_next`: the signals of those whom an incident may reach next."""

    lines: dict[str, list[Line]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    exposed: set[str] = field(default_factory=set)
    links: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    may_be_next: set[str] = field(default_factory=set)
    states: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    verdicts: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    async def catch_up(self) -> None:
        """Takes in what is committed by now."""
        await super().catch_up()
        for topic, records in self.records.items():
            for record in records:
                if record.value is not None and not _left_out(topic, record):
                    self._take(topic, record)
        self.records.clear()

    def _take(self, topic: str, record: Any) -> None:
        self.counts[topic] += 1
        if topic not in OUTPUTS:
            return
        line = line_of(topic, record)
        if line[1] or topic == REJECTED or line[0] not in self.exposed:
            self.lines.setdefault(topic, []).append(line)
        if topic == DECISIONS and not line[1]:
            self.exposed.add(line[0])
        if topic == TOUCHPOINTS:
            late = decode_touchpoint(record.value).late_seconds
            self.counts["late"] += late > 0
            self.counts["too late"] += late > _LATENESS
        elif topic == SIGNALS:
            fields = _decode(record.value)
            if _is_exposed(fields):
                self.may_be_next.add(fields["signal_id"])
            _newest(self.states, fields["signal_id"], fields["revision"], fields["rule"], fields["status"])
        if topic in _LINKING and line[1]:
            self.links.setdefault(topic, {})[line[0]] = _decode(record.value)["linked"]
        if topic == DECISIONS:
            fields = _decode(record.value)
            verdict = ("", EXPOSED) if _is_for_the_exposed(fields) else (fields["outcome"], fields["reason"])
            _newest(self.verdicts, fields["signal_id"], 0 if verdict[1] == EXPOSED else fields["revision"], *verdict)

    def all_lines(self, topic: str) -> list[Line]:
        """What is compared of a topic: its records, and what they are linked to."""
        found = list(self.lines.get(topic, ()))
        for of, ones in self.links.get(topic, {}).items():
            linked = [one for one in ones if one not in self.may_be_next]
            found.append((f"{of} linked to", " ".join(linked).encode()))
        return found

    def committed(self) -> int:
        """Facts that a reader has seen by now, of all topics together."""
        return sum(self.counts[topic] for topic in OUTPUTS)

    def summary(self) -> "Summary":
        """The figures that tell whether the run was worth it."""
        rules = [rule for _, rule, _ in self.states.values()]
        statuses = Counter(status for _, _, status in self.states.values())
        return Summary(
            enriched=self.counts[TOUCHPOINTS],
            late=self.counts["late"],
            too_late=self.counts["too late"],
            rejected=self.counts[REJECTED],
            signals=len(self.states),
            revisions=self.counts[SIGNALS],
            absences=sum(rule in ABSENCE_RULES for rule in rules),
            ended=statuses["resolved"] + statuses["retracted"],
            rules=dict(sorted(Counter(rules).items())),
            statuses=dict(sorted(statuses.items())),
            decisions=len(self.verdicts),
            verdicts=dict(sorted(Counter(f"{o}: {r}" for _, o, r in self.verdicts.values()).items())),
            deliveries=self.counts[DELIVERIES],
        )


def _newest(kept: dict[str, tuple[int, str, str]], key: str, revision: int, *rest: str) -> None:
    if key not in kept or kept[key][0] < revision:
        kept[key] = (revision, rest[0], rest[1])


@dataclass(frozen=True)
class Summary:
    """Of distinct things: `signals` and `decisions` by id, `revisions` counts their records."""

    enriched: int
    late: int
    too_late: int
    rejected: int
    signals: int
    revisions: int
    absences: int
    ended: int
    rules: Mapping[str, int]
    statuses: Mapping[str, int]
    decisions: int
    verdicts: Mapping[str, int]
    deliveries: int


def differences(calm: Ledger, hurt: Ledger) -> dict[str, Difference]:
    """What a disturbed run left otherwise, by topic; nothing where the two are equal, record for record. `missing` and
    `extra` name a record whose content differs twice: as it should be and as it is."""
    found = {}
    for topic in OUTPUTS:
        difference = compare_lines(calm.all_lines(topic), hurt.all_lines(topic), unique=topic != REJECTED)
        if difference:
            found[topic] = difference
    return found


def compare_lines(expected: Iterable[Line], got: Iterable[Line], *, unique: bool) -> Difference:
    """Multisets of lines. `unique`: an identity that is there more than once is `twice`, whatever its content."""
    want, have = Counter(expected), Counter(got)
    names = Counter(name for name, _ in have.elements()) if unique else Counter[str]()
    return Difference(
        tuple(f"{name} {digest.hex()}" for name, digest in (want - have).elements()),
        tuple(f"{name} {digest.hex()}" for name, digest in (have - want).elements()),
        tuple(name for name, n in names.items() if n > 1),
    )
