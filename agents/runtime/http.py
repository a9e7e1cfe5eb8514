"""What a worker says over HTTP, on loopback unless told otherwise: /metrics, /livez, /readyz."""

import logging
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_log = logging.getLogger("touchline.http")


class StatusServer:
    """Serves the state of one worker.

    Args:
        alive: whether the process works (the watchdog would end it otherwise).
        ready: whether all its shards are open.
    """

    def __init__(self, registry: CollectorRegistry, alive: Callable[[], bool], ready: Callable[[], bool]) -> None:
        self._registry = registry
        self._alive = alive
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens; port 0 takes a free one. Returns the port.

        Raises: OSError when the port is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        listening: int = self._runner.addresses[0][1]
        _log.info("http://%s:%d/metrics, /livez, /readyz", host, listening)
        return listening

    async def stop(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, request: web.Request) -> web.Response:
        return _answer(self._alive(), "alive", "stopping")

    async def _readyz(self, request: web.Request) -> web.Response:
        return _answer(self._ready(), "ready", "shards are being opened")


def _answer(good: bool, yes: str, no: str) -> web.Response:
    return web.Response(text=(yes if good else no) + "\n", status=200 if good else 503)
