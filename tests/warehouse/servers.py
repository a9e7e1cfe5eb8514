"""Servers that fail in one way each, and a proxy that cuts."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from random import Random

Talk = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(talk: Talk) -> Iterator[int]:
    """A port on which every connection is handed to `talk`, each in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=_talk, args=(talk, connection))
                thread.start()
                threads.append(thread)

        accepting = threading.Thread(target=accept)
        accepting.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    accepting.join()
    for thread in threads:
        thread.join()


def _talk(talk: Talk, connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        talk(connection)


def hang_up(connection: socket.socket) -> None:
    """Takes the client's greeting and closes."""
    connection.recv(4_096)


def say_nothing(connection: socket.socket) -> None:
    """Takes everything and never answers, until the client goes."""
    while connection.recv(4_096):
        pass


def talk_nonsense(connection: socket.socket) -> None:
    """Answers in another protocol."""
    connection.recv(4_096)
    connection.sendall(b"\x63HTTP/1.1 400 Bad Request\r\n\r\n")
    say_nothing(connection)


def failing_with(code: int, message: str) -> Talk:
    """A ClickHouse that answers every query with an error."""

    def talk(connection: socket.socket) -> None:
        connection.recv(4_096)
        greeting = b"\0" + _text("ClickHouse") + b"\x18\x08" + _varint(54_429) + _text("UTC") + _text("fake") + b"\1"
        connection.sendall(greeting)
        connection.recv(65_536)
        error = (
            struct.pack("<i", code) + _text("DB::Exception") + _text(f"DB::Exception: {message}") + _text("") + b"\0"
        )
        connection.sendall(b"\2" + error)
        say_nothing(connection)

    return talk


def cutting(port: int, after: int) -> Talk:
    """A proxy that lets so many bytes through to the server and then cuts both ends, the first time only."""
    cut = threading.Event()

    def limit() -> int | None:
        return None if cut.is_set() else after

    return _proxy(port, limit, cut.set)


def cutting_at_times(port: int, random: Random) -> Talk:
    """A proxy that cuts every third connection somewhere."""

    def limit() -> int | None:
        return random.randrange(200, 40_000) if random.random() < 0.3 else None

    return _proxy(port, limit, lambda: None)


def _proxy(port: int, limit: Callable[[], int | None], cut: Callable[[], None]) -> Talk:
    """`limit`: after how many bytes to the server the next connection is cut, None for never."""

    def talk(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            for end in (client, server):  # else each small packet waits for the last one's acknowledgement
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_pump, args=(server, client))
            back.start()
            left = limit()
            while data := client.recv(4_096):
                if left is not None:
                    left -= len(data)
                    if left < 0:
                        cut()
                        client.shutdown(socket.SHUT_RDWR)
                        break
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
            back.join()

    return talk


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(encoded + bytes([number]))


def _text(text: str) -> bytes:
    return _varint(len(text.encode())) + text.encode()
