"""`touchline tail`."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import click
import msgspec
from rich.console import Console

from touchline.cli.context import connection_of, json_option, settings_of
from touchline.cli.pretty import pretty
from touchline.client.filters import SignalFilter
from touchline.client.reader import ReadRecord, TopicReader
from touchline.schemas import wire
from touchline.schemas.codec import DecodeError, decode_signal
from touchline.schemas.vocabulary import Polarity, Severity, SignalStatus
from touchline.schemas.yamlfile import did_you_mean

ALIASES: Final = {
    "raw": wire.RAW,
    "rejected": wire.REJECTED,
    "signals": wire.SIGNALS,
    "profiles": wire.CUSTOMERS,
    "context": wire.CONTEXT,
    "decisions": wire.DECISIONS,
    "deliveries": wire.DELIVERIES,
    "outbox": wire.OUTBOX,
}
"""Short names."""


@click.command()
@click.argument("topic")
@click.option("--from-start", is_flag=True, help="From the first record that the topic still has.")
@click.option("-n", "--number", type=click.IntRange(min=1), help="Stop after so many records.")
@click.option("--ticks", is_flag=True, help="Show the ticks of time too, which are in band with the others.")
@click.option("--idle", type=click.FloatRange(min=0.1), help="Stop when nothing came for so many seconds.")
@click.option("--rule", multiple=True, help="Signals of this rule. This and the following may be repeated.")
@click.option(
    "--severity", type=click.Choice([word.value for word in Severity]), help="Signals that are so bad, or worse."
)
@click.option("--owner", multiple=True, help="Signals of this department.")
@click.option("--party", multiple=True, help="Signals that this party answers for.")
@click.option(
    "--polarity", multiple=True, type=click.Choice([word.value for word in Polarity]), help="Signals of this polarity."
)
@click.option(
    "--status", multiple=True, type=click.Choice([word.value for word in SignalStatus]), help="Signals in this state."
)
@json_option
@click.pass_context
def tail(
    ctx: click.Context,
    /,
    topic: str,
    *,
    from_start: bool,
    number: int | None,
    ticks: bool,
    idle: float | None,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Show the committed records of TOPIC as they come, until Ctrl-C.

    TOPIC is touchpoints, friction.signals (or short: signals), outreach.decisions (decisions), outreach.deliveries
    (deliveries), outreach.outbox (outbox), customers (profiles), customers.context (context), touchpoints.raw (raw) or
    touchpoints.rejected (rejected).
    """
    settings = settings_of(ctx)
    name = ALIASES.get(topic, topic)
    if name not in wire.TOPICS:
        known = [*wire.TOPICS, *ALIASES]
        hint = did_you_mean(topic, known) or f": choose one of {', '.join(wire.TOPICS)}"
        raise click.UsageError(f'there is no topic "{topic}"{hint}', ctx)
    only = SignalFilter(**wanted)
    if only and (name != wire.SIGNALS or ticks):
        raise click.UsageError(
            "--rule, --severity and the like choose among signals: tail signals, without --ticks", ctx
        )
    console = Console(highlight=False, soft_wrap=True)
    with TopicReader(connection_of(settings), name) as reader:
        try:
            for record in islice(_wanted(reader.read(from_start=from_start, idle=idle), only, ticks=ticks), number):
                if as_json:
                    click.echo(as_line(record))
                else:
                    console.print(pretty(name, record))
        except KeyboardInterrupt:
            return


def _wanted(records: Iterator[ReadRecord], only: SignalFilter, *, ticks: bool) -> Iterator[ReadRecord]:
    return (record for record in records if (ticks or not record.is_tick) and (not only or _fits(record, only)))


def _fits(record: ReadRecord, only: SignalFilter) -> bool:
    """What can't be read as a signal fits no choice among them."""
    try:
        return record.value is not None and only.fits(decode_signal(record.value))
    except DecodeError:
        return False


def as_line(record: ReadRecord) -> bytes:
    """A record as one line of JSON; a value that is no JSON comes as text."""
    value: Any = None
    if record.value is not None:
        try:
            msgspec.json.decode(record.value)
            value = msgspec.Raw(record.value)
        except (msgspec.DecodeError, RecursionError):
            value = record.value.decode("utf-8", "replace")
    return msgspec.json.encode(
        {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "key": record.key.decode("utf-8", "replace") if record.key is not None else None,
            "headers": {name: (text or b"").decode("utf-8", "replace") for name, text in record.headers},
            "value": value,
        }
    )
