"""Reads a YAML file into a pydantic type; every mistake is told with its line, its column and what was expected."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from touchline.schemas.types import IN_A_FILE
from touchline.schemas.wording import HIDDEN, SCALAR_TYPES, did_you_mean, fields_at, in_words, shown, yaml_in_words

__all__ = ["FileError", "Finding", "Mistake", "YamlFile", "did_you_mean", "load_yaml", "read_text", "yaml_files"]

T = TypeVar("T")
Path_ = tuple[str | int, ...]

_SCALARS: Final = (bool, int, float, str)
_ABSENT: Final = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_TESTS: Final = (".test.yaml", ".test.yml")
_SECRET: Final = re.compile(r"password|secret|token", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file. Line and column count from 1."""

    line: int
    column: int
    where: str
    message: str

    def __str__(self) -> str:
        """`line:column: where: message`."""
        return (
            f"{self.line}:{self.column}: {self.where}: {self.message}"
            if self.where
            else (f"{self.line}:{self.column}: {self.message}")
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a place in a file. `severity`: `error` (it can't count, or can't do what it says),
    `warning`, or `note`. `code` is one word for programs."""

    file: str
    line: int
    column: int
    where: str
    severity: str
    code: str
    message: str

    def __str__(self) -> str:
        """`file:line:column: severity: where: message`."""
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {where}{self.message}"


class FileError(Exception):
    """A file can't be used. `mistakes` lists all that is wrong with it, in the order of lines."""

    def __init__(self, name: str, mistakes: Sequence[Mistake]) -> None:
        self.name = name
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.line, m.column)))
        super().__init__("\n".join(f"{name}:{mistake}" for mistake in self.mistakes))


