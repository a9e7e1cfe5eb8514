"""Which signals a program wants to hear of."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Polarity, Severity, SignalStatus
from touchline.schemas.wording import did_you_mean

W = TypeVar("W", bound=StrEnum)

Words = str | Iterable[str]
"""One word, or several."""

_LEVELS: Final = {severity: level for level, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFilter:
    """Lets a signal through when it fits all that is said. `severity`: that one or a worse one. Of the others each may
    be one word or several, of which one must fit; nothing said lets everything through.

    ``SignalFilter(severity="high", owner=("logistics", "service"), status="opened")``

    Raises: ValueError for a severity, polarity or status that there is not.
    """

    rule: Words = ()
    severity: str | None = None
    owner: Words = ()
    party: Words = ()
    polarity: Words = ()
    status: Words = ()
    _least: int = field(init=False, repr=False)
    _wanted: tuple[tuple[str, frozenset[str]], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Reads the words."""
        wanted = {
            "rule": _several(self.rule),
            "owner": _several(self.owner),
            "party": _several(self.party),
            "polarity": _known("polarity", self.polarity, Polarity),
            "status": _known("status", self.status, SignalStatus),
        }
        (least,) = _known("severity", self.severity or Severity.LOW, Severity)
        object.__setattr__(self, "_least", _LEVELS[Severity(least)])
        object.__setattr__(self, "_wanted", tuple((name, words) for name, words in wanted.items() if words))

    def __bool__(self) -> bool:
        """Whether it keeps anything back."""
        return bool(self._wanted) or self._least > 0

    def fits(self, signal: Signal) -> bool:
        """Whether the signal is let through."""
        return _LEVELS[signal.severity] >= self._least and all(
            getattr(signal, name) in words for name, words in self._wanted
        )


def _several(words: Words) -> frozenset[str]:
    return frozenset((words,) if isinstance(words, str) else words)


def _known(name: str, words: Words, kind: type[W]) -> frozenset[str]:
    found = _several(words)
    for word in sorted(found):
        if word not in list(kind):
            hint = did_you_mean(word, kind) or f": it is one of {', '.join(kind)}"
            raise ValueError(f'there is no {name} "{word}"{hint}')
    return found


EVERY: Final = SignalFilter()
"""Lets everything through."""
