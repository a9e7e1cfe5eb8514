"""Several companions of an agent as one."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Self


class Together:
    """Holds all of them while it is held, in their order; what can be entered again can so be together."""

    def __init__(self, *parts: AbstractAsyncContextManager[Any]) -> None:
        self._parts = parts
        self._stack: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        """Enters each; when one fails those before it are left again. Raises: what they raise."""
        async with AsyncExitStack() as stack:
            for part in self._parts:
                await stack.enter_async_context(part)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves each, the last one first."""
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.__aexit__(kind, error, trace)
