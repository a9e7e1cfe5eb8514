"""The warehouse process: two listeners on loopback over one engine."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Callable
from typing import Any

from touchline.embedded.errors import PortInUseError
from touchline.embedded.process import LOOPBACK
from touchline.embedded.warehouse.engine import Engine
from touchline.embedded.warehouse.http import HttpClient
from touchline.embedded.warehouse.hub import Hub
from touchline.embedded.warehouse.native import NativeClient
from touchline.embedded.warehouse.settings import ServerSettings

_CLOSE_SECONDS = 5.0
_log = logging.getLogger(__name__)


class _Listener(socketserver.ThreadingTCPServer):
    """Accepts connections, serves each in a thread, and can end them all."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, what: str, port: int, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._open: dict[socket.socket, threading.Thread] = {}
        self._open_lock = threading.Lock()
        try:
            super().__init__((LOOPBACK, port), socketserver.BaseRequestHandler)
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                raise PortInUseError(what, LOOPBACK, port) from None
            raise

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, name=f"accept-{self.port}", daemon=True).start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open[request] = threading.current_thread()
        try:
            self._serve(request)
        finally:
            with self._open_lock:
                self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.exception("a connection ended by an error of the server")

    def close(self) -> None:
        """Accept no more, end the open connections, and wait for their threads."""
        self.shutdown()
        self.server_close()
        with self._open_lock:
            still_open = dict(self._open)
        for connection in still_open:
            try:
                connection.shutdown(socket.SHUT_RDWR)  # their queries are killed: the watcher sees a hang-up
            except OSError:
                _log.debug("a connection was closed already")
        for thread in still_open.values():
            thread.join(_CLOSE_SECONDS)


class WarehouseServer:
    """Everything that one warehouse process runs. Raises PortInUseError, FolderInUseError."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        # The ports first: they fail in a millisecond, the engine needs a second.
        self._native = _Listener("the warehouse's native port", settings.port, self._serve_native)
        try:
            self._http = _Listener("the warehouse's HTTP port", settings.http_port, self._serve_http)
        except PortInUseError:
            self._native.server_close()
            raise
        try:
            self._hub = Hub(settings, Engine(settings))
        except BaseException:
            self._native.server_close()
            self._http.server_close()
            raise

    def _serve_native(self, connection: socket.socket) -> None:
        NativeClient(connection, self._hub).serve()

    def _serve_http(self, connection: socket.socket) -> None:
        HttpClient(connection, self._hub).serve()

    def start(self) -> None:
        self._native.start()
        self._http.start()

    def ready_line(self) -> str:
        """What the process prints when it is ready: one line of JSON."""
        return json.dumps(
            {
                "ready": True,
                "host": LOOPBACK,
                "port": self._native.port,
                "http_port": self._http.port,
                "pid": os.getpid(),
                "version": self._hub.engine.version,
            }
        )

    def close(self) -> None:
        """End the connections and close the engine, so that all is on disk."""
        self._native.close()
        self._http.close()
        self._hub.watcher.close()
        self._hub.engine.close()
