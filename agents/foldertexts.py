"""Watches files and folders of texts: rules, policies."""

import asyncio
from collections.abc import Callable, Sequence

from touchline.schemas.ruleset import RuleText, content_of
from touchline.schemas.yamlfile import FileError

Texts = Sequence[RuleText]


class FolderTexts:
    """Files and folders. A change counts when two looks in a row have found the same: what is being written may well be
    half a file that has no mistake.

    Args:
        read: reads all of them. Raises FileError.
        every: milliseconds between two looks.
        known: the content (`content_of`) that is in force.
    """

    def __init__(self, read: Callable[[], Texts], every: int, known: str) -> None:
        self._read = read
        self._every = every
        self._known = known

    async def next(self) -> Texts:
        """Waits for others, and looks every so often.

        Raises: FileError, which is told once."""
        before = self._known
        while True:
            await asyncio.sleep(self._every / 1_000)
            found, problem = await asyncio.to_thread(self._look)
            now = content_of(found) if problem is None else str(problem)
            if now == before != self._known:
                self._known = now
                if problem is not None:
                    raise problem
                return found
            before = now

    def _look(self) -> tuple[Texts, FileError | None]:
        try:
            return self._read(), None
        except FileError as error:
            return (), error
