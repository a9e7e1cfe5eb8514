"""What outreach would have done with a history: the processor of the live run, told what the back-test's rules say."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import DAY, to_ms
from touchline.pipeline.engine.local import LocalShard, passing_shard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.schemas.vocabulary import Channel, Outcome, Reason, Route
from touchline.schemas.wire import CUSTOMERS, DECISIONS, INCIDENTS, SIGNALS

INPUTS: Final = (CUSTOMERS, INCIDENTS, SIGNALS)
"""What outreach is told, in the order in which it is handed over: what is known comes before what is asked."""


class PastDecision(msgspec.Struct):
    """What is read of a decision."""

    signal_id: str
    revision: int
    rule: str
    customer: str
    outcome: Outcome
    reason: Reason
    channel: Channel | None
    at: datetime
    policy: str
    route: Route
    target: str = ""
    linked: tuple[str, ...] = ()

    @property
    def by(self) -> str:
        """How it went out: the channel of a message, or whom a request is for."""
        if self.route is Route.CUSTOMER:
            return self.channel or ""
        return "tasks" if self.route is Route.PERSON else "notices"


_decode: Final = msgspec.json.Decoder(PastDecision).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutreach:
    """Of one rule: the signals that were decided, what went out by channel (requests as `tasks` and `notices`), and
    why the others did not, by reason; `held`: they wait beyond the end of history."""

    rule: str
    signals: int
    sent: Mapping[str, int]
    not_sent: Mapping[str, int]
    held: int


CACHED: Final = 100_000
"""Of how many customers what the agents remember stays decoded: about half a GiB with the built-in rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutreachFigures:
    """What outreach would have done. `policies`: the hash of the policies. `undecided`: signals that still waited for
    word of incidents at the end. `reasons`: decisions in force, by reason. `days`: how many days of a customer had so
    many messages. `most`: the most messages to one customer. `capped`: what the caps cut, by rule."""

    policies: str
    signals: int
    undecided: int
    messages: int
    requests: int
    customers: int
    most: int
    reasons: Mapping[str, int]
    days: Mapping[int, int]
    capped: Mapping[str, int]
    rules: Sequence[RuleOutreach]


@dataclass(slots=True)
class OutreachTrial:
    """Outreach on its way through history: the decision in force of each signal."""

    shard: LocalShard
    policies: str
    decisions: dict[str, PastDecision] = field(default_factory=dict)

    @classmethod
    def of(cls, processor: OutreachProcessor) -> "OutreachTrial":
        """For a processor on the log clock."""
        return cls(passing_shard(processor, CACHED), processor.book.content)

    def process(self, outputs: Sequence[Output]) -> None:
        """Hands over what the agents before it wrote."""
        logs: dict[str, list[PlainRecord]] = {topic: [] for topic in INPUTS}
        for output in outputs:
            if output.topic in logs:
                logs[output.topic].append(PlainRecord(0, 0, output.key, output.value, output.headers))
        for topic, records in logs.items():
            if records:
                self._heard(self.shard.process(topic, records, 0))
        self.shard.changelog.clear()  # a back-test is not continued

    def _heard(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if output.topic == DECISIONS and output.value is not None:
                decision = _decode(output.value)
                self.decisions[decision.signal_id] = decision

    def figures(self, signals: int) -> OutreachFigures:
        """What came of so many signals."""
        found = list(self.decisions.values())
        sent = [one for one in found if one.outcome is Outcome.SENT]
        messages = [one for one in sent if one.route is Route.CUSTOMER]
        days = Counter((one.customer, to_ms(one.at) // DAY) for one in messages)
        of_a_customer = Counter(one.customer for one in messages)
        rules: dict[str, list[PastDecision]] = defaultdict(list)
        for one in found:
            rules[one.rule].append(one)
        return OutreachFigures(
            policies=self.policies,
            signals=signals,
            undecided=signals - len(found),
            messages=len(messages),
            requests=len(sent) - len(messages),
            customers=len(of_a_customer),
            most=max(of_a_customer.values(), default=0),
            reasons=_counted(one.reason.value for one in found),
            days=dict(sorted(Counter(days.values()).items())),
            capped=_counted(one.rule for one in found if one.reason is Reason.FREQUENCY_CAP),
            rules=[_of_rule(rule, decided) for rule, decided in sorted(rules.items())],
        )


def _of_rule(rule: str, decided: Sequence[PastDecision]) -> RuleOutreach:
    return RuleOutreach(
        rule=rule,
        signals=len(decided),
        sent=_counted(one.by for one in decided if one.outcome is Outcome.SENT),
        not_sent=_counted(one.reason.value for one in decided if one.outcome is Outcome.SUPPRESSED),
        held=sum(one.outcome is Outcome.HELD for one in decided),
    )


def _counted(names: Iterable[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
