"""Effects outside Kafka, performed after their attempt was committed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

E = TypeVar("E")
R = TypeVar("R")

AT_ONCE: Final = 64


async def perform_all(
    perform: Callable[[E], Awaitable[R]],
    effects: Sequence[E],
    stale: Callable[[], bool],
    moved: Callable[[], None],
) -> list[tuple[E, R]]:
    """Performs effects, a few at once, and returns how they ended, in their order.

    What is not begun before `stale` says that the shard may have another owner is not performed and not returned: it
    stays due. `moved` is called after each.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(effect: E) -> tuple[E, R] | None:
        async with gate:
            if stale():
                return None
            result = await perform(effect)
            moved()
            return effect, result

    ended = await asyncio.gather(*(one(effect) for effect in effects))
    return [pair for pair in ended if pair is not None]
