"""What is given out in portions: the turns of plans, and the messages of the ramp, as one shard has used them."""

from dataclasses import dataclass
from typing import Final

from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.outreach.pace import Taken, Turns, day_of, share_of
from touchline.pipeline.outreach.plan import Plan, Switches
from touchline.pipeline.outreach.state import OutreachState

_FORGOTTEN: Final = 3 * DAY
"""How long the turns of a plan, and a day of the ramp, are known after they were used last."""

_NONE: Final[Taken] = []


@dataclass(frozen=True, slots=True)
class Rations:
    """One shard's. Times in milliseconds since 1970 UTC."""

    state: OutreachState
    partition: int
    partitions: int

    def turns(self, plan: Plan) -> Turns | None:
        """The shard's turns of a plan, None for one without a pace."""
        return Turns(plan.pace, self.partition, self.partitions) if plan.pace else None

    def taken(self, plan: Plan, at: int) -> Taken:
        """Those that are taken."""
        return (self.state.turns.get(_name(plan), self._latest(at)) or _NONE) if plan.pace else _NONE

    def take_turn(self, plan: Plan, turns: Turns, waited: int | None, turn: int | None) -> None:
        """Takes the turn that a message waits for from now on, or that it uses without having `waited` for it."""
        if turn is None or turn == waited:
            return
        now = self.state.clock.value.at
        taken = turns.take(self.taken(plan, turn), turn, min(now, turn))
        self.state.turns.put(_name(plan), taken, expires=max(now, turn) + _FORGOTTEN)

    def ramp_left(self, switches: Switches, at: int) -> bool:
        """Whether the ramp lets another message through on that day."""
        whole = ramp_on(switches, at)
        if whole is None:
            return True
        share = share_of(day_of(at, switches.ramp_from), whole, self.partition, self.partitions)
        return self._sent(switches, at) < share

    def count(self, switches: Switches, at: int) -> None:
        """A message goes out."""
        if switches.ramp:
            expires = self._latest(at) + _FORGOTTEN
            self.state.ramp.put(_day(switches, at), self._sent(switches, at) + 1, expires=expires)

    def _sent(self, switches: Switches, at: int) -> int:
        return self.state.ramp.get(_day(switches, at), self._latest(at)) or 0

    def _latest(self, at: int) -> int:
        return max(at, self.state.clock.value.at)


def ramp_on(switches: Switches, at: int) -> int | None:
    """So many messages in all the ramp lets through on that day, 0 before its first one; None without a ramp."""
    if not switches.ramp:
        return None
    day = day_of(at, switches.ramp_from)
    return 0 if day < 0 else switches.ramp[min(day, len(switches.ramp) - 1)]


def _name(plan: Plan) -> str:
    return f"{plan.id} {plan.pace}"


def _day(switches: Switches, at: int) -> str:
    return f"{switches.ramp_from} {day_of(at, switches.ramp_from)}"
