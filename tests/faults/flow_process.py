"""A worker process of the flow under fire.

It dies inside a transaction when asked to (`hooks.py`), and it can be asked to stop there as if the machine had frozen:
it writes what became of the commit that it tries once it goes on.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.faults.hooks import VARIABLE, DyingTransaction
from touchline.agents.runtime.checkpoint import Checkpoint, Owner
from touchline.agents.runtime.worker import run_agent
from touchline.agents.settings import Settings

STOP: Final = "stop-inside"
"""The order to stop between the last acknowledgement and the commit; `stopped-PID` says who obeyed."""

REFUSED: Final = "refused"
COMMITTED: Final = "committed"
"""`refused-PID` and `committed-PID`: how the commit ended that was tried after the stop."""


class _Sleeper:
    """A producer that may sleep before its commit."""

    def __init__(self, producer: object, agent: str) -> None:
        self._producer = producer
        self._agent = agent

    def __getattr__(self, name: str) -> object:
        return getattr(self._producer, name)

    async def commit_transaction(self) -> None:
        """Commits, perhaps much later."""
        folder = Path(os.environ[VARIABLE])
        if not _taken(folder / f"{STOP}-{self._agent}", folder / f"stopped-{os.getpid()}"):
            await self._producer.commit_transaction()  # type: ignore[attr-defined]
            return
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            await self._producer.commit_transaction()  # type: ignore[attr-defined]
        except KafkaError as error:
            (folder / f"{REFUSED}-{os.getpid()}").write_text(type(error).__name__)
            raise
        (folder / f"{COMMITTED}-{os.getpid()}").touch()


def _taken(order: Path, to: Path) -> bool:
    try:
        order.rename(to)
    except FileNotFoundError:
        return False
    return True


class FrailTransaction(DyingTransaction):
    """Dies or stops, when asked to, with a transaction open."""

    _producer: AIOKafkaProducer | _Sleeper | None

    async def open(self, pieces, progress):  # type: ignore[no-untyped-def]
        """As the checkpoint, with a producer that may sleep."""
        restored = await super().open(pieces, progress)  # type: ignore[no-untyped-call]
        self._producer = _Sleeper(self._producer, self._owner.agent)
        return restored


def frail_checkpoint(owner: Owner) -> Checkpoint:
    """The transactional form, mortal."""
    return FrailTransaction(owner)


def work(settings: Settings, agent: str, log: Path, orders: Path) -> None:
    """Runs an agent in this process, which is its own, until it is told to stop, or dies."""
    with log.open("ab") as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    os.environ[VARIABLE] = str(orders)
    sys.exit(run_agent(settings, agent, checkpoint=frail_checkpoint))
