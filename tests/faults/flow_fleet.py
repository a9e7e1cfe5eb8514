"""Two workers of each agent, what is done to them, and the record of it."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final, Self

from tests.faults.flow_process import COMMITTED, REFUSED, STOP, work
from tests.faults.hooks import KILL
from touchline.agents.settings import Settings

_DRAIN: Final = 30.0

# Importing takes most of a start: it is done once, in the server that the processes are forked from.
_PROCESSES: Final = multiprocessing.get_context("forkserver")

WENT_THROUGH: Final = "then its commit went through"


class Blow(StrEnum):
    """What happens to a worker."""

    KILL = "killed wherever it was"
    KILL_INSIDE = "killed inside a transaction"
    STOP_INSIDE = "stopped inside a transaction beyond its session"


@dataclass(frozen=True, slots=True)
class Plan:
    """A blow once a share of all facts is committed, to a worker of one agent (None: whoever commits next)."""

    share: float
    blow: Blow
    agent: str | None


@dataclass(frozen=True, slots=True)
class Wound:
    """What happened: seconds since the start, how many facts were committed then, to which process."""

    seconds: float
    committed: int
    blow: Blow
    agent: str
    pid: int
    ended: str = ""

    def __str__(self) -> str:
        """One line of the record."""
        end = f", {self.ended}" if self.ended else ""
        return f"{self.seconds:7.1f} s, {self.committed:9,} facts: {self.agent} (pid {self.pid}) {self.blow}{end}"


@dataclass
class Member:
    """A worker: its process now, and its log."""

    agent: str
    log: Path
    process: ForkServerProcess
    asleep: bool = False


@dataclass
class Crew:
    """Worker processes by agent. What dies is started again by `heal`; all are ended with the block."""

    settings: Settings
    folder: Path
    workers: Mapping[str, int]
    wounds: list[Wound] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    exits: list[tuple[str, int]] = field(default_factory=list)
    _by_pid: dict[int, Member] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Starts all."""
        self.orders.mkdir(parents=True, exist_ok=True)
        _PROCESSES.set_forkserver_preload([work.__module__, *(f"touchline.agents.{agent}" for agent in self.workers)])
        for agent, count in self.workers.items():
            for number in range(count):
                log = self.folder / f"{agent}-{number}.log"
                member = Member(agent, log, self._start(agent, log))
                self.members.append(member)
                self._by_pid[member.process.pid or 0] = member
        self._started = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends what still runs."""
        for member in self.members:
            member.process.kill()
            member.process.join()

    @property
    def orders(self) -> Path:
        """Where orders to processes lie."""
        return self.folder / "orders"

    def _start(self, agent: str, log: Path) -> ForkServerProcess:
        process = _PROCESSES.Process(target=work, args=(self.settings, agent, log, self.orders), name=agent)
        process.start()
        return process

    def heal(self) -> None:
        """Starts again what has ended."""
        for member in self.members:
            code = member.process.exitcode
            if code is not None:
                self.exits.append((member.agent, code))
                member.process = self._start(member.agent, member.log)
                self._by_pid[member.process.pid or 0] = member

    def kill(self, agent: str | None, committed: int, chance: random.Random) -> None:
        """SIGKILL to a worker of an agent (None: of any)."""
        running = [m for m in self.members if not m.asleep and agent in {None, m.agent} and m.process.is_alive()]
        if running:
            member = chance.choice(running)
            member.process.kill()
            member.process.join()  # else `heal` may take it for one that still works, and the end of the run too
            self._wounded(committed, Blow.KILL, member, member.process.pid or 0)

    def order_kill_inside(self) -> Path:
        """Asks whoever commits next to die before it does. The file is gone once somebody obeyed."""
        order = self.orders / KILL
        order.touch()
        return order

    def order_stop_inside(self, agent: str) -> Path:
        """Asks the worker of an agent that commits next to stop before it does."""
        order = self.orders / f"{STOP}-{agent}"
        order.touch()
        return order

    def obeyed(self, blow: Blow, committed: int) -> Member | None:
        """Who obeyed an order since the last question, written down."""
        prefix = "obeyed" if blow is Blow.KILL_INSIDE else "stopped"
        for sign in self.orders.glob(f"{prefix}-*"):
            pid = int(sign.name.split("-")[1])
            member = self._by_pid[pid]  # who died may have been healed meanwhile
            sign.unlink()
            member.asleep = blow is Blow.STOP_INSIDE
            self._wounded(committed, blow, member, pid)
            return member
        return None

    def wake(self, member: Member) -> None:
        """Lets a stopped worker go on."""
        os.kill(member.process.pid or 0, signal.SIGCONT)
        member.asleep = False

    def note_commit_after_sleep(self, member: Member) -> bool:
        """Writes down what became of the commit that a stopped worker tried when it went on. False: nothing yet."""
        pid = member.process.pid
        refused = self.orders / f"{REFUSED}-{pid}"
        if refused.exists():
            ended = f"then its commit was refused: {refused.read_text()}"
        elif (self.orders / f"{COMMITTED}-{pid}").exists():
            ended = WENT_THROUGH
        else:
            return False
        self.wounds = [replace(w, ended=ended) if w.pid == pid else w for w in self.wounds]
        return True

    def _wounded(self, committed: int, blow: Blow, member: Member, pid: int) -> None:
        self.wounds.append(Wound(time.monotonic() - self._started, committed, blow, member.agent, pid))

    def drain(self) -> list[int | None]:
        """SIGTERM to all; the exit codes."""
        for member in self.members:
            member.process.terminate()
        for member in self.members:
            member.process.join(_DRAIN)
        return [member.process.exitcode for member in self.members]
