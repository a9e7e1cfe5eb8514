"""``python -m touchline.embedded.warehouse --data DIR --port N --http-port N``.

Prints one line of JSON with the ports when it is ready, and runs until SIGTERM or Ctrl-C. With
``--attached`` its settings come as one line of JSON on standard input, and the end of standard input ends
it: the way `EmbeddedWarehouse` starts it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from touchline.embedded.errors import EmbeddedError, FolderInUseError, PortInUseError
from touchline.embedded.warehouse.server import WarehouseServer
from touchline.embedded.warehouse.settings import ServerSettings, User, users_from_mapping


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m touchline.embedded.warehouse", description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder that keeps the data")
    parser.add_argument("--port", type=int, default=9000, help="native protocol; 0 picks a free port")
    parser.add_argument("--http-port", type=int, default=8123, help="HTTP; 0 picks a free port")
    parser.add_argument(
        "--users", type=Path, help='a JSON file, {"name": ["password", readonly]}; default: "default" without one'
    )
    parser.add_argument("--attached", action="store_true", help="settings from, and life of, standard input")
    found = parser.parse_args(argv)
    if not found.attached and found.data is None:
        parser.error("--data is required")
    return found


def _users(path: Path | None) -> tuple[User, ...]:
    if path is None:
        return users_from_mapping({})
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return users_from_mapping({name: (str(entry[0]), bool(entry[1])) for name, entry in raw.items()})
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise EmbeddedError(
            f'the users file {path} can\'t be read ({error}): {{"name": ["password", true]}} is expected'
        ) from None


def _settings(arguments: argparse.Namespace) -> ServerSettings:
    if arguments.attached:
        return ServerSettings.from_json(sys.stdin.readline())
    return ServerSettings(arguments.data.resolve(), arguments.port, arguments.http_port, _users(arguments.users))


def _failure(error: EmbeddedError) -> str:
    """The error as a line of JSON, for the process that started this one."""
    report: dict[str, object] = {"ready": False, "message": str(error)}
    if isinstance(error, PortInUseError):
        report["port"] = error.port
    elif isinstance(error, FolderInUseError):
        report["pid"] = error.pid
    return json.dumps({**report, "kind": type(error).__name__})


def _end_with_standard_input(stop: threading.Event) -> None:
    while os.read(0, 4096):  # not sys.stdin: a thread waiting in it would hold up the end of the process
        pass
    stop.set()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the warehouse; 0 after a stop, 1 when it could not start."""
    os.environ["TZ"] = "UTC"  # the engine's time zone, hence the one of columns without one
    time.tzset()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    arguments = _arguments(argv)
    try:
        server = WarehouseServer(_settings(arguments))
    except EmbeddedError as error:
        if arguments.attached:
            print(_failure(error), flush=True)  # noqa: T201
        else:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if arguments.attached:
        threading.Thread(target=_end_with_standard_input, args=(stop,), daemon=True).start()
    server.start()
    print(server.ready_line(), flush=True)  # noqa: T201
    stop.wait()
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
