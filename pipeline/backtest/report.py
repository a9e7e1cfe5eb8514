"""What a back-test found, as plain data: the terminal and `--json` show the same figures. Lengths of time in
seconds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from touchline.pipeline.backtest.cases import CaseBook, Foresight, Part
from touchline.pipeline.backtest.outreach import OutreachFigures
from touchline.pipeline.backtest.run import PastSignal
from touchline.pipeline.engine.clock import DAY, from_ms
from touchline.pipeline.friction.rules import CUSTOMER, RuleSet
from touchline.pipeline.measures.alerts import Alert, alert_load
from touchline.pipeline.measures.detection import Quartiles
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.vocabulary import Polarity, Severity

_SEVERITIES: Final = {severity: place for place, severity in enumerate(Severity)}
ALL: Final = "all of friction"
"""The row of all rules of polarity friction together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFigures:
    """One rule in one part of history. `signals` opened, `retracted` of them; `customers` behind them (of a rule for
    incidents: the incidents, and the customers affected; who was told that it may reach them next is under
    `<rule>.exposed`). The rest only with an outcome, and not of incidents: `warned` cases, `hits` of them right;
    `open`: of the others, those to which the outcome may still come after the end of history; `lead`: lower quartile,
    median, upper quartile."""

    rule: str
    owner: str
    severity: str
    polarity: str
    signals: int
    retracted: int
    customers: int
    warned: int | None = None
    hits: int | None = None
    open: int | None = None
    precision: float | None = None
    precision_interval: tuple[float, float] | None = None
    recall: float | None = None
    lift: float | None = None
    lead: Quartiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerFigures:
    """The alerts of one owner in one part of history. `right`: signals that foresaw an outcome. With a budget: `cut`,
    what was beyond it by rule, and how many of these were right."""

    owner: str
    alerts: int
    per_day: float
    busiest_day: int
    right: int | None
    cut: Mapping[str, int] | None = None
    cut_right: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFigures:
    """One part of history. `cases` and `bad`, those with the outcome, are the base that all rules are held against."""

    name: str
    since: datetime
    until: datetime
    cases: int | None
    bad: int | None
    rules: Sequence[RuleFigures]
    owners: Sequence[OwnerFigures]

    @property
    def base_rate(self) -> float | None:
        """bad / cases."""
        return self.bad / self.cases if self.cases and self.bad is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTestReport:
    """A whole back-test. `left_out`: what of the input is no part of it, by reason. `too_late`: touchpoints that came
    so late that they open nothing. `unknown`: by rule and field, how often an event lacked it. `remarks` are for the
    reader: what makes figures doubtful. `outreach`: what it would have done, where policies were given."""

    source: str
    since: datetime | None
    until: datetime | None
    touchpoints: int
    customers: int
    rules: int
    ruleset: str
    per: str
    outcome: str | None
    budget: int | None
    seconds: float
    left_out: Mapping[str, int] = field(default_factory=dict)
    too_late: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    parts: Sequence[PartFigures] = ()
    outreach: OutreachFigures | None = None


