"""Several processes: what crashes is started again, what is wrong stops all, and all stop together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from touchline.agents.runtime.supervisor import EXIT_FATAL

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0


def live(folder: str, name: str, code: int) -> None:
    """A process that says that it began; `code` -1: it works until it is told to stop, else it ends with it."""
    place = Path(folder)
    with (place / f"{name}.starts").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if code >= 0:
        sys.exit(code)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        signal.pause()


def supervised(folder: Path, **codes: int) -> "subprocess.Popen[bytes]":
    """A supervisor of such processes."""
    targets = ", ".join(f"'{name}': (live, ({str(folder)!r}, '{name}', {code}))" for name, code in codes.items())
    program = (
        "import sys; from tests.runtime.test_supervisor import live; "
        "from touchline.agents.runtime.supervisor import supervise\n"
        f"if __name__ == '__main__': sys.exit(supervise({{{targets}}}, 5))"
    )
    (folder / "program.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, str(folder / "program.py")], env=environment)


def starts(folder: Path, name: str) -> list[int]:
    """Process ids of all starts so far."""
    file = folder / f"{name}.starts"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def wait_for_starts(folder: Path, name: str, count: int) -> list[int]:
    """Waits until it was started so many times."""
    deadline = time.monotonic() + PATIENCE
    while len(found := starts(folder, name)) < count:
        assert time.monotonic() < deadline
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_process_that_crashes_is_started_again_and_all_stop_together(tmp_path: Path) -> None:
    supervisor = supervised(tmp_path, steady=-1, crashing=1)
    wait_for_starts(tmp_path, "crashing", 2)
    (steady,) = wait_for_starts(tmp_path, "steady", 1)
    os.kill(steady, signal.SIGKILL)
    _, again = wait_for_starts(tmp_path, "steady", 2)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE) == 0
    assert gone(again)


def test_one_that_must_not_go_on_stops_all(tmp_path: Path) -> None:
    supervisor = supervised(tmp_path, steady=-1, wrong=EXIT_FATAL)
    assert supervisor.wait(PATIENCE) == EXIT_FATAL
    assert len(starts(tmp_path, "wrong")) == 1
    assert all(gone(pid) for pid in starts(tmp_path, "steady"))
