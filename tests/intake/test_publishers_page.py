"""The publisher's page says what the code does: its tables and its examples."""

import json
import re
from dataclasses import MISSING, fields
from pathlib import Path

from touchline.pipeline.engine.records import Headers, PlainRecord
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.intake.formats import Intake
from touchline.schemas.rejection import RejectCode
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.types import MAX_EVENT_BYTES
from touchline.schemas.vocabulary import Actor, Channel, ScoreScale, Stage

PAGE = (Path(__file__).parents[2] / "docs" / "publishers.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_table_of_fields_lists_every_field_and_which_are_needed() -> None:
    rows = {row[0].strip("`"): row for row in table("Fields")}
    assert rows.keys() == {f.name for f in fields(Touchpoint)}
    needed = {f.name for f in fields(Touchpoint) if f.default is MISSING and f.default_factory is MISSING}
    assert {name for name, row in rows.items() if row[1] == "needed"} == needed
    for field, words in {"channel": Channel, "stage": Stage, "actor": Actor, "score": ScoreScale}.items():
        for word in words:
            assert f"`{word}`" in rows[field][3], (field, word)


def test_the_table_of_refusals_lists_every_code() -> None:
    assert [row[0].strip("`") for row in table("What is refused, and why")] == [code.value for code in RejectCode]
    assert f"larger than {MAX_EVENT_BYTES} bytes" in PAGE


def test_the_table_of_kinds_is_the_catalogue() -> None:
    expected = [
        [
            f"`{kind}`",
            entry.description,
            entry.channel,
            entry.stage,
            entry.party,
            entry.actor,
            ", ".join(f"`{name}` {of}" for name, of in entry.attributes.items()),
        ]
        for kind, entry in Catalogue().kinds.items()
    ]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in expected)
    assert table("Kinds") == expected, f"the rows must be:\n{lines}"


def test_the_examples_are_read() -> None:
    plain, structured = blocks("json")
    assert read(plain.encode()).kind == "call.completed"
    of_structured = read(structured.encode(), (("content-type", b"application/cloudevents+json"),))
    (binary,) = blocks("text")
    head, _, body = binary.partition("\n\n")
    headers = [tuple(line.split(": ", 1)) for line in head.splitlines()]
    assert read(body.encode(), [(name, value.encode()) for name, value in headers]) == of_structured
    assert of_structured.subjects == ("order:123",)


def read(value: bytes, headers: Headers = ()) -> Touchpoint:
    return Intake().touchpoint(PlainRecord(0, 0, None, value, headers))


def test_the_python_example_is_the_plain_one() -> None:
    (code,) = blocks("python")
    said = json.loads(blocks("json")[0])
    for name, value in said.items():
        if name != "occurred_at":
            assert f"{name}={json.dumps(value)}" in code
    compile(code, "publishers.md", "exec")
