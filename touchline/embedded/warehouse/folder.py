"""The data folder of a warehouse: one process owns it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from touchline.embedded.errors import EmbeddedError, FolderInUseError

_LOCK_NAME = "touchline.lock"


def lock_folder(folder: Path) -> IO[str]:
    """Lock the folder for this process; the operating system drops the lock when the process ends."""
    special = set(str(folder)) & set("?*{}")
    if special:  # the engine reads options or patterns out of them
        raise EmbeddedError(f"the warehouse folder {folder} may not have {min(special)} in its name: rename it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK_NAME).open("a+", encoding="ascii")
    except OSError as error:
        raise EmbeddedError(f"the warehouse folder {folder} can't be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise FolderInUseError(folder, int(owner) if owner.isdigit() else None) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def empty_folder(folder: Path) -> Path:
    """Make the folder, or empty it of what a killed process left."""
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    return folder
