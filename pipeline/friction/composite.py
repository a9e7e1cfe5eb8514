"""Signals of signals: true while signals of enough other rules stand at once.

What is kept are the *parts*: the signals of the rules that it names, each as it stands now. The crossings are reckoned
from all of them anew whenever one changes, so they are a function of the parts however these came about, and vanish
with a part that is retracted. A part before which nothing can come to light any more, and that belongs to no crossing
that may still change, is *settled*: what it did is done, and it only counts for those after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from touchline.pipeline.friction.positive import Timing
from touchline.pipeline.friction.state import FIRST, Crossing, Emitted, End, Item, Machine, Pending
from touchline.schemas.signal import MAX_EVIDENCE
from touchline.schemas.vocabulary import SignalStatus

MAX_PARTS: Final = 32
"""The most signals that one composite keeps of one group; the oldest is given up."""

_EVENTS: Final = 5
"""How many events of each signal are named."""

_LINKED: Final = 16
"""How many signals are named."""


_SETTLED: Final = -1
"""The deadline of a part that is settled; that of the others is their time."""


def part_of(said: Emitted, rule: str, number: int) -> Pending:
    """A signal as a part. `number`: the place of its rule in the composite. Its time is that of its crossing, `closed`
    when it was resolved."""
    crossing = said.crossing
    item = Item(
        crossing.at, 0, number, said.signal, rule, FIRST << number, crossing.party, crossing.channel,
        {"events": "\n".join(crossing.events[-_EVENTS:])},
    )  # fmt: skip
    resolved = said.status == SignalStatus.RESOLVED.value
    return Pending(item, crossing.at, crossing.closed if resolved else 0)


@dataclass(slots=True)
class _Standing:
    """A crossing as it is reckoned: its parts, the first `opening` of which made it true."""

    parts: list[Pending]
    opening: int
    at: int

    @property
    def last(self) -> int:
        return self.parts[-1].item.at

    def closed(self, least: int) -> int | None:
        """When so many rules had all of their signals resolved that fewer than `least` were left."""
        ends: dict[str, int] = {}
        for part in self.parts:
            rule, before = part.item.source, ends.get(part.item.source)
            ends[rule] = 0 if before == 0 or part.closed == 0 else max(before or 0, part.closed)
        over = sorted(end for end in ends.values() if end)
        spare = len(ends) - least
        return over[spare] if len(over) > spare else None


@dataclass(frozen=True, slots=True)
class CompositeDetector:
    """True while signals of at least `at_least` of the rules stand, begun within the closed window; a resolved signal
    stands no more. `slack`: how much later than its own time a part may come to light, in milliseconds."""

    timing: Timing
    rules: tuple[str, ...]
    at_least: int
    slack: int = field(default=1)

    def told(self, machine: Machine, part: Pending, horizon: int, *, gone: bool) -> Machine:
        """The state after a part was opened, changed or resolved, or is gone: retracted. One that is not kept any more
        and out of reach says nothing."""
        signal = part.item.event
        known = next((p for p in machine.pending if p.item.event == signal), None)
        if known is not None and not gone and (known.item, known.closed) == (part.item, part.closed):
            return machine
        if known is None and (gone or self._out_of_reach(part, horizon)):
            return machine
        kept = [p for p in machine.pending if p is not known]
        if known is not None and known.deadline == _SETTLED:
            part = replace(part, deadline=_SETTLED)
        if not gone:
            kept = sorted([*kept, part], key=lambda p: p.item.key)
        more = max(len(kept) - MAX_PARTS, 0)
        return replace(machine, pending=tuple(kept[more:]), evicted=machine.evicted + more)

    def _out_of_reach(self, part: Pending, horizon: int) -> bool:
        return part.item.at + self.timing.within + self.slack < horizon

    def step(self, machine: Machine, item: Item) -> Machine:
        """No event concerns it."""
        return machine

    def late(self, machine: Machine, item: Item) -> Machine:
        """No event concerns it."""
        return machine

    def crossings(self, machine: Machine, watermark: int | None) -> Sequence[Crossing]:
        """What the parts say."""
        return [self._crossing(standing) for standing in self._walked(machine)]

    def _walked(self, machine: Machine) -> list[_Standing]:
        found: list[_Standing] = []
        opened, parts = machine.last_open, machine.pending
        for number, part in enumerate(parts):
            if part.deadline == _SETTLED:
                continue
            at = part.item.at
            since = at - self.timing.within
            before = [p for p in parts[:number] if p.item.at >= since and not 0 < p.closed <= at]
            if not self._holds([*before, part]):
                continue
            held = self._holds(before)
            cool = opened is None or not 0 <= at - opened < self.timing.cooldown
            if found and self._stands(found[-1], at) and (held or not cool):
                found[-1].parts.append(part)
            elif cool and not held:
                found.append(_Standing([*before, part], len(before) + 1, at))
                opened = at
        return found

    def _holds(self, parts: Sequence[Pending]) -> bool:
        return len({part.item.source for part in parts}) >= self.at_least

    def _stands(self, standing: _Standing, at: int) -> bool:
        """Whether it had neither been resolved nor expired by then."""
        closed = standing.closed(self.at_least)
        return at <= standing.last + self.timing.expires and (closed is None or closed > at)

    def _crossing(self, standing: _Standing) -> Crossing:
        parts, newest = standing.parts, standing.parts[-1].item
        events = list(dict.fromkeys(e for part in parts for e in str(part.item.facts["events"]).split("\n")))
        present = {part.item.source for part in parts}
        closed = standing.closed(self.at_least)
        resolved = closed is not None and closed <= standing.last + self.timing.expires
        told = {
            "rules": ", ".join(rule for rule in self.rules if rule in present),
            "signals": ", ".join(part.item.event for part in parts[-_LINKED:]),
        }
        return Crossing(
            at=standing.at, first=parts[0].item.at,
            anchors=tuple(part.item.event for part in parts[: standing.opening]), events=tuple(events[-MAX_EVIDENCE:]),
            total=len(events), count=len(parts), last=newest.at, party=newest.party, channel=newest.channel,
            facts={"": {**told}}, over=resolved, end=End.RESOLVED if resolved else End.OPEN,
            closed=closed if resolved and closed is not None else 0,
        )  # fmt: skip

    def next_due(self, machine: Machine, watermark: int | None) -> int | None:
        """Nothing opens by time alone."""
        return None

    def forget(self, machine: Machine, done: frozenset[tuple[str, ...]], watermark: int) -> Machine:
        """Settles the parts of what is done, and those that are part of nothing and before which nothing more can come;
        lets go of the settled ones that count for nothing any more."""
        if not machine.pending:
            return machine
        walked = self._walked(machine)
        over = [s for s in walked if tuple(p.item.event for p in s.parts[: s.opening]) in done]
        ended = {p.item.event for s in over for p in s.parts}
        needed = {p.item.event for s in walked if s not in over for p in s.parts}
        parts = [
            replace(p, deadline=_SETTLED)
            if p.item.event not in needed and (p.item.event in ended or p.item.at + self.slack < watermark)
            else p
            for p in machine.pending
        ]
        live = [p.item.at for p in parts if p.deadline != _SETTLED]
        kept = tuple(
            p for p in parts
            if p.deadline != _SETTLED or not self._out_of_reach(p, watermark)
            or any(p.item.at <= at <= p.item.at + self.timing.within for at in live)
        )  # fmt: skip
        if kept == machine.pending:
            return machine
        opened = [s.at for s in over] if machine.last_open is None else [machine.last_open, *(s.at for s in over)]
        return replace(machine, pending=kept, last_open=max(opened, default=None))

    def idle(self, machine: Machine, horizon: int) -> bool:
        """Nothing is kept, no cooldown runs."""
        return not machine.pending and (machine.last_open is None or machine.last_open + self.timing.cooldown < horizon)
