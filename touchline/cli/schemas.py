"""`touchline schemas`."""

from pathlib import Path

import click

from touchline.cli.errors import Failed
from touchline.schemas.export import export


@click.group()
def schemas() -> None:
    """Export the contracts as JSON Schema."""


@schemas.command("export", short_help="Write JSON Schema, AsyncAPI and OpenAPI files.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export_(folder: Path) -> None:
    """Write a JSON Schema of each contract, an AsyncAPI document of the topics and an OpenAPI one to FOLDER."""
    try:
        written = export(folder)
    except OSError as error:
        raise Failed(f"{error.filename or folder}: can't be written: {error.strerror}") from None
    for path in written:
        click.echo(path)
