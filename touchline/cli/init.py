"""`touchline init`: the files of a new environment."""

from pathlib import Path

import click

from touchline.cli.errors import Failed, WrongUsage
from touchline.project import ExistsError, write_project


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> None:
    """Write the settings file and examples of a rule, a policy and a map into FOLDER, with comments.

    Files that are there already are never overwritten.
    """
    try:
        written = write_project(folder)
    except ExistsError as error:
        raise WrongUsage(str(error)) from None
    except OSError as error:
        raise Failed(f"{error.filename} can't be written: {error.strerror}") from None
    for path in written:
        click.echo(path)
    click.echo(
        f"\nNext:\n  cd {folder}\n"
        "  touchline up\n"
        "  touchline try events/third-error.json --history events/two-errors.ndjson\n"
        "  touchline import maps/orders.csv --map maps/orders.yaml --dry-run"
    )
