"""A whole back-test: history through the rules, then the figures."""

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from touchline.agents.enrich import build as build_enrich
from touchline.agents.outreach import build as build_outreach
from touchline.agents.settings import OutreachMode, RuleHome, Settings
from touchline.backtest.sources import HistoryError, OnProgress, Source
from touchline.pipeline.backtest.cases import CaseBook, Part, Question
from touchline.pipeline.backtest.diff import Comparison, compare
from touchline.pipeline.backtest.report import BackTestReport, Figures
from touchline.pipeline.backtest.run import HistoryRun, Look, PastSignal
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.enrichment.processor import EnrichProcessor
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.friction.rules import CUSTOMER, RuleSet
from touchline.pipeline.intake.errors import InvalidEvent
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.schemas.control import ClockMode
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Scope

HALF: Final = "half"
"""Splits history where half of the cases had begun."""

_LATE_SHARE: Final = 0.02
_UNKNOWN: Final = "unknown."


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTest:
    """What to run. `truth`: events for outcomes only. `split`: where a later part begins; HALF: in the middle; None:
    one part. `policies`: files and folders by which outreach decides on the signals; None: it does not."""

    settings: Settings
    rules: Sequence[Path]
    builtin: bool
    question: Question = field(default_factory=Question)
    truth: Source | None = None
    split: datetime | str | None = None
    budget: int | None = None
    policies: Sequence[Path] | None = None

    def run(self, source: Source, on_progress: OnProgress) -> tuple[BackTestReport, list[PastSignal]]:
        """The report, and all signals in the order in which they were raised.

        Raises: FileError (rules, map), HistoryError, ImportFailed, Retry, Fatal."""
        begun = time.monotonic()
        rules = load_rules(self.rules, builtin=self.builtin)
        book = CaseBook(self.question, locate=any(rule.spec.per != self.question.per for rule in rules.rules))
        customers: set[str] = set()

        def look(event: EnrichedTouchpoint, at: int) -> None:
            customers.add(event.customer)
            book.look(event, at)

        outreach = None if self.policies is None else outreach_of(self.settings, self.policies)
        run = history_run(self.settings, [rules], look, outreach)
        work_off(source, run, on_progress)
        if self.truth is not None:
            _tell(self.truth, book, build_enrich(_on_log_clock(self.settings)))
        (trial,) = run.trials
        told = sorted(trial.signals.values(), key=lambda s: (s.raised_at, s.signal_id))
        signals = [signal for signal in told if signal.scope is Scope.CUSTOMER]
        incidents = [signal for signal in told if signal.scope is Scope.INCIDENT]
        judged = book.close(signals, run.until or 0)
        figures = Figures(book, rules, judged, incidents=incidents, budget=self.budget)
        parts = [figures.part(name, part) for name, part in self._parts(run, book)]
        report = BackTestReport(
            source=source.name,
            since=parts[0].since if parts else None,
            until=parts[-1].until if parts else None,
            touchpoints=run.touchpoints,
            customers=len(customers),
            rules=len(rules.every),
            ruleset=rules.hash,
            per=self.question.per,
            outcome=None if self.question.outcome is None else self.question.outcome.text,
            budget=self.budget,
            seconds=time.monotonic() - begun,
            left_out={**source.left_out, **_left_out(run.counts)},
            too_late=run.too_late,
            unknown=_unknown(trial.counts),
            remarks=self._remarks(run, book, rules),
            parts=parts,
            outreach=None if trial.outreach is None else trial.outreach.figures(len(told)),
        )
        return report, told

    def _parts(self, run: HistoryRun, book: CaseBook) -> list[tuple[str, Part]]:
        if run.since is None or run.until is None:
            return []
        whole = Part(run.since, run.until + 1)
        if self.split is None:
            return [("all", whole)]
        middle = book.middle() if self.question.per != CUSTOMER else run.middle()
        cut = to_ms(self.split) if isinstance(self.split, datetime) else middle
        if cut is None or not whole.since < cut < whole.until:
            raise HistoryError("the history can't be split there: one side would be empty")
        return [("earlier", Part(whole.since, cut)), ("later", Part(cut, whole.until))]

    def _remarks(self, run: HistoryRun, book: CaseBook, rules: RuleSet) -> list[str]:
        found = []
        question = self.question
        if not run.touchpoints:
            found.append("the history is empty")
        elif question.outcome is not None and not book.cases:
            had = " that had what --among and --until ask for" if question.among or question.until else ""
            found.append(f"there is no case: no {question.per}{had} is in the history")
        elif question.outcome is not None and not book.outcomes:
            found.append(f"nothing in the history is an outcome ({question.outcome.text})")
        if question.outcome is not None and (missing := question.outcome.rules - rules.by_id.keys()):
            found.append(f"the outcome names rules that are not there: {', '.join(sorted(missing))}")
        if book.strangers:
            found.append(f"{book.strangers:,} outcomes of the truth are about nothing in the history")
        if run.too_late > _LATE_SHARE * run.touchpoints:
            found.append(
                f"{run.too_late:,} touchpoints came too late to open a signal: lines must stand in the order of "
                "arrival (--sort puts them in the order of time)"
            )
        return found


