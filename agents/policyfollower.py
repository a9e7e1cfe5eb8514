"""Takes over policies, the texts of messages and stops that change while an agent works; the former ones stay in force
until the new ones were checked."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Protocol, Self

from touchline.agents.foldertexts import FolderTexts, Texts
from touchline.agents.policybook import base_book, policies_of, texts_of_files
from touchline.agents.runtime.errors import BrokerAway, NotCommitted, RuntimeError_
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.runtime.policiestopic import PoliciesReader, Standing, policy_texts
from touchline.agents.settings import RuleHome, Settings
from touchline.agents.texts import message_files, messages_of
from touchline.pipeline.outreach.messages import Messages
from touchline.pipeline.outreach.plan import ALL, PolicyBook, Switches
from touchline.pipeline.outreach.policyfiles import PolicySet
from touchline.schemas.ruleset import content_of
from touchline.schemas.yamlfile import FileError

_PAUSE: Final = 5.0
"""Seconds before the topic is tried again after it could not be read."""


PutInForce = Callable[[PolicyBook, Messages], None]
"""Another book and other texts, from the next batch on; called between batches, in the loop that hands them over."""


class Switched(Protocol):
    """A processor that needs to know what may be sent."""

    def switch(self, switches: Switches) -> None:
        """Other switches, at once; called between batches, in the loop that hands them over."""


class SwitchFollower:
    """Follows the immediate stops, beside the shards of one agent: ``async with SwitchFollower(…)`` holds while they
    work, and may be entered again. Nothing works before the stops are known.

    Args:
        put: takes the switches over.
        stop: ends the worker with an error.
    """

    def __init__(
        self,
        settings: Settings,
        put: Callable[[Switches], None],
        metrics: Metrics,
        stop: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._put = put
        self._metrics = metrics
        self._stop = stop
        self._log = logging.getLogger(f"touchline.{metrics.agent}")
        self._reader = PoliciesReader(settings)
        self._switches = base_book(settings.outreach).switches
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Puts in force what must be before the first batch, then follows.

        Raises: BrokerAway, NotCommitted (try again), WorkerError; FileError when the first policies have mistakes."""
        try:
            await self._begin(await self._reader.open())
        except BaseException:
            await self._reader.close()
            raise
        for number, way in enumerate(self._ways()):
            task = asyncio.create_task(way, name=f"policies-{number}")
            task.add_done_callback(self._ended)
            self._tasks.append(task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Follows no longer."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._reader.close()

    def _ways(self) -> list[Coroutine[Any, Any, None]]:
        return [self._follow_topic()]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.critical("following the policies has failed", exc_info=error)
            self._stop(RuntimeError_(f"following the policies has failed: {type(error).__name__}"))

    async def _follow_topic(self) -> None:
        while True:
            try:
                await self._heard(await self._reader.next())
            except (BrokerAway, NotCommitted) as error:
                self._log.warning("the topic of policies can't be read: %s; trying again", error)
                with contextlib.suppress(BrokerAway, NotCommitted):
                    await self._reader.close()
                await asyncio.sleep(_PAUSE)

    async def _begin(self, standing: Standing) -> None:
        """What the topic holds before the first batch."""
        self._take_stops(standing)
        self._apply()

    async def _heard(self, standing: Standing) -> None:
        """What the topic holds after something was written to it."""
        if self._take_stops(standing):
            self._apply()

    def _take_stops(self, standing: Standing) -> bool:
        """Whether others are stopped than before; they are not in force yet."""
        former, stopped = self._switches.stopped, standing.stopped
        self._switches = replace(self._switches, stopped=stopped)
        self._metrics.stops.set(len(stopped))
        for rule in sorted(stopped - former):
            self._log.warning("stopped: nothing about %s is sent", "any rule" if rule == ALL else rule)
        for rule in sorted(former - stopped):
            self._log.warning("no longer stopped: %s", "all rules" if rule == ALL else rule)
        return former != stopped

    def _apply(self) -> None:
        self._put(self._switches)


class PolicyFollower(SwitchFollower):
    """Follows policies, the texts of messages, which policies name, and stops. Of policies and texts all is taken over,
    or nothing while any of them has a mistake.

    Args:
        put: takes another book and other texts over.
    """

    def __init__(
        self, settings: Settings, put: PutInForce, metrics: Metrics, stop: Callable[[BaseException], None]
    ) -> None:
        super().__init__(settings, self._put_switches, metrics, stop)
        self._put_book = put
        self._from_topic = settings.outreach.policies_from is RuleHome.TOPIC
        self._in_force: _InForce | None = None
        self._folder: FolderTexts | None = None
        self._published: bytes | None = None

    @property
    def book(self) -> PolicyBook:
        """What is in force."""
        book = base_book(self._settings.outreach) if self._in_force is None else self._in_force.policies.book
        return replace(book, switches=self._switches)

    def _put_switches(self, switches: Switches) -> None:
        if self._in_force is not None:
            self._put_book(self.book, self._in_force.messages)

    def _ways(self) -> list[Coroutine[Any, Any, None]]:
        if self._folder is None:
            return [self._follow_topic()]
        return [self._follow_topic(), self._follow_folder(self._folder)]

    async def _begin(self, standing: Standing) -> None:
        self._take_stops(standing)
        if self._in_force is None:  # there are none that could stay in force, so mistakes end the worker
            texts, known = await self._first(standing)
            await self._take(texts)
            if self._settings.outreach.reload:
                self._folder = FolderTexts(self._read, self._settings.outreach.reload, known)
        else:
            await self._take_published(standing)
        self._apply()

    async def _first(self, standing: Standing) -> tuple[Texts, str]:
        """The policies to begin with, and the content of the files as they are before these are looked at."""
        known = content_of(await asyncio.to_thread(self._read))
        if self._from_topic and standing.policies is not None:
            self._published = standing.policies
            return policy_texts(standing.policies), known
        return await asyncio.to_thread(texts_of_files, self._settings.outreach), known

    def _read(self) -> Texts:
        """What is watched: all files that count."""
        outreach = self._settings.outreach
        return (*(() if self._from_topic else texts_of_files(outreach)), *message_files(outreach))

    async def _heard(self, standing: Standing) -> None:
        await super()._heard(standing)  # first: a stop waits for nothing
        await self._take_published(standing)

    async def _take_published(self, standing: Standing) -> None:
        published = standing.policies
        if not self._from_topic or published is None or published == self._published:
            return
        self._published = published
        try:
            await self._take(policy_texts(published))
        except FileError as error:
            self._refused(error)

    async def _follow_folder(self, folder: FolderTexts) -> None:
        while True:
            try:
                await folder.next()
                await self._take(await self._wanted())
            except FileError as error:
                self._refused(error)

    async def _wanted(self) -> Texts:
        """The newest policies, also those that were refused, for a text that they name may be there now."""
        if not self._from_topic:
            return await asyncio.to_thread(texts_of_files, self._settings.outreach)
        if self._published is not None:
            return policy_texts(self._published)
        return () if self._in_force is None else self._in_force.texts

    async def _take(self, texts: Texts) -> None:
        former = self._in_force
        taken = self._in_force = await asyncio.to_thread(_compiled, self._settings, texts)
        content = taken.policies.book.content
        if former is None:
            self._log.info("%d policies are in force: %s", len(taken.policies.entries), content)
        elif former.policies.book.content != content:
            instead = f"{content}, instead of {former.policies.book.content}; "
            instead += _changes(former.policies, taken.policies)
            self._log.info("%d policies are in force: %s", len(taken.policies.entries), instead)
        if former is not None and former.said != taken.said:
            self._log.info("other texts of messages are in force: %s, instead of %s", taken.said, former.said)
        self._metrics.policies_in_force(content)
        self._apply()

    def _refused(self, error: FileError) -> None:
        self._metrics.policies_refused.inc()
        for mistake in error.mistakes:
            self._log.error("policies not taken over: %s:%s", error.name, mistake)
        self._log.error("the policies %s stay in force, and the texts of messages", self.book.content)


@dataclass(frozen=True, slots=True)
class _InForce:
    """Policies with the files that they are of, and the texts of messages. `said`: the content of their files."""

    texts: Texts
    policies: PolicySet
    messages: Messages
    said: str


def _compiled(settings: Settings, texts: Texts) -> _InForce:
    """Policies, with the texts that stand in the files now.

    Raises: FileError."""
    said = content_of(message_files(settings.outreach))
    messages = messages_of(settings.outreach)
    return _InForce(texts, policies_of(settings, texts, messages.names), messages, said)


def _changes(former: PolicySet, policies: PolicySet) -> str:
    """What is new, changed and gone, by policy id."""
    old, new = former.entries, policies.entries
    both = old.keys() & new.keys()
    parts = {
        "new": new.keys() - both,
        "changed": {name for name in both if old[name].spec != new[name].spec},
        "gone": old.keys() - both,
    }
    told = "; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in parts.items() if names)
    return told or "what holds for all of them has changed"
