"""Settings of the desk: how queues are run, and how departments and partners are told of their signals."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from touchline.agents.section import Section, ZoneName
from touchline.schemas.types import Duration, Name
from touchline.schemas.vocabulary import Severity

_ADDRESS: Final = re.compile(r"[^\s@<>,;\x00-\x1f\x7f]+@[^\s@<>,;\x00-\x1f\x7f]+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}")


class DeskSettings(Section):
    """Queues. `most_waiting` and `due` hold where a queue says nothing of its own. A task gains a point of priority for
    each `aging` that it waits; one that is open for `keep` after it was due expires."""

    most_waiting: Annotated[int, Field(ge=1, le=5_000)] = 500
    due: Annotated[Duration, Field(ge=60_000)] = 8 * 3_600_000
    aging: Annotated[Duration, Field(ge=1_000)] = 6 * 60_000
    keep: Annotated[Duration, Field(ge=3_600_000)] = 7 * 86_400_000


class OwnerSettings(Section):
    """How a department or a partner is told. `to`: an e-mail address, or the name of a webhook; empty where `means` is
    `queue`: then the notice is on the topic `outreach.notices` alone. `at`: when a digest goes out in `zone`, of which
    only the minutes count where it goes out every hour. `budget`: the most signals a day that are told at once or in
    detail; critical ones are told beyond it. `least`: the least severity that is told at all."""

    means: Literal["email", "webhook", "queue"] = "queue"
    to: Annotated[str, Field(max_length=256)] = ""
    when: Literal["at_once", "digest"] = "at_once"
    every: Literal["day", "hour"] = "day"
    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"
    zone: ZoneName = "UTC"
    budget: Annotated[int, Field(ge=0, le=10_000)] = 50
    least: Severity = Severity.LOW

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.means == "email" and not _ADDRESS.fullmatch(self.to):
            raise ValueError("`means: email` needs one address in `to`, such as logistics@example.com")
        if self.means == "webhook" and not _NAME.fullmatch(self.to):
            raise ValueError("`means: webhook` needs the name of a webhook in `to`")
        if self.means == "queue" and self.to:
            raise ValueError("`means: queue` goes to the topic outreach.notices alone: leave `to` out")
        return self


Owners = Annotated[dict[Name, OwnerSettings], Field(max_length=1_000)]
"""By the name of a department or a partner."""
