"""A cause after some candidates in their order: what the detector knows, and the customers of each incident."""

from typing import Final

import msgspec

from touchline.pipeline.friction.affected import AffectedDetector
from touchline.pipeline.friction.state import CLOSING, EMPTY, Crossing, End, Item, Machine

WITHDRAWN: Final = 1 << 24
"""The role of a signal that was retracted when others could no longer come before it: then it stops counting."""

MAX_AFFECTED: Final = 2_000
"""The most customers of one incident that are told apart."""

_MAX_SIGNALS: Final = 16


class Mark(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One customer of an incident: the time of the first item, and which signals count, where signals do."""

    first: int
    signals: tuple[str, ...] = ()


class Roll(msgspec.Struct, array_like=True, gc=False):
    """The state, which is a function of the candidates in their order. `affected`: by incident, then by customer.

    A customer is affected when they were in the window at a moment at which the incident's condition was true."""

    machine: Machine = EMPTY
    affected: dict[str, dict[str, Mark]] = msgspec.field(default_factory=dict)

    def copy(self) -> "Roll":
        """One that may go its own way."""
        return Roll(self.machine, {name: dict(customers) for name, customers in self.affected.items()})

    def step(self, detector: AffectedDetector, item: Item) -> None:
        """Takes in the next candidate."""
        if item.roles & WITHDRAWN:
            self._withdraw(detector, item)
            return
        before = self.machine
        after = self.machine = detector.step(before, item)
        if after.crossings is before.crossings or not after.crossings or not item.roles & ~CLOSING:
            return
        newest = after.crossings[-1]
        if newest.end is not End.OPEN or newest.over or newest.last != item.at:
            return
        name = name_of(newest)
        known = self.affected.get(name)
        if known is not None and before.crossings and before.crossings[-1] is newest:
            return
        if known is None or not detector.is_true(before):
            known = self.affected.setdefault(name, {})
            for one in after.window:
                _add(known, one, detector)
        else:
            _add(known, item, detector)

    def _withdraw(self, detector: AffectedDetector, item: Item) -> None:
        """A signal was none. An incident that is left with too few customers was none either, unless it had ended."""
        self.machine = detector.forget(self.machine, frozenset(), item.at)
        gone = []
        for crossing in self.machine.crossings:
            customers = self.affected.get(name_of(crossing), {})
            mark = customers.get(item.source)
            if crossing.end is not End.OPEN or mark is None or item.event not in mark.signals:
                continue
            left = tuple(signal for signal in mark.signals if signal != item.event)
            if left:
                customers[item.source] = Mark(mark.first, left)
                continue
            del customers[item.source]
            if len(customers) < detector.customers:
                gone.append(crossing.anchors)
        self.machine = detector.withdraw(self.machine, item, frozenset(gone))
        self._tidy()

    def forget(self, detector: AffectedDetector, done: frozenset[tuple[str, ...]], horizon: int) -> None:
        """Lets go of the crossings with these anchors."""
        self.machine = detector.forget(self.machine, done, horizon)
        self._tidy()

    def _tidy(self) -> None:
        if self.affected:
            names = {name_of(crossing) for crossing in self.machine.crossings}
            self.affected = {name: customers for name, customers in self.affected.items() if name in names}

    def customers(self, crossing: Crossing) -> dict[str, Mark]:
        """Those of an incident."""
        return self.affected.get(name_of(crossing), {})

    def first(self, crossing: Crossing, most: int) -> tuple[str, ...]:
        """The customers of an incident in order of time, at most so many."""
        customers = self.customers(crossing)
        return tuple(sorted(customers, key=lambda customer: (customers[customer].first, customer))[:most])


def name_of(crossing: Crossing) -> str:
    """Tells the crossings of one cause apart."""
    return f"{crossing.at} {crossing.anchors[-1]}"


def _add(customers: dict[str, Mark], item: Item, detector: AffectedDetector) -> None:
    known = customers.get(item.source)
    if known is None:
        if len(customers) < MAX_AFFECTED:
            customers[item.source] = Mark(item.at, (item.event,) if detector.by_signal else ())
    elif detector.by_signal and item.event not in known.signals:
        signals = (*known.signals, item.event)[-_MAX_SIGNALS:]
        customers[item.source] = Mark(known.first, signals)
