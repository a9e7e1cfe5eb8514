"""What came of an event."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Route


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it was refused: the code, the field (may be empty) and the message."""

    code: str
    field: str
    message: str


@dataclass(slots=True)
class Outcome:
    """Everything that came of one event; `touchpoint` and `refusal` are both None for a duplicate.

    `seconds`: from publishing to each of them, by name, when it was followed in a running environment.
    """

    touchpoint: EnrichedTouchpoint | None = None
    refusal: Refusal | None = None
    signals: list[Signal] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def duplicate(self) -> bool:
        """Whether it was seen before."""
        return self.touchpoint is None and self.refusal is None

    @property
    def undecided(self) -> Sequence[Signal]:
        """Signals without a decision."""
        decided = {decision.signal_id for decision in self.decisions}
        return [signal for signal in self.signals if signal.signal_id not in decided]

    @property
    def undelivered(self) -> Sequence[Decision]:
        """Decisions to write to a customer without a delivery of which something was heard."""
        heard = {delivery.decision_id for delivery in self.deliveries}
        messages = (d for d in self.decisions if d.outcome == "sent" and d.route is Route.CUSTOMER)
        return [d for d in messages if d.decision_id not in heard]
