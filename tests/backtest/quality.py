"""The figures of docs/quality.md: what its commands give on the four public data sets, and plain queries beside them.

python -m tests.backtest.quality      writes the tables of the page anew

The variable TOUCHLINE_DATA names the folder that holds olist/, bpic2013/, airline_tweets/ and ecom_clickstream/. The
plain queries are written apart from the rules and the engine: they read the files, not touchpoints.
"""

import csv
import gzip
import json
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from click.testing import CliRunner
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from touchline.cli import main
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.measures.detection import Case, Quality, quality
from touchline.report.words import number, share, span

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quality.md"
COMMAND = re.compile(r"^```sh\n(touchline rules backtest .*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = (
    "| | earlier: precision | recall | later: warned | right | precision (95 %) | recall | lift | lead (quartiles) |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)
TABLE = re.compile(re.escape(HEAD) + r"(?:\|.*\n)*")

Halves = tuple[list[Case], list[Case]]
"""Cases of the earlier and of the later half."""


def commands(page: str) -> list[str]:
    """The commands of the page that have a table, in order."""
    return [found[1].replace("\\\n", " ") for found in COMMAND.finditer(page)]


def report_of(command: str, data: Path) -> dict[str, Any]:
    """What a command of the page says, as JSON."""
    words = [word.replace("$TOUCHLINE_DATA", str(data)) for word in shlex.split(command)[1:]]
    words = [str(ROOT / word) if word.startswith("examples/") else word for word in words]
    result = CliRunner().invoke(main, [*words, "--json"])
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def table(command: str, data: Path) -> str:
    """The table that belongs to a command."""
    report = report_of(command, data)
    earlier, later = report["parts"]
    cut = datetime.fromisoformat(later["since"])
    rows = [_base(earlier, later)]
    for name, halves in _plain(command, data, cut):
        rows.append(_row(name, *(_figures(quality(cases)) for cases in halves)))
    before = {row["rule"]: row for row in earlier["rules"]}
    rows += [
        _row(f"`{row['rule']}`", before[row["rule"]], row)
        for row in later["rules"]
        if row["warned"] and not row["rule"].startswith("all ") and row["rule"] in _shown(command, before)
    ]
    return HEAD + "".join(rows)


def _shown(command: str, rules: Iterable[str]) -> set[str]:
    """The rules that are about a command's outcome: of the tickets some are for one, some for the other."""
    if "kind=ticket.reopened" in command:
        return {rule for rule in rules if rule.startswith(("resolved", "third"))}
    if "rule=third_group" in command:
        return {rule for rule in rules if rule.startswith("handed")}
    return set(rules)


def _base(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> str:
    rates = [part["bad"] / part["cases"] for part in (earlier, later)]
    cases, bad = (f"{later[name]:,}" for name in ("cases", "bad"))
    return f"| warn of everything | {share(rates[0])} | 1.00 | {cases} | {bad} | {share(rates[1])} | 1.00 | 1.0 | |\n"


def _row(name: str, earlier: Mapping[str, Any], later: Mapping[str, Any]) -> str:
    interval, lead = later["precision_interval"], later["lead"]
    around = f" ({share(interval[0])} to {share(interval[1])})" if interval else ""
    told = f"{span(lead[1])} ({span(lead[0])} to {span(lead[2])})" if lead and lead[1] >= 1 else ""
    cells = (
        name, share(earlier["precision"]), share(earlier["recall"]), number(later["warned"]), number(later["hits"]),
        share(later["precision"]) + around, share(later["recall"]), f"{later['lift']:.1f}", told,
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |\n"


def _figures(found: Quality) -> dict[str, Any]:
    return {
        "precision": found.precision, "recall": found.recall, "warned": found.warned, "hits": found.hits,
        "precision_interval": found.precision_interval, "lift": found.lift, "lead": found.lead,
    }  # fmt: skip


def rows(data: Path, path: str) -> Iterator[dict[str, str]]:
    """The rows of a file."""
    with gzip.open(data / path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _plain(command: str, data: Path, cut: datetime) -> list[tuple[str, Halves]]:
    """The plain queries beside a command: name and cases."""
    queries = next(found for name, found in PLAIN.items() if f"/{name} " in command)
    return list(queries(command, data, cut))


def _halves(cases: Iterable[tuple[datetime, Case]], cut: datetime) -> Halves:
    halves: Halves = ([], [])
    for began, case in cases:
        halves[began >= cut].append(case)
    return halves


def olist(command: str, data: Path, cut: datetime) -> Iterator[tuple[str, Halves]]:
    """The two plain queries of the data's own notes, on orders with an answered review."""
    zone = ZoneInfo("America/Sao_Paulo")

    def moment(text: str) -> datetime | None:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) if text else None

    answers: dict[str, tuple[datetime, int]] = {}
    for row in rows(data, "olist/olist_order_reviews_dataset.csv.gz"):
        answered = moment(row["review_answer_timestamp"])
        known = answers.get(row["order_id"])
        if answered and (known is None or answered < known[0]):
            answers[row["order_id"]] = (answered, int(row["review_score"]))
    late, missed = [], []
    for row in rows(data, "olist/olist_orders_dataset.csv.gz"):
        placed, delivered = moment(row["order_purchase_timestamp"]), moment(row["order_delivered_customer_date"])
        promised = moment(row["order_estimated_delivery_date"])
        if row["order_id"] not in answers or placed is None or promised is None:
            continue
        if "--among" in command and delivered is None:
            continue
        answered, score = answers[row["order_id"]]
        bad = score <= 2
        after = delivered is not None and delivered > promised
        late.append((placed, Case(to_ms(answered), bad, to_ms(answered) - 1 if after else None)))
        limit = promised + timedelta(days=1)
        not_there = delivered is None or delivered > limit
        missed.append((placed, Case(to_ms(answered), bad, to_ms(limit) if not_there else None)))
    if "--among" in command:
        yield "plain: delivered after the promised date began (known too late to warn)", _halves(late, cut)
    yield "plain: not delivered a day after the promise", _halves(missed, cut)


def tweets(_command: str, data: Path, cut: datetime) -> Iterator[tuple[str, Halves]]:
    """Plain VADER at the threshold that its authors name for a negative text."""
    zone, vader = ZoneInfo("America/Los_Angeles"), SentimentIntensityAnalyzer()
    seen: dict[str, tuple[datetime, Case]] = {}
    for row in rows(data, "airline_tweets/tweets.csv.gz"):
        at = datetime.strptime(row["tweet_created"], "%m/%d/%Y %H:%M").replace(tzinfo=zone).astimezone(UTC)
        told = vader.polarity_scores(row["text"])["compound"] <= -0.05
        case = Case(to_ms(at) + 1, row["airline_sentiment"] == "negative", to_ms(at) if told else None)
        if row["tweet_id"] not in seen:
            seen[row["tweet_id"]] = (at, case)
    yield "plain: VADER says -0.05 or less", _halves(seen.values(), cut)


def tickets(command: str, data: Path, cut: datetime) -> Iterator[tuple[str, Halves]]:
    """Three groups or more in the whole life of a ticket, which also counts those after it was reopened."""
    if "kind=ticket.reopened" not in command:
        return
    logs: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows(data, "bpic2013/bpic2013_incidents.csv.gz"):
        logs[row["case:concept:name"]].append(row)
    cases = []
    for log in logs.values():
        opened = datetime.fromisoformat(log[0]["time:timestamp"]).astimezone(UTC)
        reopened = any(
            before["lifecycle:transition"] in {"Resolved", "Closed"} and after["concept:name"] != "Completed"
            for before, after in pairwise(log)
        )
        many = len({row["org:group"] for row in log}) >= 3
        cases.append((opened, Case(1, reopened, 0 if many else None)))
    yield "plain: three groups or more, counted to the ticket's end", _halves(cases, cut)


def clicks(_command: str, data: Path, cut: datetime) -> Iterator[tuple[str, Halves]]:
    """An error anywhere in a session with something in the cart."""
    sessions: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for row in rows(data, "ecom_clickstream/events.csv.gz"):
        at = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
        sessions[row["session_id"]].append((at, row["event"]))
    cases = []
    for events in sessions.values():
        names = {name for _, name in events}
        if "add_to_cart" in names:
            error = bool(names & {"payment_error", "checkout_bug", "error_page"})
            cases.append((min(at for at, _ in events), Case(1, "purchase" not in names, 0 if error else None)))
    yield "plain: an error page, a payment error or a checkout error in the session", _halves(cases, cut)


PLAIN: dict[str, Callable[[str, Path, datetime], Iterator[tuple[str, Halves]]]] = {
    "olist": olist,
    "airline_tweets": tweets,
    "bpic2013": tickets,
    "ecom_clickstream": clicks,
}


def rewritten(page: str, tables: Sequence[str]) -> str:
    """The page with these tables."""
    left = iter(tables)
    return TABLE.sub(lambda _: next(left), page)


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    folder = Path(os.environ["TOUCHLINE_DATA"])
    PAGE.write_text(rewritten(text, [table(command, folder) for command in commands(text)]), "utf-8")
