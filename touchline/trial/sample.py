"""A signal to try texts on: one that was told, or one that the tests of its rule come to."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.load import BUILTIN
from touchline.pipeline.friction.ruletest import files_of_tests, load_tests
from touchline.schemas.codec import decode_profile, decode_signal
from touchline.schemas.customer import Profile
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Scope, SignalStatus
from touchline.schemas.yamlfile import read_text

T = TypeVar("T")


class SampleError(Exception):
    """There is no such signal; the message says why and what to do."""


def read_signal(path: Path) -> Signal:
    """A signal from a file: as it stands on the topic, or a line of `touchline tail signals --json`.

    Raises: SampleError, FileError."""
    return _read(path, "signal", decode_signal)


def read_profile(path: Path) -> Profile:
    """A profile from a file, in the same ways.

    Raises: SampleError, FileError."""
    return _read(path, "profile", decode_profile)


def sample_signal(rule: str, rules: Iterable[Path], *, builtin: bool) -> Signal:
    """A signal of a rule that a test of it ends with, as when it was opened.

    Raises: SampleError when no test does, FileError when a file has mistakes."""
    folders = [*rules, *([BUILTIN] if builtin else [])]
    told = list(_told(rule, folders))
    # An incident itself is nobody's; who may be next has a signal of their own.
    told.sort(key=lambda signal: (signal.scope is not Scope.CUSTOMER, not signal.is_open))
    found = next(iter(told), None)
    if found is None:
        raise SampleError(
            f"no test of the rules makes a signal of {rule}: give one with --signal FILE "
            "(touchline tail signals --json -n 1 writes one)"
        )
    found.status = SignalStatus.OPENED
    return found


def _told(rule: str, folders: Iterable[Path]) -> Iterator[Signal]:
    for folder in folders:
        for path in files_of_tests([folder]) if folder.is_dir() else _beside(folder):
            if f"rule: {rule}" not in read_text(path):
                continue
            tests = load_tests(path, Catalogue())
            for number, test in enumerate(tests.tests):
                if any(expected.rule == rule for expected in test.expect):
                    yield from (signal for signal in tests.signals(number) if signal.rule == rule)


def _beside(path: Path) -> list[Path]:
    tests = path.with_name(path.stem + ".test.yaml")
    return [tests] if tests.is_file() else []


def _read(path: Path, name: str, decode: Callable[[bytes], T]) -> T:
    try:
        found = msgspec.json.decode(read_text(path))
    except msgspec.DecodeError as error:
        raise SampleError(f"{path} is no JSON: {error}") from None
    if isinstance(found, dict) and isinstance(found.get("value"), dict) and "topic" in found:
        found = found["value"]
    try:
        return decode(msgspec.json.encode(found))
    except (msgspec.MsgspecError, ValueError) as error:
        raise SampleError(f"{path} is no {name}: {error}") from None
