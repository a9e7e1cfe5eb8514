"""The documents as tests read them: blocks of code, inline code, headings, links, and the commands that they show."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from touchline.cli import main

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.*)$", re.MULTILINE)
_SHELLS = {"", "sh", "console", "text"}
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_:]*…?(\.[a-z]+)?|…")
"""`FILE…`, `MAP.yaml`, `PARTITION:OFFSET`: the reader's own stands there."""


class Block(NamedTuple):
    """A fenced block: the page, the line where its text begins, its language, and the text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """For the id of a test."""
        return f"{self.page.name}:{self.line}"


def blocks(page: Path, *languages: str) -> list[Block]:
    """The blocks of a page, of some languages or all."""
    text = page.read_text(encoding="utf-8")
    found = (
        Block(page, text.count("\n", 0, m.start("text")) + 1, m["info"].partition(" ")[0], m["text"])
        for m in _FENCE.finditer(text)
    )
    return [block for block in found if not languages or block.language in languages]


def section(page: Path, heading: str) -> list[Block]:
    """The blocks below a heading of the second level."""
    text = page.read_text(encoding="utf-8")
    begin = text.index(f"\n## {heading}\n")
    end = text.find("\n## ", begin + 1)
    first, last = (text.count("\n", 0, at if at >= 0 else len(text)) for at in (begin, end))
    return [block for block in blocks(page) if first < block.line <= last]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def inline(page: Path) -> list[str]:
    """The inline code of a page; where a line ends inside it, a blank."""
    return [" ".join(code.split()) for code in _INLINE.findall(prose(page))]


def links(page: Path) -> list[str]:
    """Where the links of a page lead to, those to other sites left out."""
    return [target for target in _LINK.findall(prose(page)) if "://" not in target and not target.startswith("mailto:")]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings in links."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(prose(page))}


def commands(page: Path) -> Iterator[str]:
    """Every `touchline …` that a page shows: in blocks for a shell (a remark may stand behind it), and inline."""
    for block in blocks(page):
        if block.language in _SHELLS:
            for line in block.text.replace("\\\n", " ").splitlines():
                if line.startswith("touchline "):
                    yield re.split(r"\s{3,}|\s+# ", line)[0].strip()
    yield from (code for code in inline(page) if code.startswith("touchline "))


def trouble(command: str) -> str | None:
    """What is wrong with a command line, None when it could be run; it is not.

    Files need not be there, what stands in capitals or as `…` is left to the reader, and a command may be named
    without any arguments."""
    words = [word for word in shlex.split(command) if word != "…"]
    try:
        _parse(main, "touchline", words[1:])
    except click.UsageError as error:
        return f"{command}: {error.format_message()}"
    return None


def _parse(command: click.Command, name: str, words: list[str], parent: click.Context | None = None) -> None:
    ctx = click.Context(command, parent=parent, info_name=name)
    values, rest, _ = command.make_parser(ctx).parse_args(list(words))
    for parameter in command.get_params(ctx):
        given = values.get(parameter.name or "")
        written = [value for value in (given if isinstance(given, list | tuple) else [given]) if isinstance(value, str)]
        for value in written:
            if not _PLACEHOLDER.fullmatch(value):
                _convert(parameter, value, ctx)
        if isinstance(parameter, click.Argument) and parameter.required and not written and words:
            raise click.MissingParameter(ctx=ctx, param=parameter)
    if isinstance(command, click.Group):
        if rest:
            below_name, below, arguments = command.resolve_command(ctx, rest)
            assert below is not None
            _parse(below, below_name or "", arguments, ctx)
    elif rest:
        raise click.UsageError(f"one argument too much: {rest[0]}", ctx)


def _convert(parameter: click.Parameter, value: str, ctx: click.Context) -> None:
    if not isinstance(parameter.type, click.Path | click.File):
        parameter.type.convert(value, parameter, ctx)
