"""`touchline rejected`: the dead letters."""

import re
from collections import Counter
from typing import Any

import click

from touchline.cli.context import connection_of, json_option, print_json, settings_of
from touchline.cli.errors import Failed
from touchline.client.reader import ReadRecord, TopicReader
from touchline.pipeline.engine.reject import rejection_of
from touchline.schemas.rejection import RejectCode, Rejection
from touchline.schemas.wire import ERROR_TRUNCATED, REJECTED


@click.group()
def rejected() -> None:
    """Look at records that were refused: why, where they came from, and what they were."""


@rejected.command("list")
@click.option("--code", type=click.Choice([code.value for code in RejectCode]), help="Only those with this reason.")
@click.option("-n", "--number", type=click.IntRange(min=1), default=50, show_default=True, help="The last so many.")
@json_option
@click.pass_context
def list_(ctx: click.Context, /, *, code: str | None, number: int, as_json: bool) -> None:
    """List the last ones, oldest first, and count them all by reason."""
    counts: Counter[str] = Counter()
    last: list[tuple[ReadRecord, Rejection]] = []
    with TopicReader(connection_of(settings_of(ctx)), REJECTED) as reader:
        for record in reader.read_all():
            why = rejection_of(record)
            if why is None or (code is not None and why.code != code):
                continue
            counts[why.code] += 1
            last.append((record, why))
            if len(last) > 4 * number:
                last = _newest(last, number)
    last = _newest(last, number)
    if as_json:
        print_json({"count": dict(counts), "rejected": [_as_json(record, why) for record, why in last]})
        return
    for record, why in last:
        field = f"{why.field}: " if why.field else ""
        click.echo(f"{_id(record)}  {why.at:%Y-%m-%d %H:%M:%S}Z  {why.code}: {field}{why.message}")
    total = ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())
    click.echo(total or "nothing was rejected", err=True)


@rejected.command()
@click.argument("place", metavar="PARTITION:OFFSET")
@json_option
@click.pass_context
def show(ctx: click.Context, /, place: str, *, as_json: bool) -> None:
    """Show one whole, by its place in the list."""
    found = re.fullmatch(r"(\d+):(\d+)", place)
    if found is None:
        raise click.UsageError(
            f"{place} is no place: write PARTITION:OFFSET, as `touchline rejected list` shows it", ctx
        )
    with TopicReader(connection_of(settings_of(ctx)), REJECTED) as reader:
        record = reader.record_at(int(found[1]), int(found[2]))
    why = rejection_of(record) if record is not None else None
    if record is None or why is None:
        raise Failed(f"there is no rejected record at {place}: it may be older than the topic keeps")
    if as_json:
        print_json(_as_json(record, why) | {"value": _text(record.value), "headers": _headers(record)})
        return
    click.echo(f"why       {why.code}" + (f", field {why.field}" if why.field else ""))
    click.echo(f"          {why.message}")
    click.echo(f"from      {why.topic}, partition {why.partition}, offset {why.offset}")
    click.echo(f"at        {why.at:%Y-%m-%d %H:%M:%S}Z")
    click.echo(f"key       {_text(record.key)}")
    for name, text in _headers(record).items():
        click.echo(f"header    {name}: {text}")
    cut = record.header(ERROR_TRUNCATED)
    if cut is not None:
        click.echo(f"cut       the original was larger: {cut.decode('utf-8', 'replace')}")
    click.echo(f"value     {_text(record.value)}")


def _newest(found: list[tuple[ReadRecord, Rejection]], number: int) -> list[tuple[ReadRecord, Rejection]]:
    return sorted(found, key=lambda pair: (pair[1].at, pair[0].partition, pair[0].offset))[-number:]


def _as_json(record: ReadRecord, why: Rejection) -> dict[str, Any]:
    return {
        "place": _id(record),
        "code": why.code,
        "field": why.field,
        "message": why.message,
        "topic": why.topic,
        "partition": why.partition,
        "offset": why.offset,
        "at": why.at,
        "key": _text(record.key),
    }


def _id(record: ReadRecord) -> str:
    return f"{record.partition}:{record.offset}"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")


def _headers(record: ReadRecord) -> dict[str, str | None]:
    """Those that came with the record."""
    ours = ("__connect.errors.", "touchline-error-")
    return {name: _text(text) for name, text in record.headers if not name.startswith(ours)}
