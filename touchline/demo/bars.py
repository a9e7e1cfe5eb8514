"""Progress bars of the demo, one for each stage."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from touchline.demo.progress import Stage

_WORDS = {
    "enrich": "enriched",
    "journey": "journeys",
    "incident": "incidents",
    "outreach": "decided",
    "desk": "for people",
    "deliver": "delivered",
    "warehouse": "stored",
}


class Bars:
    """Shows how far the run is. On what is no terminal it prints nothing."""

    def __init__(self, console: Console, agents: Sequence[str]) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._published = self._progress.add_task("published", total=None)
        self._tasks: dict[str, TaskID] = {}
        for agent in agents:
            self._tasks[agent] = self._progress.add_task(_WORDS.get(agent, agent), total=None)

    def published(self, done: int, total: int) -> None:
        """So many touchpoints are published."""
        self._progress.update(self._published, completed=done, total=total)

    def stages(self, stages: Sequence[Stage]) -> None:
        """The agents are so far."""
        for stage in stages:
            self._progress.update(self._tasks[stage.agent], completed=min(stage.done, stage.given), total=stage.given)

    def __enter__(self) -> Self:
        """Shows them."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves them as they are."""
        self._progress.stop()
