"""The agents' processes below an environment: a supervisor of their own, their output in a file."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from touchline.agents.registry import API
from touchline.agents.settings import Settings

_MARGIN = 12.0


class AgentProcesses:
    """The supervisor of the agents as a child process. It is warmed up while broker and warehouse are still starting,
    for importing takes longest; `run` then tells it what to run. Stop it before what the agents write to."""

    def __init__(self, agents: Sequence[str], log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        theirs, self._ours = context.Pipe(duplex=False)
        self._process: SpawnProcess = context.Process(
            target=_supervise, args=(theirs, tuple(agents), str(log)), name="touchline-agents"
        )
        self._process.start()
        theirs.close()
        self._patience = _MARGIN

    def run(self, settings: Settings) -> None:
        """Starts the agents; see `touchline.up.health` for when they are ready."""
        self._patience = settings.runtime.drain / 1_000 + _MARGIN
        self._ours.send(settings)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.exitcode

    def stop(self) -> None:
        """Lets the agents finish the batch in hand; ends what does not stop in time."""
        self._ours.close()
        self._process.terminate()
        self._process.join(self._patience)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()


def _supervise(orders: Connection, agents: Sequence[str], log: str) -> None:
    """Runs in the child: output to the log, an end when the parent is gone."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    # Ctrl-C reaches the whole group of processes of a terminal; who stops whom, and when, is the parent's to say.
    os.setsid()
    from touchline.agents.runtime.worker import preload_agents, run_worker  # noqa: PLC0415  # the parent needs none of it

    preload_agents(agents)
    forkserver.ensure_running()
    try:
        settings: Settings = orders.recv()
    except EOFError:
        return  # it is stopped before it was to run
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    raise SystemExit(run_worker(settings, processes(settings)))


def processes(settings: Settings) -> tuple[str, ...]:
    """What runs as a process each: the agents, and the API where there is anything to serve."""
    return (*settings.runtime.agents, API) if settings.serves else settings.runtime.agents


def _end_with(sentinel: int) -> None:
    """However the parent ended, nobody would stop this process any more."""
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