def compare_rules(
    settings: Settings, old: tuple[Path, bool], new: tuple[Path, bool], source: Source, on_progress: OnProgress
) -> tuple[Comparison, HistoryRun]:
    """Two sets of rules (a path, and whether the built-in ones belong to it) on one reading of history.

    Raises: as `BackTest.run`."""
    sets = [load_rules([path], builtin=builtin) for path, builtin in (old, new)]
    run = history_run(settings, sets, _blind)
    work_off(source, run, on_progress)
    before, after = run.trials
    return compare(before.signals.values(), after.signals.values()), run


def _blind(_event: EnrichedTouchpoint, _at: int) -> None:
    """Looks at nothing."""


def history_run(
    settings: Settings, sets: Sequence[RuleSet], look: Look, outreach: OutreachProcessor | None = None
) -> HistoryRun:
    """A run with the lateness and the parties of the settings."""
    return HistoryRun(build_enrich(_on_log_clock(settings)), sets, options_of(settings), look, outreach)


def outreach_of(settings: Settings, policies: Sequence[Path]) -> OutreachProcessor:
    """Outreach in observe mode, with these policies and otherwise what the settings say.

    Raises: FileError when a policy has mistakes."""
    changed = {"policies": tuple(policies), "policies_from": RuleHome.FILES, "mode": OutreachMode.OBSERVE}
    said = settings.outreach.model_copy(update=changed)
    return build_outreach(_on_log_clock(settings.model_copy(update={"outreach": said})))


def options_of(settings: Settings) -> JourneyOptions:
    """The lateness and the parties of the settings, for the agent `journey`, which writes signals alone."""
    journey = settings.journey
    return JourneyOptions(
        lateness=journey.lateness,
        source_lateness=dict(journey.source_lateness),
        customer_ttl=journey.customer_ttl,
        own_parties=frozenset({settings.enrich.own_party}),
        health=None,
    )


def work_off(source: Source, run: HistoryRun, on_progress: OnProgress) -> None:
    """All of a history through a run.

    Raises: HistoryError, ImportFailed, FileError, Retry, Fatal."""
    raw, enriched = run.raw, run.enriched
    with _few_collections():
        for entry in source.entries(on_progress):
            if isinstance(entry, bytes):
                raw(entry)
            else:
                enriched(entry)
        run.finish()


@contextmanager
def _few_collections() -> Iterator[None]:
    """Looks for garbage in cycles more seldom than a worker does: history makes hardly any, and a fifth of the time is
    saved."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _on_log_clock(settings: Settings) -> Settings:
    one = settings.kafka.model_copy(update={"partitions": 1, "raw_partitions": 1})
    return settings.model_copy(update={"clock": ClockMode.LOG, "kafka": one})


def _nobody(_what: str, _done: int, _total: int) -> None:
    """Tells nobody."""


def _tell(truth: Source, book: CaseBook, enrich: EnrichProcessor) -> None:
    """Shows what only outcomes may see."""
    for number, entry in enumerate(truth.entries(_nobody), 1):
        event = entry
        if isinstance(entry, bytes):
            try:
                touchpoint = enrich.intake.parse(entry)
            except InvalidEvent as error:
                raise HistoryError(f"{truth.name}, touchpoint {number}: {error.field}: {error.message}") from None
            event, _ = enrich.assembler.enriched(touchpoint, touchpoint.occurred_at, 0, number, 0.0)
        if isinstance(event, EnrichedTouchpoint):
            book.truth(event, to_ms(event.occurred_at))


def _left_out(counts: Mapping[str, int]) -> dict[str, int]:
    return {what: n for what, n in counts.items() if n and (what == "duplicates" or what.startswith("rejected."))}


def _unknown(counts: Mapping[str, int]) -> dict[str, int]:
    found = {what.removeprefix(_UNKNOWN): n for what, n in counts.items() if what.startswith(_UNKNOWN)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
