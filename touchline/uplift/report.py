"""An uplift report as plain data: the terminal and `--json` show the same figures. Lengths of time in seconds, shares
and differences of shares as fractions of 1."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from touchline.pipeline.engine.clock import SECOND, from_ms
from touchline.pipeline.measures.detection import Quartiles
from touchline.pipeline.measures.proportions import Needed
from touchline.pipeline.measures.uplift import ALL, ArmTally, Tally, Uplift
from touchline.report.words import number, span
from touchline.uplift.sources import Asked, Found

Shares = Callable[[str, str], float | None]
"""The share of customers that is planned to be held out, by experiment and rule; None: not known."""

_MANY: Final = 10
"""With so many rules it is likely enough that one of them shows a difference by chance."""


class Says(StrEnum):
    """What a comparison says, the first that applies."""

    NOTHING = "nothing"  # an arm is empty
    MISMATCH = "mismatch"
    TOO_SMALL = "too_small"
    FEWER = "fewer"
    MORE = "more"
    NO_DIFFERENCE = "no_difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """One arm. `customers` counted, `outcomes` of them, and the `rate`; `reached`: to whom a message or a task really
    went within the time; `open`: not counted, as their time is not over. `lead`: quartiles from the decision to the
    outcome, of those held out how long before it the message would have come; `signal_lead`: from the friction on."""

    customers: int
    outcomes: int
    rate: float | None
    reached: int
    open: int
    lead: Quartiles | None
    signal_lead: Quartiles | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleUplift:
    """One rule of an experiment, or all of them (`rule` empty). `uplift`: rate of the treated less that of the held
    out, with its `interval` of 95 %. `needed`: the customers that it takes to see `effect`, `least_effect` what so many
    as there are would show. `split`: how likely chance splits customers as unevenly against the `share` that was
    planned; `mismatch` when that can't be. `moved`: customers who later had the other arm."""

    rule: str
    treated: ArmFigures
    held_out: ArmFigures
    uplift: float | None
    interval: tuple[float, float] | None
    says: Says
    words: str
    needed: Needed | None
    least_effect: float | None
    share: float | None
    split: float | None
    mismatch: bool
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentUplift:
    """One experiment: all rules together, and each. `remarks`: what makes its figures doubtful."""

    experiment: str
    all: RuleUplift
    rules: Sequence[RuleUplift]
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpliftReport:
    """A whole report. `until`: up to when what happened is known. `within`: how long after the decision an outcome
    counts. `observed`: decisions with an arm that do not count, as nothing was delivered."""

    source: str
    until: datetime | None
    outcome: str
    within: float
    effect: float
    observed: int
    experiments: Sequence[ExperimentUplift]
    left_out: Mapping[str, int] = field(default_factory=dict)
    remarks: Sequence[str] = ()


def report(found: Found, asked: Asked, effect: float, shares: Shares) -> UpliftReport:
    """The report on what was found."""
    within = asked.outcome.within / SECOND
    names = sorted({experiment for experiment, _ in found.tallies})
    return UpliftReport(
        source=found.source,
        until=None if found.until is None else from_ms(found.until),
        outcome=asked.outcome.text,
        within=within,
        effect=effect,
        observed=found.observed,
        experiments=[_experiment(name, found.tallies, effect, shares, within) for name in names],
        left_out=found.left_out,
        remarks=_remarks(found, asked),
    )


def _experiment(
    name: str, tallies: Mapping[tuple[str, str], Tally], effect: float, shares: Shares, within: float
) -> ExperimentUplift:
    mine = {rule: tally for (experiment, rule), tally in tallies.items() if experiment == name}
    planned = {rule: shares(name, rule) for rule in mine if rule != ALL}
    same = set(planned.values())
    planned[ALL] = same.pop() if len(same) == 1 else None
    rows = {rule: _row(rule, Uplift(tally, effect, planned[rule]), within) for rule, tally in mine.items()}
    rules = sorted((row for rule, row in rows.items() if rule != ALL), key=lambda row: (-_size(row), row.rule))
    return ExperimentUplift(
        experiment=name, all=rows[ALL], rules=rules, remarks=_doubts(rows[ALL], rules, differ=len(same) > 0)
    )


