"""`touchline publish`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

import click
import msgspec

from touchline.agents.settings import Settings
from touchline.cli.context import json_option, print_json, publisher_of, settings_of
from touchline.cli.errors import Failed
from touchline.pipeline.engine.records import Headers, PlainRecord
from touchline.pipeline.enrichment.identity import customer_key
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.intake.errors import InvalidEvent
from touchline.pipeline.intake.formats import Intake
from touchline.schemas.touchpoint import Touchpoint

_STRUCTURED: Headers = (("content-type", b"application/cloudevents+json"),)


@dataclass(slots=True)
class _Sum:
    good: int = 0
    refused: int = 0


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--check", is_flag=True, help="Publish nothing: show what would become of each event, or why not.")
@json_option
@click.pass_context
def publish(ctx: click.Context, /, file: BinaryIO, *, check: bool, as_json: bool) -> None:
    """Publish touchpoints from FILE (- for the input).

    FILE holds a JSON object, an array of them, or one on each line; an event may be a touchpoint or a CloudEvent
    (structured). An event that breaks the contract is refused with its line and reason, and the others are published;
    the exit code is 1 then.
    """
    settings = settings_of(ctx)
    name = getattr(file, "name", "<stdin>")
    intake = Intake(flatten_attributes=settings.enrich.flatten_attributes)
    result = _Sum()
    with ExitStack() as stack:
        if check:
            take = _checker(settings, as_json=as_json)
        else:
            take = _sender(stack.enter_context(publisher_of(settings)), as_json=as_json)
        for place, value in read_events(file):
            headers = _headers(value)
            try:
                touchpoint = intake.touchpoint(PlainRecord(0, 0, None, value, headers))
            except InvalidEvent as error:
                result.refused += 1
                _refuse(f"{name}:{place}", error, as_json=as_json)
                continue
            take(place, value, headers, touchpoint)
            result.good += 1
    if not as_json:
        click.echo(
            f"{result.good:,} {'would be taken' if check else 'published'}, {result.refused:,} refused", err=True
        )
    if result.refused:
        raise Failed(f"{result.refused:,} of {result.good + result.refused:,} events were refused")


Taker = Callable[[int, bytes, Headers, Touchpoint], None]


def _sender(publisher: Any, *, as_json: bool) -> Taker:
    def send(place: int, value: bytes, headers: Headers, touchpoint: Touchpoint) -> None:
        key = customer_key(touchpoint.customer_id, touchpoint.identifiers).encode()
        receipt = publisher.send(value, key=key, headers=[(name, text or b"") for name, text in headers])
        if as_json:
            delivered = receipt.result()
            print_json({"line": place, "partition": delivered.partition, "offset": delivered.offset})

    return send


def _checker(settings: Settings, *, as_json: bool) -> Taker:
    catalogue = Catalogue(own_party=settings.enrich.own_party)

    def show(place: int, _value: bytes, _headers: Headers, touchpoint: Touchpoint) -> None:
        found = catalogue.place(touchpoint.kind)
        becomes: dict[str, Any] = {
            "line": place,
            "event_id": touchpoint.event_id,
            "source": touchpoint.source,
            "occurred_at": touchpoint.occurred_at,
            "kind": touchpoint.kind,
            "known_kind": found.known,
            "customer": customer_key(touchpoint.customer_id, touchpoint.identifiers),
            "channel": touchpoint.channel or found.channel,
            "stage": touchpoint.stage or found.stage,
            "party": touchpoint.party or found.party,
            "actor": touchpoint.actor or found.actor,
        }
        if as_json:
            print_json(becomes)
            return
        unknown = "" if found.known else "  (a kind that the catalogue does not list: it is taken all the same)"
        click.echo(
            f"{place}: {becomes['occurred_at'].isoformat()} {becomes['kind']} of {becomes['customer']}: "
            f"channel {becomes['channel']}, stage {becomes['stage']}, party {becomes['party']}, "
            f"actor {becomes['actor']}{unknown}"
        )

    return show


def _refuse(place: str, error: InvalidEvent, *, as_json: bool) -> None:
    if as_json:
        line = int(place.rpartition(":")[2])
        print_json({"line": line, "refused": error.code, "field": error.field, "message": error.message})
    else:
        click.echo(f"{place}: refused: {error}", err=True)
    sys.stdout.flush()


def _headers(value: bytes) -> Headers:
    """A structured CloudEvent is marked by a header on Kafka; in a file it shows by its `specversion`."""
    if b'"specversion"' in value:
        try:
            event = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return ()
        if isinstance(event, dict) and "specversion" in event:
            return _STRUCTURED
    return ()


def read_events(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The events of a file, each with the line (of an array: the number) where it stands, from 1.

    One object on each line is read as it comes, so the file may be endless. What is not JSON comes out as it is."""
    first = file.readline()
    while first and not first.strip():
        first = file.readline()
    if not first.lstrip().startswith(b"[") and _is_json(first):
        yield 1, first.strip()
        for number, line in enumerate(file, 2):
            if line.strip():
                yield number, line.strip()
        return
    whole = (first + file.read()).strip()
    try:
        parts = msgspec.json.decode(whole, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        if whole and (_is_json(whole) or b"\n" not in whole):
            yield 1, whole
        else:
            yield from ((n, line.strip()) for n, line in enumerate(whole.splitlines(), 1) if line.strip())
        return
    yield from ((number, bytes(part)) for number, part in enumerate(parts, 1))


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
