"""Staying up: until it is told to stop, showing what goes wrong meanwhile."""

import signal
import threading
import time

from rich.console import Console
from rich.text import Text

from touchline.embedded import StartFailedError
from touchline.up.environment import Environment

_LOOK_EVERY = 0.5


def stay(environment: Environment, console: Console) -> None:
    """Returns on Ctrl-C or SIGTERM.

    Raises: StartFailedError when the agents stop because going on would be wrong."""
    stopping = threading.Event()

    former = {number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    down: set[str] = set()
    try:
        while not stopping.wait(_LOOK_EVERY):
            for trouble in environment.troubles():
                console.print(Text(f"{trouble.time[11:19]} {trouble.agent}: {trouble.message}", "red"), soft_wrap=True)
            if environment.ended is not None:
                raise StartFailedError(f"the agents have stopped for good.\n{environment.log_tail()}")
            down = _say_changes(environment, down, console)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    console.print("\nstopping: agents, warehouse, broker …", style="dim")


def _say_changes(environment: Environment, before: set[str], console: Console) -> set[str]:
    now = {agent.name for agent in environment.not_ready()}
    clock = time.strftime("%H:%M:%S", time.gmtime())
    for name in sorted(now - before):
        console.print(f"{clock} {name} is not ready", style="yellow")
    for name in sorted(before - now):
        console.print(f"{clock} {name} is ready again", style="green")
    return now
