"""What may be sent to whom and when: frozen, so that `decide` is a function of what it is handed."""

from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.outreach.quiet import QuietHours, zone_named, zone_of_country
from touchline.schemas.customer import Profile
from touchline.schemas.vocabulary import Channel


@dataclass(frozen=True, slots=True)
class Contact:
    """A message that went to a customer, `at` milliseconds since 1970 UTC. `observed`: only decided, never sent."""

    at: int
    rule: str
    observed: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of outreach. Lengths of time in milliseconds.

    `observe`: decide and record, deliver nothing. `hold_out`: the share of customers (0 to 1) who get no outreach in
    `experiment`. `cooldown`: between two messages of one rule to a customer. `cap`: at the most so many messages to a
    customer within any `cap_window`. `max_age`: an older signal is not written about. `zone`: where a recipient is
    whose own zone isn't known. `channels`: what may be used, best first.
    """

    observe: bool = True
    hold_out: float = 0.0
    experiment: str = "default"
    cooldown: int = 3 * DAY
    cap: int = 3
    cap_window: int = 7 * DAY
    max_age: int = 2 * DAY
    quiet: QuietHours | None = field(default_factory=lambda: QuietHours.parse("21:00", "08:00"))
    zone: tzinfo = UTC
    channels: tuple[Channel, ...] = (Channel.EMAIL, Channel.SMS, Channel.PUSH)

    @property
    def memory(self) -> int:
        """How long a contact matters."""
        return max(self.cooldown, self.cap_window)

    def zone_of(self, profile: Profile | None) -> tzinfo:
        """Where the recipient is: their own zone, else their country's where it has one time, else the default."""
        if profile is not None:
            zone = zone_named(profile.zone) if profile.zone else None
            if zone is None and profile.country:
                zone = zone_of_country(profile.country)
            if zone is not None:
                return zone
        return self.zone
