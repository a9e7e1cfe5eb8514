"""`touchline rules docs`: pages of Markdown about rules."""

from pathlib import Path

import click

from touchline.cli.errors import Failed
from touchline.pipeline.friction.load import BUILTIN
from touchline.pipeline.friction.pages import rule_pages


@click.command(short_help="Write pages about rules and their tests.")
@click.argument("paths", nargs=-1, metavar="[DIR|FILE]...", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder to write to.")
@click.option("--title", default=None, help="The title of the index.")
def docs(paths: tuple[Path, ...], out: Path, title: str | None) -> None:
    """Write a page of Markdown for each file of rules, with the tests beside it, and an index; without a path about the
    built-in rules.

    The same files give the same pages. Exit code 2 when a file has mistakes.
    """
    pages = rule_pages(paths or [BUILTIN], title or ("Rules" if paths else "The built-in rules"))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{error.filename or out}: can't be written: {error.strerror}") from None
    click.echo(f"{len(pages):,} pages in {out}", err=True)
