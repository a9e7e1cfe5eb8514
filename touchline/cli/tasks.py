"""`touchline tasks`."""

from typing import Final

import click
from rich.console import Console

from touchline.cli.context import connection_of, json_option, settings_of
from touchline.cli.errors import Failed
from touchline.cli.pretty import pretty
from touchline.client.reader import ReadRecord, TopicReader
from touchline.schemas.codec import DecodeError, decode_task
from touchline.schemas.task import Task, TaskStatus
from touchline.schemas.wire import TASKS

_OPEN: Final = "open"


@click.group()
def tasks() -> None:
    """Look at the tasks for people, as the topic outreach.tasks has them."""


@tasks.command("list")
@click.option("--queue", help="Only those of this queue.")
@click.option("--person", help="Only those of this person.")
@click.option(
    "--status",
    type=click.Choice([_OPEN, "all", *(state.value for state in TaskStatus)]),
    default=_OPEN,
    show_default=True,
    help="Only those in this state.",
)
@json_option
@click.pass_context
def list_(ctx: click.Context, /, *, queue: str | None, person: str | None, status: str, as_json: bool) -> None:
    """List tasks, as they are now: those that are due first come first."""
    found = [
        (task, record)
        for task, record in _newest(ctx).values()
        if queue in {None, task.queue}
        and person in {None, task.person}
        and (status in {"all", task.status} or (status == _OPEN and task.status.is_open))
    ]
    console = Console(highlight=False, soft_wrap=True)
    for _, record in sorted(found, key=lambda pair: (pair[0].due_at, pair[0].task_id)):
        if as_json:
            click.echo(record.value)
        else:
            console.print(pretty(TASKS, record))
    if not as_json:
        click.echo(f"{len(found):,} {'task' if len(found) == 1 else 'tasks'}", err=True)


@tasks.command()
@click.argument("task_id")
@json_option
@click.pass_context
def show(ctx: click.Context, /, task_id: str, *, as_json: bool) -> None:
    """Show a task with all that is needed for it. TASK_ID may be its beginning."""
    found = {name: pair for name, pair in _newest(ctx).items() if name.startswith(task_id)}
    if not found:
        raise Failed(
            f"there is no task {task_id} on {TASKS}: `touchline tasks list --status all` shows those there are"
        )
    if len(found) > 1:
        raise Failed(f"{len(found)} tasks begin with {task_id}: write more of it")
    task, record = next(iter(found.values()))
    click.echo(record.value if as_json else "\n".join(lines_of(task)))


def _newest(ctx: click.Context) -> dict[str, tuple[Task, ReadRecord]]:
    """The newest state of each task that the topic has."""
    newest: dict[str, tuple[Task, ReadRecord]] = {}
    with TopicReader(connection_of(settings_of(ctx)), TASKS) as reader:
        for record in reader.read_all():
            try:
                task = decode_task(record.value or b"")
            except DecodeError:
                continue
            if task.task_id not in newest or newest[task.task_id][0].revision < task.revision:
                newest[task.task_id] = (task, record)
    return newest


def lines_of(task: Task) -> list[str]:
    """A task for the one who is to do it."""
    signal = task.signal
    who = f", {task.person}" if task.person else ""
    late = " (late)" if task.late else ""
    lines = [
        f"Task {task.task_id}: {task.status}{who}",
        f"  {task.why}",
        f"Customer {task.customer}" + (f", speaks {task.language}" if task.language else ""),
        f"  queue {task.queue}, priority {task.priority}, due {task.due_at:%Y-%m-%d %H:%M %Z}{late}",
        f"What happened: {signal.rule} ({signal.severity}), for {signal.owner}",
        f"  {signal.evidence}",
        f"  {signal.action}",
    ]
    if signal.subjects:
        lines.append(f"  {' '.join(signal.subjects)}")
    if task.journey:
        lines += ["The journey:", *(f"  {line}" for line in task.journey)]
    if task.suggestion:
        lines += ["A reply to start from:", *(f"  {line}" for line in task.suggestion.splitlines())]
    if task.linked:
        lines.append(f"Other open signals: {', '.join(task.linked)}")
    return lines
