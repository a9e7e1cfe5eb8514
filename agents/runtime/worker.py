"""A worker: one agent in this process, or several in supervised processes of their own.

python -m touchline.agents.runtime.worker --settings touchline.yaml AGENT…
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import multiprocessing
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from touchline.agents.registry import API, UnknownAgentError, build, companion
from touchline.agents.runtime.app import AgentApp, new_app
from touchline.agents.runtime.context import Context
from touchline.agents.runtime.errors import BrokerAway, NotCommitted, RuntimeError_, WorkerError, broker_errors
from touchline.agents.runtime.http import StatusServer
from touchline.agents.runtime.logs import configure_logs
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.runtime.recovery import check_partitions
from touchline.agents.runtime.shards import Shards
from touchline.agents.runtime.supervisor import EXIT_CRASHED, EXIT_FATAL, EXIT_OK, preload, supervise
from touchline.agents.runtime.topics import partition_counts, wait_for_topics
from touchline.agents.runtime.turn import isinstance_of
from touchline.agents.runtime.watchdog import Watchdog
from touchline.agents.settings import Settings, load_settings
from touchline.pipeline.engine.processor import Fatal, FlushingProcessor, Processor
from touchline.schemas.wire import REJECTED, state_topic
from touchline.schemas.yamlfile import FileError

EXIT_USAGE: Final = 2

_TEND_EVERY: Final = 0.5
_COUNTS_EVERY: Final = 30.0
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 15.0
_STOP_PATIENCE: Final = 5.0
_FREE_PATIENCE: Final = 2.0


class Worker:
    """One agent in this process.

    Args:
        processor: the agent's logic; None builds it from the settings.
        checkpoint: how shards commit; None as the settings say. Tests put faults in here.
    """

    def __init__(
        self,
        settings: Settings,
        agent: str,
        *,
        http_port: int = 0,
        processor: Processor[Any] | None = None,
        **context: Any,
    ) -> None:
        self._settings = settings
        self._agent = agent
        self._http_port = http_port
        self._processor = processor
        self._options = context
        self._log = logging.getLogger(f"touchline.{agent}")
        self.metrics = Metrics(agent)
        self.port = 0
        """Where metrics and readiness are served, once it runs."""
        self._stopping = asyncio.Event()
        self._error: BaseException | None = None
        self._shards: Shards | None = None

    def stop(self, error: BaseException | None = None) -> None:
        """Asks it to end; with an error, to end with that."""
        self._error = self._error or error
        self._stopping.set()

    async def run(self) -> int:
        """Works until it is stopped. Returns the exit code."""
        server = StatusServer(self.metrics.registry, lambda: not self._stopping.is_set(), self.is_ready)
        host = self._settings.runtime.http_host
        try:
            self.port = await server.start(host, self._http_port)
        except OSError as error:
            self._log.critical("can't serve metrics on %s:%d: %s", host, self._http_port, error.strerror)
            return EXIT_FATAL
        wait, processor = _FIRST_WAIT, None
        try:
            processor = self._processor or build(self._agent, self._settings)
            beside: contextlib.AbstractAsyncContextManager[object] = contextlib.nullcontext()
            if self._processor is None:
                beside = companion(self._agent, self._settings, processor, self.metrics, self.stop)
            while not self._stopping.is_set():
                try:
                    async with beside:
                        await self._session(processor)
                except (BrokerAway, NotCommitted) as error:
                    self._log.warning("%s; trying again in %.1f s", error, wait)
                    await self._sleep(wait * random.uniform(1.0, 1.3))  # noqa: S311
                    wait = min(2 * wait, _LONGEST_WAIT)
            if self._error is not None:
                raise self._error
        except (Fatal, WorkerError, FileError, UnknownAgentError) as error:
            self._log.critical("stopped: %s", error)
            return EXIT_FATAL
        except RuntimeError_ as error:
            self._log.critical("stopped: %s", error)
            return EXIT_CRASHED
        finally:
            await self._free(processor)
            await server.stop()
        self._log.info("stopped")
        return EXIT_OK

    async def _free(self, processor: Processor[Any] | None) -> None:
        """Ends the connections of a processor that has any; what does not end in time ends with the process."""
        if processor is None or not isinstance_of(processor, "close"):
            return
        try:
            await asyncio.wait_for(cast("FlushingProcessor[Any]", processor).close(), _FREE_PATIENCE)
        except TimeoutError:
            self._log.warning("connections were not closed within %.0f s", _FREE_PATIENCE)

    def is_ready(self) -> bool:
        """Whether every shard that was assigned is open."""
        return self._shards is not None and self._shards.ready and not self._stopping.is_set()

    async def _session(self, processor: Processor[Any]) -> None:
        """From joining the group to leaving it."""
        settings = self._settings
        counts = await wait_for_topics(settings, [*processor.inputs, state_topic(self._agent), REJECTED])
        app = new_app(settings, self._agent, [settings.topic(topic) for topic in processor.inputs])
        context = Context(
            settings, self._agent, processor, app.consumer, self.metrics, self.stop, counts=counts, **self._options
        )
        shards = self._shards = app.assignee = Shards(context)
        watchdog = Watchdog(lambda: shards.progress, settings.runtime.stuck_after / 1_000)
        _tune_collector()
        watchdog.start()
        try:
            with broker_errors(settings.kafka.bootstrap):
                await app.start()
            await self._tend(app, context, shards, watchdog)
        finally:
            await shards.close(settings.runtime.drain / 1_000)
            watchdog.stop()
            await _stop_app(app)

    async def _tend(self, app: AgentApp, context: Context, shards: Shards, watchdog: Watchdog) -> None:
        loop = asyncio.get_running_loop()
        looked = counted = loop.time()
        look_every = min(5.0, self._settings.runtime.stuck_after / 4_000)
        while not self._stopping.is_set():
            watchdog.beat()
            if app.crashed or app.should_stop:
                raise RuntimeError_(f"the consumer has stopped: {app.crash_reason!r}")
            if loop.time() - looked >= look_every:
                looked = loop.time()
                await _look_behind(context, shards, look_every)
            if loop.time() - counted >= _COUNTS_EVERY:
                counted = loop.time()
                with contextlib.suppress(BrokerAway, NotCommitted):
                    found = await partition_counts(self._settings)
                    check_partitions({t: n for t, n in context.counts.items() if t in context.keyed_counts()}, found)
                    context.counts.update(found)
            await self._sleep(_TEND_EVERY)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


async def _look_behind(context: Context, shards: Shards, patience: float) -> None:
    """Asks the broker how far the inputs go, by another way than the fetch, which may have stopped without a word."""
    wanted = shards.partitions
    if not wanted:
        return
    try:
        async with asyncio.timeout(patience):
            bounds = await context.source.bounds(wanted)
    except (TimeoutError, RuntimeError_):
        context.log.warning("the broker at %s does not answer", context.settings.kafka.bootstrap)
        return
    shards.look_behind({tp: last for tp, (_, last) in bounds.items()})


async def _stop_app(app: AgentApp) -> None:
    try:
        await asyncio.wait_for(app.stop(), _STOP_PATIENCE)
    except TimeoutError:
        logging.getLogger("touchline").warning("the consumer did not stop within %.0f s", _STOP_PATIENCE)


def _tune_collector() -> None:
    """Untuned, the garbage collector takes up to 40 % of the time: batches are many objects that live briefly."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def run_agent(settings: Settings, agent: str, *, http_port: int = 0, **options: Any) -> int:
    """Runs one agent in this process until it is told to stop (SIGTERM, SIGINT). Returns the exit code."""
    runtime = settings.runtime
    configure_logs(agent, runtime.log_level, runtime.log_format)

    async def main() -> int:
        worker = Worker(settings, agent, http_port=http_port, **options)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        parent = multiprocessing.parent_process()
        if parent is not None:
            # Readable when the parent is gone, however it ended: nobody would stop this process any more.
            loop.add_reader(parent.sentinel, worker.stop)
        return await worker.run()

    return asyncio.run(main())


