"""What a signal should come before: complaints, or bad scores where the data holds no complaint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from touchline.report.figures import Outcomes
from touchline.report.reading import Reading

BAD_SCORE: Final = 2
"""A csat score of this or less is a bad one."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What counts as an outcome: the kinds of complaints, or bad scores."""

    complaints: tuple[str, ...]
    scores: bool

    @property
    def name(self) -> Outcomes:
        """In words."""
        return Outcomes.BAD_SCORES if self.scores else Outcomes.COMPLAINTS

    @property
    def parameters(self) -> dict[str, object]:
        """For the queries."""
        return {"complaints": self.complaints, "scores": int(self.scores)}

    def is_one(self, kind: str, score: float | None) -> bool:
        """Whether a touchpoint is such an outcome."""
        return kind in self.complaints or (self.scores and score is not None and score <= BAD_SCORE)


def looked_for(reading: Reading, complaints: Sequence[str]) -> Looked:
    """Complaints when there are any of these kinds, else bad scores."""
    kinds = tuple(complaints)
    return Looked(kinds, scores=reading.row("complaints", complaints=kinds)[0] == 0)