def _row(rule: str, uplift: Uplift, within: float) -> RuleUplift:
    tally, says = uplift.tally, _says(uplift)
    return RuleUplift(
        rule=rule,
        treated=_arm(tally.treated),
        held_out=_arm(tally.held_out),
        uplift=uplift.difference,
        interval=uplift.interval,
        says=says,
        words=_words(uplift, says, within),
        needed=uplift.needed,
        least_effect=uplift.least,
        share=uplift.share,
        split=uplift.split,
        mismatch=uplift.mismatch,
        moved=tally.moved,
    )


def _arm(tally: ArmTally) -> ArmFigures:
    return ArmFigures(
        customers=tally.customers,
        outcomes=tally.outcomes,
        rate=tally.rate,
        reached=tally.reached,
        open=tally.open,
        lead=tally.lead,
        signal_lead=tally.signal_lead,
    )


def _size(row: RuleUplift) -> int:
    return row.treated.customers + row.held_out.customers


def _says(uplift: Uplift) -> Says:
    interval = uplift.interval
    if uplift.mismatch:
        return Says.MISMATCH
    if interval is None:
        return Says.NOTHING
    if uplift.too_small:
        return Says.TOO_SMALL
    if interval[1] < 0:
        return Says.FEWER
    return Says.MORE if interval[0] > 0 else Says.NO_DIFFERENCE


def _words(uplift: Uplift, says: Says, within: float) -> str:
    treated, held_out = uplift.tally.treated, uplift.tally.held_out
    low, high = uplift.interval or (0.0, 0.0)
    if says is Says.MISMATCH:
        part, others = held_out.customers + held_out.open, treated.customers + treated.open
        return (
            f"Do not read this: {number(part)} of {number(part + others)} customers are held out where "
            f"{percentage(uplift.share or 0)} was planned (p = {uplift.split or 0:.1g}). Something else decides who is "
            "in which arm"
        )
    if says is Says.NOTHING:
        if not treated.customers and not held_out.customers:
            return f"Nothing to say yet: the {span(within)} of no customer are over"
        which = "is held out" if treated.customers else "is treated"
        return f"Nothing to compare with: nobody whose {span(within)} are over {which}"
    if says is Says.TOO_SMALL:
        return f"Too small to say anything: {_missing(uplift)}"
    if says is Says.NO_DIFFERENCE:
        return f"No difference is seen: it lies between {points(low)} and {points(high)} points"
    least, most = sorted((abs(low), abs(high)))
    return f"{says.capitalize()} with outreach: by {100 * least:.1f} to {100 * most:.1f} points"


def _missing(uplift: Uplift) -> str:
    held_out, treated = uplift.tally.held_out.customers, uplift.tally.treated.customers
    needed, least = uplift.needed, uplift.least
    if needed is None:
        return f"a difference of {points(uplift.effect)} points is more than there can be"
    shown = "no difference at all" if least is None else f"{100 * least:.1f} points or more"
    return (
        f"to see {100 * uplift.effect:g} points it takes {number(needed.treated)} treated and "
        f"{number(needed.held_out)} held out, there are {number(treated)} and {number(held_out)}; so many show {shown}"
    )


def percentage(share: float) -> str:
    """0.05 as `5 %`."""
    return f"{100 * share:.3g} %"


def points(value: float) -> str:
    """A difference of shares as points of a percentage, such as `-4.1`."""
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _doubts(everything: RuleUplift, rules: Sequence[RuleUplift], *, differ: bool) -> list[str]:
    found = []
    if everything.moved:
        found.append(
            f"{number(everything.moved)} customers had both arms, as when the share is changed on the way: they count "
            "where they were first. A new share wants a new name of the experiment"
        )
    if everything.held_out.reached:
        found.append(
            f"{number(everything.held_out.reached)} of those held out were reached all the same, by a critical signal "
            "or another experiment: the uplift looks smaller than it is"
        )
    if differ:
        found.append("the planned share is not the same for all rules: read the rules, not all of them together")
    if len(rules) >= _MANY:
        found.append(
            f"of {len(rules)} rules without any effect one in twenty shows a difference by chance: decide before which "
            "one you want to know of"
        )
    return found


def _remarks(found: Found, asked: Asked) -> list[str]:
    remarks = []
    if found.observed:
        remarks.append(
            f"{number(found.observed)} decisions with an arm are left out: nothing is delivered in observe mode, while "
            "a rule is stopped, or beside an allow-list"
        )
    if asked.observed:
        remarks.append("decisions of observe mode count: nobody was treated, so a difference is none of outreach")
    if not found.tallies:
        remarks.append(
            "no decision has an arm: hold customers out with `hold_out` above 0, and ask again when some have been "
            "decided on"
        )
    return remarks
