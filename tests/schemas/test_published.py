"""What is published is what the contracts are."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.schemas import wire
from touchline.schemas.export import ASYNCAPI, CONTRACTS, PUBLISHED, documents, export, json_schema

EXAMPLES = sorted((PUBLISHED.parent / "examples").glob("*.json"))


def test_the_published_files_are_current(tmp_path: Path) -> None:
    written = export(tmp_path / "new")
    assert {path.name for path in written} == {path.name for path in PUBLISHED.iterdir()}
    stale = [path.name for path in written if path.read_bytes() != (PUBLISHED / path.name).read_bytes()]
    assert not stale, "run `touchline schemas export schemas/published`"


def test_exporting_twice_writes_the_same(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in export(tmp_path)}
    assert {path.name: path.read_bytes() for path in export(tmp_path)} == first


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_contract_is_a_valid_json_schema(name: str) -> None:
    Draft202012Validator.check_schema(json_schema(name))


def test_the_schema_of_touchpoints_takes_every_example_and_refuses_nobody() -> None:
    validator = Draft202012Validator(json_schema("touchpoint"))
    for path in EXAMPLES:
        example = json.loads(path.read_text(encoding="utf-8"))
        assert validator.is_valid(example), path.name
        for field in ("event_id", "source", "occurred_at", "kind"):
            assert not validator.is_valid({k: v for k, v in example.items() if k != field})
        assert not validator.is_valid({k: v for k, v in example.items() if k not in {"customer_id", "identifiers"}})


def test_asyncapi_names_every_topic_and_every_reference_leads_somewhere() -> None:
    document = documents()[ASYNCAPI]
    assert {channel["address"] for channel in document["channels"].values()} == set(wire.TOPICS)
    files = documents()
    for reference in _references(document):
        if reference.startswith("./"):
            assert reference.removeprefix("./") in files
            continue
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return []


def test_there_is_one_example_for_each_kind() -> None:
    assert [path.stem for path in EXAMPLES] == sorted(Catalogue().kinds)
