"""The detectors of a rule file that reckon with numbers: sum, average, percentile, ratio, score."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from touchline.schemas.rulepatterns import CONFIG, LARGEST, Alias, EventPattern, Kinds, PositiveLength, Where, as_list
from touchline.schemas.types import Name


def _share(value: object) -> object:
    if isinstance(value, int | float) and not 0 <= value <= 1:
        raise ValueError(f"{value!r} is no share: write 0.6 for 60 %")
    return value


Amount = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
"""A number to compare with; it counts to six decimal places."""

Share = Annotated[float, BeforeValidator(_share), Field(strict=True, ge=0, le=1)]
"""A part of a whole, 0.6 for 60 %."""

MinEvents = Annotated[int, Field(strict=True, ge=1, le=50)]
"""Of fewer events nothing is said."""


def _one_limit(at_least: float | None, at_most: float | None) -> None:
    if (at_least is None) == (at_most is None):
        raise ValueError("needs one threshold: at_least or at_most")


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Sum(EventPattern):
    """True while the sum of the field `value` over the closed window is at least (or at most) the threshold and at
    least `min_events` events lie in it. An event without a number there does not count."""

    value: Name
    at_least: Amount | None = None
    at_most: Amount | None = None
    min_events: MinEvents = 1
    within: PositiveLength

    @model_validator(mode="after")
    def _limit(self) -> Self:
        _one_limit(self.at_least, self.at_most)
        return self


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Average(EventPattern):
    """True while the average of the field `value` over the closed window is at least (or at most) the threshold and at
    least `min_events` events lie in it. An event without a number there does not count."""

    value: Name
    at_least: Amount | None = None
    at_most: Amount | None = None
    min_events: MinEvents
    within: PositiveLength

    @model_validator(mode="after")
    def _limit(self) -> Self:
        _one_limit(self.at_least, self.at_most)
        return self


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Percentile(Average):
    """The same of the `p`-th percentile: the least value in the window that `p` per cent of the values don't exceed.
    `p: 50` is the median."""

    p: Annotated[int, Field(strict=True, ge=1, le=99)]


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Ratio:
    """True while the share of the events that fit `part` among those that fit `of` in the closed window is at least (or
    at most) the threshold and at least `min_events` events that fit `of` lie in it."""

    of: EventPattern
    part: EventPattern
    at_least: Annotated[Share, Field(gt=0)] | None = None
    at_most: Annotated[Share, Field(lt=1)] | None = None
    min_events: MinEvents
    within: PositiveLength

    @model_validator(mode="after")
    def _limit(self) -> Self:
        _one_limit(self.at_least, self.at_most)
        return self


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Points:
    """What an event adds to the score; below zero for what is bad."""

    event: Kinds
    where: Where | None = None
    points: Annotated[float, Field(strict=True, ge=-1_000_000, le=1_000_000, allow_inf_nan=False)]


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Score:
    """Points that fade: after `half_life` half of them are left. `exponential` goes on halving; `linear` has nothing
    left after two half-lives. True from the event on that brings the score below `below`, until an event finds it above
    `rearm_above`; or the other way round with `above` and `rearm_below`. A score begins at 0."""

    points: Annotated[tuple[Points, ...], BeforeValidator(as_list), Field(min_length=1, max_length=16)]
    half_life: PositiveLength
    decay: Literal["exponential", "linear"] = "exponential"
    below: Amount | None = None
    rearm_above: Amount | None = None
    above: Amount | None = None
    rearm_below: Amount | None = None
    as_: Annotated[Alias | None, Field(alias="as")] = None

    @model_validator(mode="after")
    def _limit(self) -> Self:
        if (self.below is None) == (self.above is None):
            raise ValueError("needs one threshold: below or above")
        if self.below is not None:
            self._checked("below", "rearm_above", self.below, self.rearm_above, self.rearm_below)
            reached = self.below > 0 or any(p.points < 0 for p in self.points)
        else:
            above = self.above or 0.0
            self._checked("above", "rearm_below", -above, _minus(self.rearm_below), self.rearm_above)
            reached = above < 0 or any(p.points > 0 for p in self.points)
        if not reached:
            raise ValueError("no points lead there, so it would never be true")
        return self

    @staticmethod
    def _checked(name: str, rearm: str, limit: float, back: float | None, other: float | None) -> None:
        if other is not None:
            raise ValueError(f'"{name}" goes with {rearm}')
        if back is not None and back < limit:
            raise ValueError(f"{rearm} lies on the wrong side of {name}")
