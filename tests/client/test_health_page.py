"""docs/health.md: its events come to its record, its figures are the policy's, and its Python does what it says."""

import json
import re
from datetime import datetime
from typing import Any

import pytest
from kafka import KafkaProducer
from pydantic import TypeAdapter

from tests.docs.pages import ROOT, blocks
from touchline.agents import enrich, journey
from touchline.agents.settings import HealthSettings, Settings
from touchline.cli.pretty import pretty
from touchline.cli.tail import ALIASES
from touchline.client.reader import ReadRecord
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.measures.health import COUNTED, GONE, HealthPolicy
from touchline.schemas.context import MAX_CAUSES, MAX_CONTACTS, MAX_OPEN, CustomerContext
from touchline.schemas.vocabulary import Severity
from touchline.schemas.wire import CONTEXT, RAW

PAGE = ROOT / "docs" / "health.md"
EXAMPLE = ROOT / "schemas" / "examples" / "topics" / "customers.context.json"
EVENTS, RECORD = (block.text for block in blocks(PAGE, "json"))
HOLD, DESK = (block.text for block in blocks(PAGE, "python"))
LATER = to_ms(datetime.fromisoformat("2026-03-05T00:00:00+00:00"))


class Enough(Exception):
    """So many lines were printed; the piece itself would go on for ever."""


def written() -> list[bytes | None]:
    """What the events of the page leave on the topic, with the built-in rules and settings."""
    settings = Settings.model_validate({"clock": "log", "kafka": {"raw_partitions": 1, "partitions": 1}})
    run = LocalRun([enrich.build(settings), journey.build(settings)])
    for event in json.loads(EVENTS):
        run.publish(RAW, event["customer_id"].encode(), json.dumps(event).encode(), LATER)
    run.run(LATER)
    return [record.value for record in run.topics.all(CONTEXT)]


def test_the_events_of_the_page_come_to_its_record() -> None:
    newest = written()[-1]
    assert newest is not None
    assert json.loads(newest) == json.loads(RECORD)


def test_the_example_is_the_record_of_the_page_and_both_codecs_read_it() -> None:
    assert EXAMPLE.read_text("utf-8") == RECORD
    context = TypeAdapter(CustomerContext).validate_json(RECORD, strict=True)
    assert context.health == 100 - sum(cause.points for cause in context.causes)


def test_the_figures_of_the_page_are_those_of_the_policy() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    policy = HealthPolicy()
    costs = re.findall(r"\| friction, `(\w+)` \| (\d+) \|", text)
    assert costs == [(s.value, f"{policy.costs[n]:g}") for n, s in reversed([*enumerate(Severity, 1)])]
    assert f"| delight | -{policy.delight:g}:" in text
    assert policy.half_life == 14 * 86_400_000
    assert "half of it is left after 14 days" in text
    assert (GONE, COUNTED, MAX_OPEN, MAX_CAUSES, MAX_CONTACTS) == (0.1, 8, 16, 3, 3)
    assert f"`health.step` ({policy.step})" in text
    assert f"severity `{policy.care_from}` or worse is open (`health.care_from`)" in text


def test_the_settings_are_the_policy() -> None:
    assert HealthPolicy(**HealthSettings().model_dump()) == HealthPolicy()
    own = Settings.model_validate({"health": {"half_life": "21d", "care_from": "high", "low": 1}})
    options = journey.build(own).options
    assert options.health == HealthPolicy(low=1.0, half_life=21 * 86_400_000, care_from=Severity.HIGH)


def test_a_tool_holds_promotions_while_there_is_care(bootstrap: str, environment: str) -> None:
    record = json.loads(RECORD)
    producer: Any = KafkaProducer(bootstrap_servers=bootstrap)
    calm = json.dumps({**record, "care": False, "revision": 3}).encode()
    for key, value in ((b"c-1042", RECORD.encode()), (b"c-2", RECORD.encode()), (b"c-1042", calm), (b"c-2", None)):
        producer.send(f"{environment}.{CONTEXT}", value, key=key, partition=0)
    producer.flush()
    producer.close()
    piece = HOLD.replace('"customers.context"', f'"{environment}.customers.context"')
    piece = piece.replace("127.0.0.1:9092", bootstrap)
    lines: list[str] = []

    def show(*words: object) -> None:
        lines.append(" ".join(map(str, words)))
        if len(lines) == 4:
            raise Enough

    names: dict[str, Any] = {"print": show}
    with pytest.raises(Enough):
        exec(piece, names)  # noqa: S102 - our own page
    names["consumer"].close()
    assert lines == ["c-1042 hold promotions", "c-2 hold promotions", "c-1042 go ahead", "c-2 go ahead"]


def test_tail_shows_a_record_in_a_line() -> None:
    def shown(value: bytes | None) -> str:
        return pretty(CONTEXT, ReadRecord(CONTEXT, 0, 5, 0, b"c-1042", value, ())).plain

    assert shown(RECORD.encode()) == (
        "2026-03-04 11:05:00Z  c-1042  health 50  care since 2026-03-03 18:20:00Z  3 open"
        "  all_at_once -20 (open since 2026-03-04 11:05 UTC)"
        "  delivery_damaged -20 (open since 2026-03-04 11:05 UTC)"
        "  repeated_contact -10 (open since 2026-03-03 18:20 UTC)"
    )
    assert shown(None) == "0:5  c-1042 deleted"
    assert ALIASES["context"] == CONTEXT


def test_a_desk_reads_a_line() -> None:
    lines: list[str] = []
    exec(DESK, {"print": lines.append, "newest": RECORD.encode()})  # noqa: S102 - our own page
    (line,) = lines
    assert line.startswith("health 50: all_at_once (open since 2026-03-04 11:05 UTC), delivery_damaged")