class Figures:
    """Figures of signals, part by part.

    Args:
        book: the cases, closed.
        rules: the rules in force; those that are outcomes themselves are not told of.
        signals: without those that are outcomes.
        incidents: signals of incidents.
        budget: alerts of an owner in a day; None: no limit.
    """

    def __init__(
        self,
        book: CaseBook,
        rules: RuleSet,
        signals: Iterable[PastSignal],
        *,
        incidents: Sequence[PastSignal] = (),
        budget: int | None = None,
    ) -> None:
        self._book = book
        self._budget = budget
        self._signals = list(signals)
        outcome = book.question.outcome
        gone = frozenset[str]() if outcome is None else outcome.rules
        self._incidents = incidents
        self._specs = [
            (rule.spec.id, (rule.spec.owner, rule.spec.severity, rule.spec.polarity))
            for rule in rules.rules
            if rule.spec.id not in gone
        ]
        self._specs += [
            (f"{rule.spec.id}.exposed", (rule.spec.owner, rule.spec.severity, Polarity.NEED))
            for rule in rules.incidents
            if rule.spec.exposed is not None
        ]
        self._many = [rule.spec for rule in rules.incidents]

    def part(self, name: str, part: Part) -> PartFigures:
        """The figures of a part of history."""
        book, asked = self._book, self._book.question.outcome is not None
        mine = [signal for signal in self._signals if book.has(signal, part)]
        by_rule: dict[str, list[PastSignal]] = defaultdict(list)
        for signal in mine:
            by_rule[signal.rule].append(signal)
        rows = [self._row(name, words, by_rule[name], part) for name, words in self._specs]
        rows += [self._of_incidents(spec, part) for spec in self._many]
        rows.sort(key=lambda row: (-row.signals, row.rule))
        friction = [signal for signal in mine if signal.polarity is Polarity.FRICTION]
        if asked and len({signal.rule for signal in friction}) > 1:
            rows.append(self._row(ALL, ("", "", Polarity.FRICTION), friction, part))
        base = book.foresight((), part).quality if asked else None
        return PartFigures(
            name=name,
            since=from_ms(part.since),
            until=from_ms(part.until),
            cases=None if base is None else base.cases,
            bad=None if base is None else base.bad,
            rules=rows,
            owners=self._owners(mine, rows, part),
        )

    def _of_incidents(self, spec: RuleSpec, part: Part) -> RuleFigures:
        mine = [one for one in self._incidents if one.rule == spec.id and part.holds(one.at)]
        return RuleFigures(
            rule=spec.id,
            owner=spec.owner,
            severity=str(spec.severity),
            polarity=str(spec.polarity),
            signals=len(mine),
            retracted=sum(not one.stands for one in mine),
            customers=sum(one.customers for one in mine),
        )

    def _row(self, rule: str, words: tuple[str, str, str], signals: Sequence[PastSignal], part: Part) -> RuleFigures:
        owner, severity, polarity = words
        asked = self._book.question.outcome is not None
        found: Foresight | None = self._book.foresight(signals, part) if asked else None
        quality = None if found is None else found.quality
        return RuleFigures(
            rule=rule,
            owner=owner,
            severity=str(severity),
            polarity=str(polarity),
            signals=len(signals),
            retracted=sum(not signal.stands for signal in signals),
            customers=len({signal.customer for signal in signals}),
            warned=None if quality is None else quality.warned,
            hits=None if quality is None else quality.hits,
            open=None if found is None else found.open,
            precision=None if quality is None else quality.precision,
            precision_interval=None if quality is None else quality.precision_interval,
            recall=None if quality is None else quality.recall,
            lift=None if quality is None else quality.lift,
            lead=None if quality is None else quality.lead,
        )

    def _owners(self, signals: Sequence[PastSignal], rows: Sequence[RuleFigures], part: Part) -> list[OwnerFigures]:
        """Alerts by owner and day. The budget prefers what is worse, and of that the rule that was right more often."""
        precision = {row.rule: row.precision or 0.0 for row in rows}
        alerts = [
            Alert(
                owner=signal.owner,
                rule=signal.rule,
                at=signal.raised_at,
                rank=(float(_SEVERITIES[signal.severity]), precision[signal.rule]),
                right=self._book.right(signal, part),
            )
            for signal in signals
        ]
        days = (part.until - part.since) / DAY
        if self._book.question.per != CUSTOMER and alerts:  # signals may come after the part in which the subject began
            days = max(days, (max(alert.at for alert in alerts) - part.since) / DAY)
        return [
            OwnerFigures(
                owner=load.owner,
                alerts=load.alerts,
                per_day=load.per_day,
                busiest_day=load.busiest,
                right=load.right,
                cut=load.cut if self._budget is not None else None,
                cut_right=load.cut_right,
            )
            for load in alert_load(alerts, days, self._budget)
        ]
