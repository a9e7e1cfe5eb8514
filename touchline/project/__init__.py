"""A new environment's files, with examples that work: what `touchline init` writes."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


class ExistsError(Exception):
    """A file that would be written is there already; nothing was written. The message names all of them."""


def write_project(folder: Path) -> list[Path]:
    """Writes the files into a folder, which is made where it is missing. Other files in it stay as they are.

    Returns: what was written, in order.
    Raises: ExistsError, OSError."""
    template = files("touchline.project").joinpath("template")
    wanted = {folder / name: source for name, source in _walk(template)}
    there = [path for path in wanted if path.exists()]
    if there:
        names = ", ".join(str(path) for path in there)
        raise ExistsError(f"these files are there already, and nothing was written: {names}")
    for path, source in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
    return list(wanted)


def _walk(folder: Traversable, below: str = "") -> Iterator[tuple[str, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _walk(item, f"{below}{item.name}/")
        else:
            yield f"{below}{item.name}", item
