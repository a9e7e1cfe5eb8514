"""Takes over rules that change while an agent works; the old ones stay in force until the new ones were checked."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from touchline.agents.foldertexts import FolderTexts, Texts
from touchline.agents.runtime.errors import BrokerAway, NotCommitted, RuntimeError_
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.runtime.rulestopic import RulesReader, texts_of
from touchline.agents.settings import JourneySettings, RuleHome, Settings
from touchline.pipeline.friction.load import compile_texts, read_texts
from touchline.pipeline.friction.rules import RuleSet
from touchline.schemas.yamlfile import FileError

_PAUSE: Final = 5.0
"""Seconds before the topic is tried again after it could not be read."""


class Ruled(Protocol):
    """A processor that works by rules."""

    rules: RuleSet

    def put_in_force(self, rules: RuleSet) -> None:
        """Another set, from the next batch on; called between batches, in the loop that hands them over."""


class RuleSource(Protocol):
    """Where new rules come from."""

    async def open(self) -> Texts | None:
        """What must be in force before the first batch, None when that is what the processor was built with.

        Raises: FileError, BrokerAway, NotCommitted, WorkerError."""

    async def next(self) -> Texts:
        """Waits for others. Raises: as `open`; a FileError is told once."""

    async def close(self) -> None:
        """Lets go."""


class FolderRules(FolderTexts):
    """The files and folders of the settings."""

    def __init__(self, settings: JourneySettings, known: str) -> None:
        super().__init__(lambda: read_texts(settings.rules, builtin=settings.builtin_rules), settings.reload, known)

    async def open(self) -> Texts | None:
        """Nothing: they were read when the processor was built."""
        return None

    async def close(self) -> None:
        """Nothing is held."""


class TopicRules:
    """The topic `rules`. Until something is published there, the files of the settings hold."""

    def __init__(self, settings: Settings) -> None:
        self._reader = RulesReader(settings)

    async def open(self) -> Texts | None:
        """What the topic holds."""
        value = await self._reader.open()
        return None if value is None else texts_of(value)

    async def next(self) -> Texts:
        """What is published next."""
        return texts_of(await self._reader.next())

    async def close(self) -> None:
        """Disconnects."""
        await self._reader.close()


class RuleFollower:
    """Runs beside the shards of one agent: ``async with RuleFollower(…)`` holds while they work, and may be entered
    again.

    Args:
        stop: ends the worker with an error.
    """

    def __init__(
        self, settings: Settings, processor: Ruled, metrics: Metrics, stop: Callable[[BaseException], None]
    ) -> None:
        self._processor = processor
        self._metrics = metrics
        self._stop = stop
        self._log = logging.getLogger(f"touchline.{metrics.agent}")
        self._source: RuleSource | None = None
        self._task: asyncio.Task[None] | None = None
        self._opened = False
        if settings.journey.rules_from is RuleHome.TOPIC:
            self._source = TopicRules(settings)
        elif settings.journey.reload:
            self._source = FolderRules(settings.journey, processor.rules.content)

    async def __aenter__(self) -> Self:
        """Puts in force what must be before the first batch, then follows.

        Raises: BrokerAway, NotCommitted (try again), WorkerError; FileError when the first set has mistakes."""
        if self._source is not None:
            await self._open(self._source)
            self._task = asyncio.create_task(self._follow(self._source), name="rules")
            self._task.add_done_callback(self._ended)
        self._metrics.rules_in_force(self._processor.rules.hash)
        self._log.info("%d rules are in force: %s", len(self._processor.rules.every), self._processor.rules.hash)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Follows no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        if self._source is not None:
            await self._source.close()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.critical("following the rules has failed", exc_info=error)
            self._stop(RuntimeError_(f"following the rules has failed: {type(error).__name__}"))

    async def _open(self, source: RuleSource) -> None:
        try:
            texts = await source.open()
            if texts is not None:
                await self._take(texts)
        except FileError as error:
            if not self._opened:  # there is no set that could stay in force
                await source.close()
                raise
            self._refused(error)
        except BaseException:
            await source.close()
            raise
        self._opened = True

    async def _follow(self, source: RuleSource) -> None:
        while True:
            try:
                await self._take(await source.next())
            except FileError as error:
                self._refused(error)
            except (BrokerAway, NotCommitted) as error:
                self._log.warning("the rules can't be read: %s; trying again", error)
                with contextlib.suppress(BrokerAway, NotCommitted):
                    await source.close()
                await asyncio.sleep(_PAUSE)

    async def _take(self, texts: Texts) -> None:
        former = self._processor.rules
        kinds = former.kinds
        rules = await asyncio.to_thread(_compiled, texts, kinds)
        if rules.hash == former.hash:
            return
        self._processor.put_in_force(rules)
        self._metrics.rules_in_force(rules.hash)
        changes = _changes(former, rules)
        self._log.info(
            "%d rules are in force: %s, instead of %s; %s", len(rules.every), rules.hash, former.hash, changes
        )

    def _refused(self, error: FileError) -> None:
        self._metrics.rules_refused.inc()
        for mistake in error.mistakes:
            self._log.error("rules not taken over: %s:%s", error.name, mistake)
        self._log.error("the rules %s stay in force", self._processor.rules.hash)


def _compiled(texts: Texts, kinds: Sequence[str]) -> RuleSet:
    rules = compile_texts(texts)
    rules.prepare(kinds)
    return rules


def _changes(former: RuleSet, rules: RuleSet) -> str:
    """What is new, changed and gone, by rule id."""
    old, new = ({rule.spec.id: rule for rule in one.every} for one in (former, rules))
    both = old.keys() & new.keys()
    logic = {name for name in both if old[name].key != new[name].key}
    words = {name for name in both - logic if old[name].spec != new[name].spec}
    parts = {
        "new": new.keys() - both,
        "with another logic": logic,
        "in other words": words,
        "gone": old.keys() - both,
    }
    return "; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in parts.items() if names)
