"""The SQL of the warehouse: files next to this module, read as they are."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_END = re.compile(r";[ \t]*(?:\n|$)")
_COMMENT: Final = re.compile(r"\A(?:\s|--[^\n]*(?:\n|$))*")


class ChangedMigration(Exception):
    """A migration was applied and its file is another one now."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file. Each of its statements may be run again, so that one that failed half way can be."""

    number: int
    name: str
    checksum: str
    statements: tuple[str, ...]


@cache
def statement(name: str, **words: str) -> str:
    """The text of `sql/NAME.sql`. `words`: what stands in it for `{word}`: names of tables and columns, which can be no
    parameters of a statement."""
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return text


def split(text: str) -> tuple[str, ...]:
    """The statements of a file: each ends with a semicolon at the end of a line; comments before one are dropped."""
    parts = (_COMMENT.sub("", part).strip() for part in _END.split(text))
    return tuple(part for part in parts if part)


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations in order of their numbers."""
    found = []
    for file in files(__package__).joinpath("migrations").iterdir():
        match = _NAME.fullmatch(file.name)
        if match:
            text = file.read_text(encoding="utf-8")
            checksum = hashlib.sha256(text.encode()).hexdigest()
            found.append(Migration(int(match["number"]), file.name, checksum, split(text)))
    return tuple(sorted(found, key=lambda migration: migration.number))


def outstanding(known: Sequence[Migration], applied: Mapping[int, tuple[str, str]]) -> Iterable[Migration]:
    """Those of the known migrations that are still to be applied.

    Args:
        known: in order.
        applied: number to name and checksum of what was applied.

    Raises: ChangedMigration when an applied one is not what it was, or is of a newer release than this one."""
    names = {migration.number: migration for migration in known}
    for number, (name, checksum) in sorted(applied.items()):
        migration = names.get(number)
        if migration is None:
            raise ChangedMigration(
                f"the warehouse has migration {name}, which this release does not know: it was set up by a newer one; "
                "use that release"
            )
        if migration.checksum != checksum:
            raise ChangedMigration(
                f"migration {migration.name} was changed after it was applied (checksum {checksum[:12]}, the file has "
                f"{migration.checksum[:12]}): put the file back and write the change as a new migration"
            )
    return [migration for migration in known if migration.number not in applied]
