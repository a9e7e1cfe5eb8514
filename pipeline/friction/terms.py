"""What is kept of each rule so that its signals can be ended when the rule itself is gone."""

from typing import Final

import msgspec

from touchline.pipeline.engine.store import KeyedStore
from touchline.pipeline.friction.evidence import Template
from touchline.pipeline.friction.rules import Rule
from touchline.schemas.vocabulary import Control, Polarity, Severity, Stage


class Terms(msgspec.Struct, frozen=True):
    """What a signal says of its rule, and nothing of how it is found. `within` in milliseconds, as
    is `expires`: how long it stays open after what it last rested on."""

    id: str
    version: int
    polarity: Polarity
    severity: Severity
    owner: str
    control: Control
    stage: Stage
    per: str
    action: str
    evidence: Template
    threshold: int | float | None
    within: int | None
    expires: int = 0


def terms_of(rule: Rule) -> Terms:
    """Those of a compiled rule."""
    spec = rule.spec
    return Terms(
        spec.id, spec.version, spec.polarity, spec.severity, spec.owner, spec.control, spec.stage, spec.per,
        spec.action, rule.evidence, rule.threshold, rule.within, spec.expires,
    )  # fmt: skip


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Terms).decode


def new_terms() -> KeyedStore[Terms]:
    """An empty table, by the key of a rule's state."""
    return KeyedStore(_encode, _decode)
