"""The whole flow under fire on real Apache Kafka, with a table of figures as the proof.

python -m tests.faults.flow --events 1000000 --kills 20 --seed 1 [--inside 8] [--stops] [--bootstrap HOST:PORT]

Three runs of the same raw records, each with two workers of every agent: undisturbed; with workers killed at random
points, some inside an open transaction; and, with --stops, with workers stopped inside a transaction beyond their
session and continued. Ends with 1 when a reader of committed records, or of the warehouse, sees any difference.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.flow_fleet import WENT_THROUGH, Blow
from tests.faults.flow_ledger import differences
from tests.faults.flow_run import Result, Size, random_plan, run_flow, stop_plan, warehouse_in
from tests.support.kafka import RealKafka


@dataclass
class Proof:
    """An undisturbed run, and those that were hurt by their names."""

    size: Size
    calm: Result
    hurt: dict[str, Result]

    def problems(self) -> list[str]:
        """Everything in which a hurt run differs from the undisturbed one, in words."""
        found = list(_unequal("undisturbed", self.calm))
        for name, result in self.hurt.items():
            for topic, difference in differences(self.calm.ledger, result.ledger).items():
                found.append(
                    f"{name}: {topic}: {len(difference.missing)} missing, {len(difference.extra)} extra, "
                    f"{len(difference.twice)} twice, such as {(difference.missing + difference.extra)[:2]}"
                )
            if result.ledger.verdicts != self.calm.ledger.verdicts:
                found.append(f"{name}: final decisions differ")
            for view, rows in self.calm.facts.items():
                if result.facts[view] != rows:
                    found.append(f"{name}: the view {view} has {result.facts[view]} rows, not {rows}")
            for view, figures in self.calm.aggregates.items():
                if differing := result.aggregates[view] ^ figures:
                    found.append(f"{name}: {len(differing)} rows of {view} differ, such as {min(differing)}")
            found.extend(_unequal(name, result))
            found.extend(f"{name}: {wound}" for wound in result.wounds if wound.ended == WENT_THROUGH)
        return found

    def lines(self) -> Iterator[str]:
        """The table."""
        size, summary = self.size, self.calm.ledger.summary()
        yield f"{self.calm.raw:,} raw records on {size.raw_partitions} partitions, seed {size.seed}; keyed topics have"
        yield f"  {size.partitions}; two workers of each agent; at most {size.batch:,} records in a transaction"
        share = summary.late / summary.enriched
        yield f"enriched    {summary.enriched:>10,}, of these late {summary.late:,} ({share:.2%}), "
        yield f"            {'':>10} beyond the lateness {summary.too_late:,}; rejected {summary.rejected:,}"
        yield f"signals     {summary.signals:>10,} in {summary.revisions:,} revisions; {_listed(summary.statuses)}"
        yield f"  absences  {summary.absences:>10,}; resolved or retracted {summary.ended:,}; by rule: "
        yield f"            {'':>10} {_listed(summary.rules)}"
        yield f"decisions   {summary.decisions:>10,} final; {_listed(summary.verdicts)}"
        yield f"deliveries  {summary.deliveries:>10,} records"
        yield f"undisturbed {self.calm.seconds:>10.0f} s from the first start to all worked off"
        for name, result in self.hurt.items():
            inside = sum(w.blow is not Blow.KILL for w in result.wounds)
            yield f"{name:<11} {result.seconds:>10.0f} s; {len(result.wounds)} hurt, {inside} inside a transaction:"
            yield from (f"  {wound}" for wound in result.wounds)
            yield f"  workers that ended and were started again: {_listed(_exits(result.exits))}"
        problems = self.problems()
        yield f"differences {len(problems):>10}"
        yield from (f"  {problem}" for problem in problems)


def _unequal(name: str, result: Result) -> Iterator[str]:
    for difference in result.unequal[:3]:
        yield f"{name}: verify: {difference}"


def _exits(exits: Iterable[tuple[str, int]]) -> dict[str, int]:
    return dict(sorted(Counter(f"{agent} with {code}" for agent, code in exits).items()))


def _listed(counts: object) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in dict(counts).items()) or "none"  # type: ignore[call-overload]


def prove(bootstrap: str, folder: Path, size: Size, *, kills: int, inside: int, stops: bool) -> Proof:
    """The runs, one after the other."""
    with warehouse_in(folder) as warehouse:
        calm = run_flow(bootstrap, warehouse, folder / "calm", size)
        facts = calm.ledger.committed()
        hurt = {}
        if kills:
            plan = random_plan(size.seed, kills, inside)
            hurt["killed"] = run_flow(bootstrap, warehouse, folder / "killed", size, plan, facts)
        if stops:
            hurt["stopped"] = run_flow(bootstrap, warehouse, folder / "stopped", size, stop_plan(), facts)
    return Proof(size, calm, hurt)


@contextmanager
def _kafka(given: str | None) -> Iterator[str]:
    if given:
        yield given
        return
    with RealKafka.start() as kafka:
        yield kafka.bootstrap


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.flow", description="The whole flow under fire.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--inside", type=int, default=8, help="how many of the kills are inside a transaction")
    parser.add_argument("--stops", action="store_true", help="a third run, with workers stopped and continued")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1_000, help="the most records in a transaction")
    parser.add_argument("--deadline", type=float, default=3_600, help="seconds that a run may take")
    parser.add_argument("--bootstrap", help="a running Apache Kafka; by default one is started")
    parser.add_argument("--folder", type=Path, help="where logs and the warehouse stay; by default in a new folder")
    options = parser.parse_args(arguments)
    size = Size(options.events, options.seed, batch=options.batch, deadline=options.deadline)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="touchline-flow-"))
    with _kafka(options.bootstrap) as bootstrap:
        proof = prove(
            bootstrap, folder, size, kills=options.kills, inside=min(options.inside, options.kills), stops=options.stops
        )
    sys.stdout.write("\n".join(proof.lines()) + "\n")
    return 1 if proof.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
