"""What is said of the causes of incidents: signals, and rows of the table `incidents`."""

from dataclasses import dataclass, replace

import msgspec

from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.friction.cause import Cause
from touchline.pipeline.friction.evidence import shown_time
from touchline.pipeline.friction.exposure import Told
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.incidents import Known
from touchline.pipeline.friction.roll import Roll
from touchline.pipeline.friction.rules import Rule
from touchline.pipeline.friction.signals import SignalBuilder, Surroundings, named_id, signal_id
from touchline.pipeline.friction.state import Crossing, Emitted
from touchline.pipeline.friction.terms import Terms, terms_of
from touchline.pipeline.friction.timeline import FINAL, paired, status_of
from touchline.schemas.codec import encode
from touchline.schemas.incident import MAX_LISTED, Incident
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Polarity, Scope, Severity, SignalStatus
from touchline.schemas.wire import INCIDENTS, SIGNALS

_CUSTOMERS = "customers"
_OPENED = "opened_at"


@dataclass(slots=True)
class Telling:
    """What is said at one moment. `noticed`: when that is, in milliseconds; `until`: up to when everything has come."""

    builder: SignalBuilder
    noticed: int
    until: int
    provisional: bool
    partitions: int
    out: Outbox

    def tell(self, rule: Rule, group: str, cause: Cause, roll: Roll) -> None:
        """Says what has changed."""
        for old, crossing in paired(cause.emitted, roll.machine.crossings):
            if crossing is not None:
                self._crossing(rule, group, cause, old, crossing, roll)
            elif old is not None and old.status != SignalStatus.RETRACTED.value:
                old.status = SignalStatus.RETRACTED.value
                self._send(terms_of(rule), group, old, (), rule.spec.covers)

    def _crossing(
        self, rule: Rule, group: str, cause: Cause, old: Emitted | None, crossing: Crossing, roll: Roll
    ) -> None:
        status = status_of(crossing, 1 if old is None else old.revision + 1, rule.detector.timing, self.until)
        opened = self.noticed if old is None else old.crossing.facts[""][_OPENED]
        facts = {_CUSTOMERS: len(roll.customers(crossing)), _OPENED: opened}
        crossing = msgspec.structs.replace(crossing, facts={**crossing.facts, "": facts})
        if old is None:
            taken = [known.signal for known in cause.emitted]
            old = Emitted(signal_id(rule, group, crossing, taken), 0, status.value, crossing)
            cause.emitted.append(old)
        elif _is_known(old, crossing, status):
            old.crossing = crossing
            return
        old.status, old.crossing = status.value, crossing
        self._send(terms_of(rule), group, old, roll.first(crossing, MAX_LISTED), rule.spec.covers)

    def close(self, terms: Terms | None, group: str, cause: Cause) -> None:
        """Ends what a rule has open whose logic is another now, or that is gone, in the words that it had. Without them
        only the table of incidents is told."""
        for said in cause.emitted:
            if terms is not None and said.status not in FINAL:
                said.status = SignalStatus.EXPIRED.value
                self._send(terms, group, said, (), ())
            self.drop(said.signal)

    def drop(self, signal: str) -> None:
        """Nobody needs to know of an incident any more."""
        self._row(signal, None)

    def _send(
        self, terms: Terms, group: str, said: Emitted, affected: tuple[str, ...], covers: tuple[str, ...]
    ) -> None:
        said.revision += 1
        crossing = said.crossing
        own = {name: value for name, value in crossing.facts[""].items() if name != _OPENED}
        shown = Emitted(
            said.signal, said.revision, said.status,
            msgspec.structs.replace(crossing, facts={**crossing.facts, "": own}),
        )  # fmt: skip
        around = Surroundings(group, group, self.noticed, 0, self.provisional)
        signal = replace(self.builder.signal(terms, shown, around), scope=Scope.INCIDENT)
        self.out.send(SIGNALS, group.encode(), encode(signal))
        self._row(said.signal, encode(_incident(said, signal, affected, covers)))
        self.out.count(f"incidents.{said.status}")

    def _row(self, signal: str, row: bytes | None) -> None:
        """Each partition has the whole table, so that a shard reads its own and knows all incidents."""
        for partition in range(self.partitions):
            self.out.send(INCIDENTS, signal.encode(), row, partition=partition)


def _is_known(said: Emitted, crossing: Crossing, status: SignalStatus) -> bool:
    """Whether there is nothing new to say."""
    is_open, earlier = status in {SignalStatus.OPENED, SignalStatus.UPDATED}, said.crossing
    if is_open == (said.status in FINAL) or (not is_open and said.status != status.value):
        return False
    return (earlier.at, earlier.events, earlier.total, earlier.count, earlier.last, earlier.closed, earlier.facts) == (
        crossing.at, crossing.events, crossing.total, crossing.count, crossing.last, crossing.closed, crossing.facts,
    )  # fmt: skip


def _incident(said: Emitted, signal: Signal, affected: tuple[str, ...], covers: tuple[str, ...]) -> Incident:
    facts = said.crossing.facts[""]
    return Incident(
        incident_id=signal.signal_id,
        revision=signal.revision,
        status=signal.status,
        rule=signal.rule,
        rule_version=signal.rule_version,
        group=signal.group,
        party=signal.party,
        control=signal.control,
        severity=signal.severity,
        owner=signal.owner,
        covers=covers,
        customers=int(facts[_CUSTOMERS] or 0),
        affected=affected,
        first=from_ms(said.crossing.first),
        at=signal.at,
        last=from_ms(said.crossing.last),
        opened_at=from_ms(int(facts[_OPENED] or 0)),
        raised_at=signal.raised_at,
        evidence=signal.evidence,
    )


def foretold(builder: SignalBuilder, terms: Terms, known: Known, customer: str, told: Told, raised: int) -> Signal:
    """What is said of a customer whom an incident may reach next. It is no more than medium, however bad the incident
    is: nothing has happened to them yet. `raised` in milliseconds."""
    status = SignalStatus(told.status)
    party = known.group.partition(":")[2] if terms.per == "party" else terms.owner
    what = told.thing.replace(":", " ", 1).capitalize() if told.thing else "The customer"
    values: dict[str, Value] = {"incident": known.incident, "cause": known.group}
    if status is not SignalStatus.OPENED:
        values["closed_at"] = from_ms(raised).isoformat()
    return Signal(
        signal_id=named_id("exposed", terms.id, str(terms.version), customer, known.incident),
        revision=told.revision,
        status=status,
        rule=terms.id,
        rule_version=terms.version,
        polarity=Polarity.NEED,
        severity=Severity.LOW if terms.severity is Severity.LOW else Severity.MEDIUM,
        owner=terms.owner,
        control=builder.control(terms, party),
        stage=terms.stage,
        party=party,
        channel=None,
        customer=customer,
        group=told.thing or customer,
        at=from_ms(told.at),
        raised_at=from_ms(raised),
        evidence=f"{what} may be next: an incident stands since {shown_time(known.opened)} ({known.group})",
        action=terms.action,
        events=(told.event,),
        values=values,
        subjects=(told.thing,) if told.thing else (),
        ruleset=builder.ruleset,
    )
