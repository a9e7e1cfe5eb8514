"""Run one program and end it when whoever started the guard is gone.

Usage: ``python -I -S guard.py PROGRAM ARG...``, with a pipe as standard input whose other end the parent
keeps open. The operating system closes that end however the parent dies, so the guard reads end-of-file
and stops the program. That needs no help from the program and works on every POSIX system. On Linux the
program also dies with the guard itself (``PR_SET_PDEATHSIG``); elsewhere a guard that is killed with
SIGKILL, alone, leaves its program running.

PR_SET_PDEATHSIG is not used between the parent and the guard: it fires when the *thread* that started
the child ends, and a broker may well be started from a thread that does not last.

Only the standard library, and little of it: a guard costs about 10 MiB and 20 ms.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable

STOP_SECONDS = 1.0  # a broker in memory has nothing to save, and waits for its clients for ever
_PR_SET_PDEATHSIG = 1


def _die_with_the_guard() -> Callable[[], None] | None:
    """What the child does between fork and exec on Linux; safe because the guard has one thread."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    return ask


def _wait(child: subprocess.Popen[bytes], wake: int) -> None:
    """Return when the child has ended, a signal asks to stop, or standard input is closed."""
    while child.poll() is None:
        readable, _, _ = select.select([0, wake], [], [])
        if 0 in readable and not os.read(0, 4096):
            return
        if wake in readable and set(os.read(wake, 64)) & {signal.SIGTERM, signal.SIGINT}:
            return


def main(argv: list[str]) -> int:
    """Run ``argv`` until it ends or the guard is asked to stop; its exit code is returned."""
    wake, poke = os.pipe()
    os.set_blocking(poke, False)
    signal.set_wakeup_fd(poke, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=_die_with_the_guard())  # noqa: PLW1509
    _wait(child, wake)
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
