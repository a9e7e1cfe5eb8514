"""`touchline staff publish`."""

from contextlib import ExitStack
from typing import Any, BinaryIO

import click

from touchline.cli.context import json_option, print_json, publisher_of, settings_of
from touchline.cli.errors import Failed
from touchline.cli.publish import read_events
from touchline.pipeline.desk.intake import read
from touchline.pipeline.intake.errors import InvalidEvent
from touchline.schemas.staff import PersonChanged, QueueChanged, StaffEvent, queue_key
from touchline.schemas.wire import STAFF


@click.group()
def staff() -> None:
    """Publish who works at which queue, and what became of tasks."""


@staff.command()
@click.argument("file", type=click.File("rb"))
@click.option("--check", is_flag=True, help="Publish nothing: show what each event says, or why it would be refused.")
@json_option
@click.pass_context
def publish(ctx: click.Context, /, file: BinaryIO, *, check: bool, as_json: bool) -> None:
    """Publish events of staff from FILE (- for the input).

    FILE holds a JSON object, an array of them, or one on each line. The kinds are person.changed, queue.changed,
    task.taken, task.done and task.returned. An event that breaks its contract is refused with its line and reason, and
    the others are published; the exit code is 1 then.
    """
    settings = settings_of(ctx)
    name = getattr(file, "name", "<stdin>")
    good = refused = 0
    with ExitStack() as stack:
        publisher = None if check else stack.enter_context(publisher_of(settings, topic=STAFF))
        for place, value in read_events(file):
            try:
                event = read(value)
            except InvalidEvent as error:
                refused += 1
                _refuse(f"{name}:{place}", place, error, as_json=as_json)
                continue
            good += 1
            if publisher is None:
                _show(place, event, as_json=as_json)
                continue
            receipt = publisher.send(value, key=queue_key(event.queue).encode())
            if as_json:
                delivered = receipt.result()
                print_json({"line": place, "partition": delivered.partition, "offset": delivered.offset})
    if not as_json:
        click.echo(f"{good:,} {'would be taken' if check else 'published'}, {refused:,} refused", err=True)
    if refused:
        raise Failed(f"{refused:,} of {good + refused:,} events were refused")


def _show(place: int, event: StaffEvent, *, as_json: bool) -> None:
    if as_json:
        print_json({"line": place, "kind": event.kind, "queue": event.queue, "at": event.at})
        return
    click.echo(f"{place}: {event.at.isoformat()} {event.kind} at {event.queue}: {_in_words(event)}")


def _in_words(event: StaffEvent) -> str:
    if isinstance(event, QueueChanged):
        return f"{len(event.hours)} openings in {event.zone}" if event.hours else "always open"
    if not isinstance(event, PersonChanged):
        return f"{event.person}, task {event.task_id}"
    if event.present_from is None:
        return f"{event.person} is away"
    until = "" if event.present_until is None else f" until {event.present_until.isoformat()}"
    skills = ", ".join([*event.languages, *event.topics, *event.products]) or "no skills"
    return f"{event.person} is there from {event.present_from.isoformat()}{until}, {event.capacity} at once, {skills}"


def _refuse(where: str, place: int, error: InvalidEvent, *, as_json: bool) -> None:
    if as_json:
        refusal: dict[str, Any] = {"refused": error.code, "field": error.field, "message": error.message}
        print_json({"line": place, **refusal})
    else:
        click.echo(f"{where}: refused: {error}", err=True)
