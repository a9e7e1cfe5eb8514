"""Watching the clients whose queries run, so that a cancel or a hang-up stops the query.

The thread that serves a client is inside the engine while its query runs. One more thread for all of them
looks at their sockets: a client that is gone, or that sends the Cancel packet, gets its query killed.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator

_CANCEL_PACKET = b"\x03"


class Watcher:
    """Calls back when the client of a running query cancels or goes away."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._wake, self._poke = socket.socketpair()
        self._wake.setblocking(False)
        self._poke.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def watching(self, client: socket.socket, stop: Callable[[], None]) -> Iterator[None]:
        """Call ``stop`` from another thread if ``client`` sends Cancel or hangs up within the block."""
        with self._lock:
            self._selector.register(client, selectors.EVENT_READ, stop)
        self._notice()
        try:
            yield
        finally:
            with self._lock, contextlib.suppress(KeyError):  # it was stopped, and is not watched any more
                self._selector.unregister(client)

    def _notice(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._poke.send(b"\x00")

    def _run(self) -> None:
        while not self._closed:
            for key, _ in self._selector.select():
                if key.data is None:
                    with contextlib.suppress(BlockingIOError):
                        self._wake.recv(4096)
                    continue
                stop = self._look(key)
                if stop is not None:  # it may take a moment, which the other clients don't wait for
                    threading.Thread(target=stop, name="stop", daemon=True).start()

    def _look(self, key: selectors.SelectorKey) -> Callable[[], None] | None:
        """What to call for a client that has something to say; in any case it is watched no longer."""
        with self._lock:
            client = key.fileobj
            if not isinstance(client, socket.socket) or client not in self._selector.get_map():
                return None
            self._selector.unregister(client)
            try:
                first = client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            except OSError:
                first = b""
            stop: Callable[[], None] = key.data
            return stop if first in {b"", _CANCEL_PACKET} else None

    def close(self) -> None:
        self._closed = True
        self._notice()
        self._thread.join()
        self._selector.close()
        self._wake.close()
        self._poke.close()
