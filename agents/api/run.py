"""The process of the API: the server, the follower of topics, and what publishes answers of customers."""

import asyncio
import logging
import multiprocessing
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Final

from aiohttp import web

from touchline.agents.api.following import Follower
from touchline.agents.api.keys import Keys
from touchline.agents.api.links import LinkServer
from touchline.agents.api.questions import Questions
from touchline.agents.api.returns import Returns
from touchline.agents.runtime.errors import RuntimeError_, WorkerError
from touchline.agents.runtime.http import StatusServer
from touchline.agents.runtime.logs import configure_logs
from touchline.agents.runtime.metrics import ApiMetrics
from touchline.agents.runtime.supervisor import EXIT_CRASHED, EXIT_FATAL, EXIT_OK
from touchline.agents.settings import Settings
from touchline.pipeline.outreach.links import Links

NAME: Final = "api"
NOTHING_TO_SERVE: Final = (
    "there is nothing to serve: set api.keys for systems that ask about customers, or outreach.links for links in "
    "messages"
)

_MOST_BYTES: Final = 16_384
"""The largest request that is read."""

_MEASURE_EVERY: Final = 1.0
_PATIENCE: Final = 5.0
_log = logging.getLogger("touchline.api")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """The server and all that it needs, in the running event loop.

    Args:
        settings: with keys, or links, or both; what is not set is not served.
        metrics: where it counts.
    """

    def __init__(self, settings: Settings, metrics: ApiMetrics | None = None) -> None:
        self._settings = settings
        self.metrics = metrics or ApiMetrics()
        self.follower = Follower(settings) if settings.api.keys else None
        self.returns = Returns(settings) if settings.outreach.served else None
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self.port = 0
        """Where it listens, once it was started."""

    @property
    def ready(self) -> bool:
        """Whether every question can be answered: everything was read once."""
        return self.port > 0 and (self.follower is None or self.follower.view is not None)

    async def start(self) -> None:
        """Listens, and begins to read.

        Raises: OSError when the port is taken."""
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=_PATIENCE)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        api = self._settings.api
        await web.TCPSite(runner, api.host, api.port).start()
        self.port = runner.addresses[0][1]
        work = [self.follower.run()] if self.follower is not None else []
        work += [self.returns.run()] if self.returns is not None else []
        self._tasks = [asyncio.create_task(part) for part in (*work, self._measure())]

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_MOST_BYTES, middlewares=[self._timed])
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        settings = self._settings
        if self.follower is not None:
            keys = {name: key.get_secret_value() for name, key in settings.api.keys.items()}
            known = Keys(keys, settings.api.rate, time.monotonic)
            Questions(self.follower, known, self._asked).add_to(app.router)
        links = settings.outreach.served
        if links is not None and self.returns is not None:
            secret, *older = (one.get_secret_value().encode() for one in (links.secret, *links.older))
            LinkServer(Links(links.base, secret, older), self.returns).add_to(app.router)
        return app

    @web.middleware
    async def _timed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        begun, status = time.perf_counter(), 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            route = "context" if request.path.startswith("/v1/") else "link" if request.path.startswith("/l/") else ""
            if route:
                self.metrics.seconds.labels(route, str(status)).observe(time.perf_counter() - begun)
        return response

    def _asked(self, key: str) -> None:
        self.metrics.questions.labels(key).inc()

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ready\n") if self.ready else web.Response(text="catching up\n", status=503)

    async def _measure(self) -> None:
        metrics, follower, returns = self.metrics, self.follower, self.returns
        while True:
            if follower is not None and follower.view is not None:
                metrics.age.set(max(0.0, time.time() - follower.as_of / 1_000))
                metrics.customers.set(len(follower.view))
                metrics.undecodable.set(follower.view.undecodable)
            if returns is not None:
                metrics.published.set(returns.published)
                metrics.waiting.set(len(returns))
                metrics.refused.set(returns.refused)
            await asyncio.sleep(_MEASURE_EVERY)

    async def watch(self, stopping: asyncio.Event) -> None:
        """Waits until it is told to stop.

        Raises: RuntimeError_ when a part can't go on."""
        stop = asyncio.create_task(stopping.wait())
        done, _ = await asyncio.wait([stop, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        for task in done - {stop}:
            task.result()

    async def stop(self) -> None:
        """Stops listening, publishes what waits, and ends."""
        await self._stack.aclose()
        if self.returns is not None:
            await self.returns.drain(self._settings.runtime.drain / 1_000)
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError, RuntimeError_):
                await task


def run_api(settings: Settings, *, http_port: int = 0) -> int:
    """Serves until SIGTERM or SIGINT. `http_port`: of /metrics, /livez and /readyz beside the API's own port.

    Returns: 0 stopped as asked · 1 crashed · 3 stopped because going on would be wrong."""
    runtime = settings.runtime
    configure_logs(NAME, runtime.log_level, runtime.log_format)

    async def main() -> int:
        stopping, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        parent = multiprocessing.parent_process()
        if parent is not None:
            # Readable when the parent is gone, however it ended: nobody would stop this process any more.
            loop.add_reader(parent.sentinel, stopping.set)
        return await _serve(settings, http_port, stopping)

    return asyncio.run(main())


async def _serve(settings: Settings, http_port: int, stopping: asyncio.Event) -> int:
    if not settings.serves:
        _log.critical("stopped: %s", NOTHING_TO_SERVE)
        return EXIT_FATAL
    api = Api(settings)
    status = StatusServer(api.metrics.registry, lambda: not stopping.is_set(), lambda: api.ready)
    try:
        await status.start(settings.runtime.http_host, http_port)
        await api.start()
        _log.info("http://%s:%d", settings.api.host, api.port)
        await api.watch(stopping)
    except OSError as error:
        _log.critical("can't listen on %s:%d: %s", settings.api.host, settings.api.port, error.strerror)
        return EXIT_FATAL
    except WorkerError as error:
        _log.critical("stopped: %s", error)
        return EXIT_FATAL
    except RuntimeError_ as error:
        _log.critical("stopped: %s", error)
        return EXIT_CRASHED
    finally:
        await api.stop()
        await status.stop()
    _log.info("stopped")
    return EXIT_OK