class YamlFile:
    """A parsed YAML file that still knows where everything stood.

    Raises: FileError when it is no YAML, or has a key twice.
    """

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._lines = text.splitlines()
        parser = YAML(typ="rt", pure=True)
        parser.allow_duplicate_keys = False
        try:
            self._tree: Any = parser.load(StringIO(text))
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise FileError(
                name, [Mistake(line, column, "", yaml_in_words(str(error.problem or error.context or "is not YAML")))]
            ) from None
        except YAMLError as error:
            raise FileError(name, [Mistake(1, 1, "", str(error).splitlines()[0])]) from None
        except RecursionError:
            raise FileError(name, [Mistake(1, 1, "", "is nested too deeply")]) from None
        self.data: Any = _plain(self._tree)

    @classmethod
    def read(cls, path: Path) -> "YamlFile":
        """Reads a file.

        Raises: FileError, also when it can't be read."""
        return cls(read_text(path), str(path))

    def place(self, path: Path_) -> tuple[int, int]:
        """Line and column, from 1, of what stands at a path of keys and indexes, or of its nearest parent."""
        node, place = self._tree, (1, 1)
        for step in path:
            if isinstance(node, CommentedMap) and step in node:
                line, column = node.lc.value(step)
            elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
                line, column = node.lc.item(step)
            else:
                break
            node, place = node[step], (line + 1, column + 1)
        return place

    def text_place(self, path: Path_, line: int, column: int) -> tuple[int, int]:
        """Line and column in the file of a place inside the text at a path; both count from 1. Exact for texts on one
        line and for `|` blocks; where YAML joins lines, as near as can be said."""
        row, start = self.place(path)
        source = self._lines[row - 1] if row <= len(self._lines) else ""
        opening = source[start - 1 : start]
        if opening in {"|", ">"}:
            row = min(row + line, len(self._lines))
            indent = len(self._lines[row - 1]) - len(self._lines[row - 1].lstrip())
            return row, indent + column
        return row, start + column - (0 if opening in {"'", '"'} else 1)

    def key_place(self, path: Path_) -> tuple[int, int]:
        """Line and column, from 1, of a key itself rather than of its value."""
        node = self._tree
        for step in path[:-1]:
            node = node[step]
        if isinstance(node, CommentedMap) and path and path[-1] in node:
            line, column = node.lc.key(path[-1])
            return line + 1, column + 1
        return self.place(path)

    def mistake(self, path: Path_, message: str) -> Mistake:
        """A mistake at a path."""
        return Mistake(*self.place(path), ".".join(map(str, path)), message)

    def finding(self, path: Path_, severity: str, code: str, message: str) -> Finding:
        """Something about a path."""
        return Finding(self.name, *self.place(path), ".".join(map(str, path)), severity, code, message)

    def as_type(self, adapter: TypeAdapter[T]) -> T:
        """The content as a type.

        Raises: FileError with every mistake."""
        try:
            return adapter.validate_python(self.data if self.data is not None else {}, context=IN_A_FILE)
        except ValidationError as error:
            raise FileError(self.name, list(self._mistakes(error, adapter))) from None

    def _mistakes(self, error: ValidationError, adapter: TypeAdapter[Any]) -> Iterable[Mistake]:
        errors = error.errors(include_url=False)
        paths = [self._real_path(found["loc"], absent=found["type"] in _ABSENT) for found in errors]
        told: set[tuple[Path_, str]] = set()
        for found, path in zip(errors, paths, strict=True):
            where = ".".join(map(str, path))
            if found["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
                known = fields_at(adapter.json_schema(), found["loc"][:-1])
                yield Mistake(*self.key_place(path), where, "is not a field here" + did_you_mean(str(path[-1]), known))
            elif found["type"] in _ABSENT:
                yield Mistake(*self.place(path[:-1]), where, "is needed")
            elif found["type"] == "too_short" and any(len(p) > len(path) and p[: len(path)] == path for p in paths):
                continue  # it has entries: the wrong ones among them were not counted
            elif (message := _message(found, path, errors, paths)) and (path, message) not in told:
                told.add((path, message))
                yield Mistake(*self.place(path), where, message)

    def _real_path(self, loc: Path_, *, absent: bool) -> Path_:
        """pydantic names union members in its paths; only what stands in the file is kept (and a last key that does not
        stand there, when that is the mistake)."""
        node, path = {} if self.data is None else self.data, []
        for index, step in enumerate(loc):
            inside = isinstance(node, dict) and step in node
            if inside or (isinstance(node, list) and isinstance(step, int) and step < len(node)):
                node = node[step]
            elif not absent or index != len(loc) - 1 or not isinstance(node, dict):
                continue
            path.append(step)
        return tuple(path)


def read_text(path: Path) -> str:
    """The text of a file.

    Raises: FileError when it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(str(path), [Mistake(1, 1, "", f"can't be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise FileError(str(path), [Mistake(1, 1, "", f"is not UTF-8: byte {error.start}")]) from None


def yaml_files(paths: Iterable[Path], what: str, *, tests: bool = False) -> list[Path]:
    """The YAML files among files and folders (folders with all below them that is not hidden), in order of name; of
    folders without tests (`*.test.yaml`), unless they may have such names. `what` they are files of, in words.

    Raises: FileError when a path is not there."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.suffix in {".yaml", ".yml"} and _seen(p, path))
            found.extend(p for p in below if tests or not p.name.endswith(_TESTS))
        elif path.is_file():
            found.append(path)
        else:
            message = f"there is no such file or folder of {what}, seen from where the command runs"
            raise FileError(str(path), [Mistake(1, 1, "", message)])
    return list(dict.fromkeys(found))


def _seen(path: Path, folder: Path) -> bool:
    """Whether it is a file that `ls` shows. Kubernetes keeps what a mounted ConfigMap holds in a hidden folder beside
    the links to it: read there as well, each file would be found twice."""
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def load_yaml(path: Path, adapter: TypeAdapter[T]) -> T:
    """Reads a YAML file as a type.

    Raises: FileError with every mistake's line, column and what was expected."""
    return YamlFile.read(path).as_type(adapter)


def _message(found: Any, path: Path_, errors: Sequence[Any], paths: Sequence[Path_]) -> str:
    """What is wrong. Where several types are allowed pydantic complains once for each: then they are named together."""
    if any(_SECRET.search(str(step)) for step in path):
        return in_words(found | {"input": HIDDEN})
    same = [other for other, place in zip(errors, paths, strict=True) if place == path]
    words = list(dict.fromkeys(SCALAR_TYPES.get(other["type"], "") for other in same))
    if len(words) > 1 and all(words):
        return f"expected {', '.join(words[:-1])} or {words[-1]}, not {shown(found['input'])}"
    return in_words(found)


def _plain(node: Any) -> Any:
    """The tree without ruamel's types, so that nothing of them reaches the logic."""
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if node is None or type(node) in _SCALARS:
        return node
    if isinstance(node, ScalarBoolean):  # an int to Python, as is a bool itself
        return bool(node)
    return next((kind(node) for kind in _SCALARS if isinstance(node, kind)), node)
