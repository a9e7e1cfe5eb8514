"""Effects outside Kafka, performed after their attempt was committed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

E = TypeVar("E")
R = TypeVar("R")

PATIENCE: Final = 0.05
"""Seconds for which those that have ended wait for the rest, so that they are committed together."""


class Underway(Generic[E, R]):
    """The effects of one shard that are being performed, all at once: how many there are at the most is the processor's
    matter, which knows whom they go to. So those that take long hold up no other.

    Args:
        perform: performs one.
        stale: says that the shard may have another owner. What is not begun before that is not performed.
        moved: called after each.
    """

    def __init__(
        self, perform: Callable[[E], Awaitable[R]], stale: Callable[[], bool], moved: Callable[[], None]
    ) -> None:
        self._perform = perform
        self._stale = stale
        self._moved = moved
        self._tasks: dict[int, tuple[E, asyncio.Task[list[R]]]] = {}
        self.broken = False
        """Whether one has raised, which a round will raise before long. None is begun any more."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self._tasks)

    async def round(self, due: Sequence[E]) -> list[tuple[E, R]]:
        """Begins those of `due` (the same objects again, as long as they are due) that are not under way, and returns
        how those have ended that ended within a moment, in the order in which they were begun.

        What was not begun for being stale is not returned, and may be handed in again. Raises: what performing raises,
        once all that ended well meanwhile was returned; the others are let go then."""
        for effect in () if self.broken else due:
            if id(effect) not in self._tasks:
                self._tasks[id(effect)] = (effect, asyncio.create_task(self._one(effect)))
        if not self._tasks:
            return []
        done, _ = await asyncio.wait([task for _, task in self._tasks.values()], timeout=PATIENCE)
        ended: list[tuple[E, R]] = []
        for key, (effect, task) in list(self._tasks.items()):
            if task in done and not _raised(task):
                del self._tasks[key]
                ended += [(effect, result) for result in task.result()]
        broken = [task for _, task in self._tasks.values() if task in done]
        self.broken = bool(broken)
        if broken and not ended:
            self.abandon()
            broken[0].result()
        return ended

    def abandon(self) -> None:
        """Lets go of all: their ends will not be known."""
        tasks, self._tasks = self._tasks, {}
        for _, task in tasks.values():
            task.cancel()

    async def _one(self, effect: E) -> list[R]:
        """Its result, or nothing when it was not begun."""
        if self._stale():
            return []
        result = await self._perform(effect)
        self._moved()
        return [result]


def _raised(task: asyncio.Task[list[R]]) -> bool:
    return task.cancelled() or task.exception() is not None
