"""What commands share: the settings, the connection, and printing for people or for programs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console

from touchline.agents.settings import KafkaSettings, Settings, load_settings
from touchline.client.connection import Connection, Security
from touchline.client.publisher import Publisher
from touchline.schemas.wire import RAW

F = TypeVar("F", bound=Callable[..., Any])

TIMEOUT = 5.0
"""Seconds until a broker that does not answer is an error, for somebody who waits at a terminal."""


def settings_of(ctx: click.Context) -> Settings:
    """The settings that the command line chose.

    Raises: FileError."""
    path: Path | None = ctx.find_root().obj
    return load_settings(path)


def security_of(kafka: KafkaSettings) -> Security:
    """TLS and SASL as the settings say."""
    return Security(
        protocol=kafka.security_protocol,
        mechanism=kafka.sasl_mechanism,
        username=kafka.username,
        password=kafka.password.get_secret_value() if kafka.password else None,
        ca_file=kafka.ca_file,
    )


def connection_of(settings: Settings) -> Connection:
    """The cluster of the settings."""
    return Connection(settings.kafka.bootstrap, settings.environment, security_of(settings.kafka), TIMEOUT)


def publisher_of(settings: Settings, *, topic: str = RAW, linger: float = 0.005) -> Publisher:
    """A publisher for a topic of the environment.

    Raises: NoBroker, NoTopic."""
    kafka = settings.kafka
    return Publisher(
        kafka.bootstrap,
        environment=settings.environment,
        topic=topic,
        security=security_of(kafka),
        timeout=TIMEOUT,
        linger=linger,
    )


def json_option(command: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")(command)


def print_json(value: Any) -> None:
    """One JSON document on a line of its own."""
    click.echo(msgspec.json.encode(value, enc_hook=str).decode())


def to_terminal() -> Console:
    """Where progress and remarks go: the error stream, so that the output can be piped."""
    return Console(stderr=True, highlight=False)
