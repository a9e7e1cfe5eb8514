"""What should have followed and did not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as dataclass_replace
from typing import Final, Self

from msgspec.structs import replace

from touchline.pipeline.friction.code import Pairing, Unknown
from touchline.pipeline.friction.deadline import Deadline
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.positive import Timing
from touchline.pipeline.friction.state import (
    CONTEXT,
    EXPECT,
    FIRST,
    RESOLVE,
    UNLESS,
    Crossing,
    End,
    Item,
    Machine,
    Pending,
)
from touchline.schemas.signal import MAX_EVIDENCE

MAX_PENDING: Final = 32
"""The most expectations that one rule has of one group; the oldest is given up."""


@dataclass(frozen=True, slots=True)
class AbsenceDetector:
    """Each `after` event begins an expectation with a deadline of its own.

    It is met by what is expected, or put off by `unless`, after the event and up to the deadline; else it opens with
    the deadline as its time once the watermark has passed the deadline and `grace`. What is expected and comes after
    the deadline resolves it, and so does `resolve`. Closing events look for the expectations that they belong to by
    their own time, so they may be applied at any time: that is what a late one does.
    """

    timing: Timing
    alias: str
    context: str
    deadline: Deadline
    expects: Pairing | None
    unknown: Unknown = field(compare=False)
    captures: frozenset[str] = field(default=frozenset(), kw_only=True)

    def keeping(self, captures: frozenset[str]) -> Self:
        """Others may ask for more of an event."""
        return dataclass_replace(self, captures=captures)

    def waits(self, machine: Machine, waiting: int, item: Item) -> bool:
        """What may end an expectation, while there is none."""
        return not machine.pending and not item.roles & FIRST

    def step(self, machine: Machine, item: Item) -> Machine:
        """Closes what the event closes, then begins what it begins."""
        pending = machine.pending
        if pending and item.roles != FIRST:
            kept = tuple([p for p in [self._closed(p, item) for p in pending] if p is not None])
            if kept != pending:
                pending, machine = kept, _with(machine, kept, machine.evicted)
        if item.roles & FIRST:
            due = self.deadline.of(item, self.unknown)
            if due is not None:
                begun, evicted = (*pending, Pending(item, due)), machine.evicted
                if len(begun) > MAX_PENDING:
                    begun, evicted = begun[1:], evicted + 1
                machine = _with(machine, begun, evicted)
        return machine

    def late(self, machine: Machine, item: Item) -> Machine:
        """The same: an event that happened before the deadline counts whenever it comes. At the very time of the event
        that began it, nobody can say any more which came first: then it does not count."""
        apart = tuple(p for p in machine.pending if p.item.at == item.at)
        if not apart:
            return self.step(machine, item)
        rest = self.step(replace(machine, pending=tuple(p for p in machine.pending if p.item.at != item.at)), item)
        return replace(rest, pending=tuple(sorted((*rest.pending, *apart), key=lambda p: p.item.key)))

    def _closed(self, pending: Pending, item: Item) -> Pending | None:
        began = pending.item
        if item.at < began.at or (item.at == began.at and item.key < began.key):
            return pending
        in_time = item.at <= pending.deadline
        if item.roles & EXPECT and self._expected(pending, item):
            if in_time:
                return None
            pending = self._ended(pending, item)
        if item.roles & UNLESS and in_time:
            return None
        if item.roles & RESOLVE and not in_time:
            pending = self._ended(pending, item)
        if item.roles & CONTEXT and in_time and (pending.context is None or pending.context.key < item.key):
            pending = replace(pending, context=item)
        return pending

    def _ended(self, pending: Pending, item: Item) -> Pending:
        if 0 < pending.closed <= item.at or item.at > pending.deadline + self.timing.expires:
            return pending
        return replace(pending, closed=item.at)

    def _expected(self, pending: Pending, item: Item) -> bool:
        if self.expects is None:
            return True
        return self.expects(item.facts, {self.alias: pending.item.facts}, self.unknown)

    def crossings(self, machine: Machine, watermark: int | None) -> Sequence[Crossing]:
        """Expectations that were not met, those within a cooldown taken together."""
        if watermark is None or not machine.pending:
            return ()
        return self._walked(machine, watermark)[0]

    def _walked(self, machine: Machine, watermark: int) -> tuple[list[Crossing], list[tuple[Pending, int | None]]]:
        """The crossings, and for each expectation that was not met which of them it is part of; None: of none, for it
        fell into the cooldown of one that had ended."""
        found: list[Crossing] = []
        parts: list[tuple[Pending, int | None]] = []
        latest = watermark - self.timing.grace
        fired = [p for p in machine.pending if p.deadline < latest]
        if not fired:
            return found, parts
        opened = machine.last_open
        for pending in sorted(fired, key=lambda p: (p.deadline, p.item.key)):
            if opened is None or not 0 <= pending.deadline - opened < self.timing.cooldown:
                found.append(self._crossing(pending))
                opened = pending.deadline
            elif found and self._stands(found[-1], pending.deadline):
                found[-1] = self._joined(found[-1], pending)
            else:
                parts.append((pending, None))
                continue
            parts.append((pending, len(found) - 1))
        return found, parts

    def _stands(self, crossing: Crossing, at: int) -> bool:
        """Whether it had neither ended nor expired by then."""
        return at <= crossing.last + self.timing.expires and (crossing.end is End.OPEN or crossing.closed > at)

    def _crossing(self, pending: Pending) -> Crossing:
        item, context = pending.item, pending.context
        facts: dict[str, dict[str, Value]] = {self.alias: self._kept(item), "": {"deadline": pending.deadline}}
        if context is not None and self.context:
            facts[self.context] = self._kept(context)
        newest = context or item
        return Crossing(
            at=pending.deadline, first=item.at, anchors=(item.event,),
            events=(item.event,) if context is None else (item.event, context.event),
            total=1 if context is None else 2, count=1, last=pending.deadline, party=newest.party,
            channel=newest.channel, facts=facts, over=pending.closed > 0,
            end=End.RESOLVED if pending.closed else End.OPEN, closed=pending.closed,
        )  # fmt: skip

    def _kept(self, item: Item) -> dict[str, Value]:
        return {name: value for name, value in item.facts.items() if name in self.captures}

    @staticmethod
    def _joined(crossing: Crossing, pending: Pending) -> Crossing:
        about = (pending.item.event,) if pending.context is None else (pending.item.event, pending.context.event)
        new = tuple(event for event in about if event not in crossing.events)
        return replace(
            crossing,
            events=(crossing.events + new)[:MAX_EVIDENCE],
            total=crossing.total + len(new),
            count=crossing.count + 1,
            last=pending.deadline,
        )

    def next_due(self, machine: Machine, watermark: int | None) -> int | None:
        """When the next deadline and its grace have passed."""
        passed = -1 if watermark is None else watermark
        least = None
        for pending in machine.pending:
            due = pending.deadline + self.timing.grace + 1
            if due > passed and (least is None or due < least):
                least = due
        return least

    def forget(self, machine: Machine, done: frozenset[tuple[str, ...]], watermark: int) -> Machine:
        """Without what is done, and without what is part of no crossing."""
        if not machine.pending:
            return machine
        found, parts = self._walked(machine, watermark)
        over = {number for number, crossing in enumerate(found) if crossing.anchors in done}
        gone = [pending for pending, number in parts if number is None or number in over]
        if not gone:
            return machine
        opened = [found[number].at for number in over]
        if machine.last_open is not None:
            opened.append(machine.last_open)
        kept = tuple(p for p in machine.pending if p not in gone)
        return replace(machine, pending=kept, last_open=max(opened, default=None))

    def idle(self, machine: Machine, horizon: int) -> bool:
        """Nothing is expected or open, no cooldown runs."""
        return not machine.pending and (machine.last_open is None or machine.last_open + self.timing.cooldown < horizon)


def _with(machine: Machine, pending: tuple[Pending, ...], evicted: int) -> Machine:
    """An absence has nothing else in its state."""
    return Machine(last_open=machine.last_open, pending=pending, evicted=evicted)
