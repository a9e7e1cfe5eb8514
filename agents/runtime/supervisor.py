"""Keeps several processes running: restarts what crashes, stops all together."""

import logging
import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from types import FrameType
from typing import Any, Final

EXIT_OK: Final = 0
EXIT_CRASHED: Final = 1
EXIT_FATAL: Final = 3
"""Going on would be wrong: a restart would not help."""

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0
_STEADY: Final = 60.0
_LOOK_EVERY: Final = 0.5
_MARGIN: Final = 8.0

# Importing takes most of a start: it is done once, in the server that the processes are forked from.
_CONTEXT = multiprocessing.get_context("forkserver")

_log = logging.getLogger("touchline.supervisor")
Target = tuple[Callable[..., None], tuple[Any, ...]]


@dataclass(slots=True)
class _Child:
    name: str
    target: Target
    process: ForkServerProcess | None = None
    started: float = 0.0
    wait: float = _FIRST_WAIT
    due: float = 0.0

    def start(self) -> None:
        function, arguments = self.target
        process = _CONTEXT.Process(target=function, args=arguments, name=self.name)
        process.start()
        self.process, self.started = process, time.monotonic()


def preload(modules: Sequence[str]) -> None:
    """Names what processes will import; to be called before the first one is started."""
    _CONTEXT.set_forkserver_preload(list(modules))


def supervise(targets: Mapping[str, Target], drain: float) -> int:
    """Runs each target in a process of its own until SIGTERM or SIGINT, or until one says that going on is wrong.

    A process that ends otherwise is started again after a wait that doubles up to half a minute, and is short again
    once it has run for a minute. `drain`: seconds that a process has to finish the batch in hand.

    Returns: 0, or EXIT_FATAL."""
    stopping = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    former = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    children = [_Child(name, target) for name, target in targets.items()]
    code = EXIT_OK
    try:
        while not stopping and code == EXIT_OK:
            code = _tend(children)
    finally:
        _stop(children, drain)
        for number, handler in former.items():
            signal.signal(number, handler)
    return code


def _tend(children: list[_Child]) -> int:
    now = time.monotonic()
    for child in children:
        if child.process is None and now >= child.due:
            child.start()
    wait([child.process.sentinel for child in children if child.process], timeout=_LOOK_EVERY)
    for child in children:
        process = child.process
        if process is None or process.exitcode is None:
            continue
        if process.exitcode == EXIT_FATAL:
            _log.critical("%s has stopped because going on would be wrong; stopping the others", child.name)
            return EXIT_FATAL
        if time.monotonic() - child.started > _STEADY:
            child.wait = _FIRST_WAIT
        _log.error("%s ended with code %d; starting it again in %.1f s", child.name, process.exitcode, child.wait)
        child.due, child.wait = time.monotonic() + child.wait, min(2 * child.wait, _LONGEST_WAIT)
        process.close()
        child.process = None
    return EXIT_OK


def _stop(children: list[_Child], drain: float) -> None:
    running = [(child, child.process) for child in children if child.process is not None]
    for _, process in running:
        process.terminate()
    deadline = time.monotonic() + drain + _MARGIN
    for child, process in running:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            _log.error("%s did not stop in time: it is ended", child.name)
            process.kill()
            process.join()
