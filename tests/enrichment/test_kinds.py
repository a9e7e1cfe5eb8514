"""The catalogue of kinds: what is shipped, how an unlisted kind is placed, and what a mistake in it says."""

from pathlib import Path

import pytest

from touchline.pipeline.enrichment.kinds import CATALOGUE, Catalogue
from touchline.schemas.vocabulary import Actor, Channel, Stage
from touchline.schemas.yamlfile import FileError

SHIPPED = Catalogue()


def test_it_covers_every_channel_stage_and_actor() -> None:
    entries = SHIPPED.kinds.values()
    assert {entry.channel for entry in entries} == set(Channel)
    assert {entry.stage for entry in entries} == set(Stage)
    assert {entry.actor for entry in entries} == set(Actor)
    assert len(entries) >= 40


@pytest.mark.parametrize(
    ("kind", "channel", "stage", "party", "actor", "known"),
    [
        ("order.shipped", "delivery", "delivery", "carrier", "partner", True),
        ("order.shipped.partial", "delivery", "delivery", "carrier", "partner", False),
        ("order.teleported", "web", "purchase", "own", "customer", False),
        ("self_service.whispered.twice", "self_service", "support", "own", "customer", False),
        ("ghost.seen", "other", "use", "own", "customer", False),
    ],
)
def test_a_kind_is_placed_by_its_nearest_entry(
    kind: str, channel: str, stage: str, party: str, actor: str, known: bool
) -> None:
    assert SHIPPED.place(kind) == (channel, stage, party, actor, known)


def test_own_is_called_as_the_settings_say() -> None:
    catalogue = Catalogue(own_party="northwind")
    assert catalogue.place("order.placed").party == "northwind"
    assert catalogue.place("ghost.seen").party == "northwind"
    assert catalogue.place("order.shipped").party == "carrier"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("channel: web", "channel: wob", '"wob" is not one of voice, '),
        ("    stage: consideration", "    stagge: consideration", 'did you mean "stage"?'),
        ("party: carrier", "party: carier", "expected a role of this file: own, carrier"),
        ("  order.placed:", "  Order.placed:", '"Order.placed" is no kind'),
        ("  order.placed:", "  order.shipped:", "the key stands twice"),
        ("value: number", "value: money", '"money" is not one of string, '),
    ],
)
def test_a_mistake_has_line_and_column(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = CATALOGUE.read_text(encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1
    path = tmp_path / "kinds.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FileError) as refused:
        Catalogue(path)
    assert message in str(refused.value)
    # A key that stands twice is told where it stands again; what is wrong with a key, beside its value.
    assert "twice" in message or any(mistake.line in {line, line + 1} for mistake in refused.value.mistakes)
