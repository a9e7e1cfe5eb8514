"""Whose turn it is where only so many connections are made at once.

The wait for a turn has a time-out of its own: in what was left of one for both, a server would be cut off that was
given no time, and the message's end not known.
"""

import asyncio
from typing import Final

from touchline.pipeline.outreach.adapter import SendResult, SendStatus

BUSY: Final = SendResult(SendStatus.BUSY, "no connection free")


async def has_turn(free: asyncio.Semaphore, within: float) -> bool:
    """Waits so many seconds for a turn. Who gets one (True) releases it."""
    try:
        async with asyncio.timeout(within):
            await free.acquire()
    except TimeoutError:
        return False
    return True
