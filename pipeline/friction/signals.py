"""From a crossing to the signal that tells of it."""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha1
from typing import Final
from uuid import UUID

from touchline.pipeline.engine.clock import SECOND, from_ms
from touchline.pipeline.friction.evidence import shown_length, shown_time
from touchline.pipeline.friction.fields import WORDS, Value
from touchline.pipeline.friction.rules import CUSTOMER, Rule
from touchline.pipeline.friction.state import Crossing, Emitted
from touchline.pipeline.friction.terms import Terms
from touchline.schemas.codec import trusted
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Channel, Control, Scope, SignalStatus

_NAMESPACE: Final = UUID("6d0c7c36-2f0e-5b8e-9a5e-0f6d3f1f8c11")
_VERSION: Final = 5 << 76 | 2 << 62
_NOT_VERSION: Final = ~(0xF << 76 | 3 << 62)
_NOBODY: Final = frozenset({"unknown", "outside", "customer", "other"})
_STATUSES: Final = {status.value: status for status in SignalStatus}
_CHANNELS: Final = {channel.value: channel for channel in Channel}


def signal_id(rule: Rule, group: str, crossing: Crossing, taken: Collection[str]) -> str:
    """uuid5 of rule id, version, group key and anchor event ids. When a signal whose anchors moved has that id already,
    a number is added until the id is free."""
    text = "\n".join((rule.spec.id, str(rule.spec.version), group, *crossing.anchors))
    found = _uuid5(text)
    number = 2
    while found in taken:
        found = _uuid5(f"{text}\n#{number}")
        number += 1
    return found


def named_id(*parts: str) -> str:
    """uuid5 of these parts, in the name space of signals."""
    return _uuid5("\n".join(parts))


def _uuid5(text: str) -> str:
    """What `str(uuid.uuid5(_NAMESPACE, text))` gives, in a third of the time."""
    number = int.from_bytes(sha1(_NAMESPACE.bytes + text.encode(), usedforsecurity=False).digest()[:16], "big")
    digits = f"{number & _NOT_VERSION | _VERSION:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a signal says besides its crossing. `raised_at` in milliseconds."""

    customer: str
    group: str
    raised_at: int
    profile_revision: int
    provisional: bool


@dataclass(frozen=True, slots=True)
class SignalBuilder:
    """Makes signals. `own`: the parties that are ours, departments that own rules among them. `ruleset`: the hash of
    the rules in force."""

    own: frozenset[str]
    ruleset: str

    def control(self, terms: Terms, party: str) -> Control:
        """The party of the evidence decides: ours (or a department of ours), a partner, or nobody that we know."""
        if party in self.own or party == terms.owner:
            return Control.OWN
        return terms.control if party in _NOBODY else Control.PARTNER

    def signal(self, terms: Terms, said: Emitted, around: Surroundings) -> Signal:
        """The signal as it is to be said now."""
        crossing = said.crossing
        words = self._words(terms, crossing, around)
        status = _STATUSES[said.status]
        told = terms.evidence.render(words, crossing.facts)
        if status is SignalStatus.RETRACTED:
            told = f"Disproved by what came later. Was: {told}"
        return trusted(
            Signal,
            signal_id=said.signal,
            revision=said.revision,
            status=status,
            rule=terms.id,
            rule_version=terms.version,
            polarity=terms.polarity,
            severity=terms.severity,
            owner=terms.owner,
            control=self.control(terms, crossing.party),
            stage=terms.stage,
            party=crossing.party,
            channel=_CHANNELS.get(crossing.channel),
            customer=around.customer,
            group=around.group,
            at=from_ms(crossing.at),
            raised_at=from_ms(max(around.raised_at, crossing.at)),
            evidence=told,
            action=terms.action,
            events=crossing.events,
            values=self._values(terms, crossing),
            subjects=() if terms.per == CUSTOMER or terms.per in WORDS else (around.group,),
            profile_revision=around.profile_revision,
            provisional=around.provisional,
            ruleset=self.ruleset,
            scope=Scope.CUSTOMER,
            causes=(),
        )

    @staticmethod
    def _words(terms: Terms, crossing: Crossing, around: Surroundings) -> dict[str, Value]:
        words: dict[str, Value] = {
            "count": crossing.count,
            "threshold": terms.threshold,
            "within": None if terms.within is None else shown_length(terms.within),
            "party": crossing.party,
            "channel": crossing.channel,
            "group": around.group,
            "at": shown_time(crossing.at),
        }
        for name, value in crossing.facts.get("", {}).items():
            words[name] = shown_time(value) if name == "deadline" and isinstance(value, int) else value
        return words

    @staticmethod
    def _values(terms: Terms, crossing: Crossing) -> dict[str, Value]:
        values: dict[str, Value] = {"events": crossing.total, "count": crossing.count}
        if terms.threshold is not None:
            values["threshold"] = terms.threshold
        if terms.within is not None:
            values["within_seconds"] = terms.within / SECOND
        if crossing.closed:
            values["closed_at"] = from_ms(crossing.closed).isoformat()
        for name, value in crossing.facts.get("", {}).items():
            values[name] = from_ms(value).isoformat() if name == "deadline" and isinstance(value, int) else value
        for alias, facts in crossing.facts.items():
            if alias:
                values.update({f"{alias}.{name}": value for name, value in facts.items()})
        return values