def run_worker(settings: Settings, agents: Sequence[str]) -> int:
    """Runs agents until they are told to stop: one in this process, several in a supervised process each.

    Returns: 0 stopped as asked · 1 crashed · 3 stopped because going on would be wrong · 70 stuck."""
    port = settings.runtime.http_port
    if len(agents) == 1:
        return run_agent(settings, agents[0], http_port=port)
    configure_logs("supervisor", settings.runtime.log_level, settings.runtime.log_format)
    ports = {agent: port + index if port else 0 for index, agent in enumerate(agents)}
    preload_agents(agents)
    return supervise(
        {agent: (_child, (settings, agent, ports[agent])) for agent in agents}, settings.runtime.drain / 1_000
    )


def preload_agents(agents: Sequence[str]) -> None:
    """Has what agents need imported once, before the first of their processes is started."""
    preload(["touchline.agents.runtime.worker", *(f"touchline.agents.{agent}" for agent in agents)])


def _child(settings: Settings, agent: str, http_port: int) -> None:
    if agent == API:
        from touchline.agents.api.run import run_api  # noqa: PLC0415  # the agents' processes need no server

        sys.exit(run_api(settings, http_port=http_port))
    sys.exit(run_agent(settings, agent, http_port=http_port))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="touchline.agents.runtime.worker", description="Runs agents.")
    parser.add_argument("--settings", type=Path, default=None, help="touchline.yaml")
    parser.add_argument("agents", nargs="*", metavar="AGENT", help="by default those that the settings name")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings(options.settings)
    except FileError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    return run_worker(settings, options.agents or list(settings.runtime.agents))


if __name__ == "__main__":
    sys.exit(main())
