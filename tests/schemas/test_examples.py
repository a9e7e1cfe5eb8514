"""The examples are the contract: both codecs read them alike, and enriching one twice gives the same."""

import json
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from pydantic import TypeAdapter

from touchline.agents.enrich import build
from touchline.agents.settings import Settings
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.enrichment.kinds import AttributeType, Catalogue
from touchline.schemas.codec import decode_touchpoint
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.wire import RAW, TOUCHPOINTS

EXAMPLES = sorted((Path(__file__).parents[2] / "schemas" / "examples").glob("*.json"))
ARRIVED = to_ms(datetime.fromisoformat("2026-11-10T00:00:00Z"))
PROCESSOR = build(Settings())
CATALOGUE = Catalogue()

_PYTHON = {
    AttributeType.STRING: str,
    AttributeType.INTEGER: int,
    AttributeType.NUMBER: float,
    AttributeType.BOOLEAN: bool,
    AttributeType.TIME: str,
}


def enriched(value: bytes) -> list[Output]:
    shard = LocalShard(PROCESSOR, 0, 1)
    return shard.process(RAW, [PlainRecord(0, ARRIVED, None, value)], ARRIVED)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_read_alike_and_enriched_the_same_twice(path: Path) -> None:
    value = path.read_bytes()
    touchpoint = TypeAdapter(Touchpoint).validate_json(value, strict=True)
    assert msgspec.json.decode(value, type=Touchpoint) == touchpoint
    assert touchpoint.kind == path.stem
    once = enriched(value)
    assert once == enriched(value)
    assert [output.topic for output in once] == [TOUCHPOINTS]
    read = decode_touchpoint(once[0].value or b"")
    place = CATALOGUE.kinds[path.stem]
    assert read.channel == (touchpoint.channel or place.channel)
    assert read.stage == (touchpoint.stage or place.stage)
    assert (read.sentiment is None) == (touchpoint.text is None)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_shows_the_attributes_of_its_kind_with_their_types(path: Path) -> None:
    shown = json.loads(path.read_bytes()).get("attributes", {})
    usual = CATALOGUE.kinds[path.stem].attributes
    assert shown.keys() == usual.keys()
    for name, kind in usual.items():
        assert isinstance(shown[name], _PYTHON[kind]), name
        if kind is AttributeType.TIME:
            assert datetime.fromisoformat(shown[name]).tzinfo is not None
