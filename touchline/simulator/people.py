"""The customers of the simulated shop. Addresses and numbers come from ranges that are reserved for fiction."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from touchline.pipeline.engine.clock import HOUR, SECOND


@dataclass(frozen=True, slots=True)
class Region:
    """Where customers live. `phone` is a range for fiction: `numbers` of them, filled into the pattern."""

    country: str
    locale: str
    zone: str
    phone: str
    numbers: int
    weight: int


REGIONS = (
    Region("GB", "en-GB", "Europe/London", "+447700900{:03d}", 1_000, 5),  # Ofcom: numbers for drama
    Region("US", "en-US", "America/New_York", "+120255501{:02d}", 100, 3),  # NANPA: 555-0100 to 555-0199
    Region("US", "en-US", "America/Los_Angeles", "+121355501{:02d}", 100, 2),
    Region("FR", "fr-FR", "Europe/Paris", "+3363998{:04d}", 10_000, 2),  # ARCEP: 06 39 98, audiovisual works
    Region("DE", "de-DE", "Europe/Berlin", "+493023125{:03d}", 1_000, 2),  # Bundesnetzagentur: 030 23125 for media
)
_WEIGHTS = [region.weight for region in REGIONS]
_PREFERENCES = ("email", "sms", "push", None)


@dataclass(frozen=True, slots=True)
class Person:
    """One customer. `offset` is their zone's, in milliseconds; `patience` from 0 to 1 lowers their complaints."""

    index: int
    customer_id: str
    region: Region
    offset: int
    phone: str
    preferred: str | None
    uses_app: bool
    has_device: bool
    subscribes: bool
    is_new: bool
    service_opt_out: bool
    marketing: bool
    patience: float
    value: int

    @property
    def email(self) -> str:
        """Their address at a domain that is reserved for examples."""
        return f"{self.customer_id}@example.com"


def random_of(*parts: object) -> Random:
    """A random source that depends on its parts alone."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - a simulation wants to be repeatable


def person_of(index: int, seed: int, start: datetime) -> Person:
    """The customer of that number, the same for the same seed and start."""
    random = random_of(seed, "person", index)
    region = random.choices(REGIONS, _WEIGHTS)[0]
    uses_app = random.random() < 0.55
    return Person(
        index=index,
        customer_id=f"c-{index:06d}",
        region=region,
        offset=_offset(region.zone, start),
        phone=region.phone.format(random.randrange(region.numbers)),
        preferred=random.choices(_PREFERENCES, (5, 2, 2 if uses_app else 0, 3))[0],
        uses_app=uses_app,
        has_device=random.random() < 0.35,
        subscribes=random.random() < 0.30,
        is_new=random.random() < 0.10,
        service_opt_out=random.random() < 0.04,
        marketing=random.random() < 0.45,
        patience=random.betavariate(2, 3),
        value=round(random.lognormvariate(5.2, 0.9)),
    )


@lru_cache(maxsize=64)
def _offset(zone: str, start: datetime) -> int:
    offset = start.astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if offset is None else round(offset.total_seconds()) * SECOND


def local_moment(random: Random, person: Person, day: int) -> int:
    """A moment of that day (milliseconds of its midnight in UTC) at which this customer is up, most often evenings."""
    return day + int(random.triangular(7, 23, 18.5) * HOUR) - person.offset
