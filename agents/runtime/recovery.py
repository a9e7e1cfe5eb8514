"""Opening a shard: where it goes on, whether its topics are the ones that it knows, and how far the reading is."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from touchline.agents.runtime.errors import WorkerError
from touchline.agents.runtime.watchdog import Progress

_TELL_EVERY: Final = 2.0


def check_partitions(recorded: Mapping[str, int], found: Mapping[str, int]) -> None:
    """Compares the partition counts of keyed topics with those under which the state was written.

    Raises: WorkerError. With another count a customer's events go to another shard than their state."""
    for topic, count in recorded.items():
        if topic in found and found[topic] != count:
            raise WorkerError(
                f"topic {topic} has {found[topic]} partitions, and the state was written when it had {count}: "
                "the partition count of keyed topics is fixed. Restore the count, or start a new environment and "
                "import the history into it"
            )


def start_offsets(
    recorded: Mapping[str, int], bounds: Mapping[str, tuple[int, int | None]]
) -> tuple[dict[str, int], dict[str, int]]:
    """Where to go on reading.

    Args:
        recorded: the next offset by topic, from the state.
        bounds: the first offset that is still there, and the last stable offset (None: not known), by topic.

    Returns: the offset to read next of each topic; and how many records are gone, for topics where some are.
    Raises: WorkerError when a topic is shorter than what the state has read of it."""
    offsets, lost = {}, {}
    for topic, (first, last) in bounds.items():
        offset = recorded.get(topic, first)
        if last is not None and offset > last:
            raise WorkerError(
                f"topic {topic} ends at offset {last}, but its first {offset} records are in the state already: the "
                "topic was created anew. Delete the state topics as well, or start a new environment"
            )
        if offset < first:
            lost[topic] = first - offset
        offsets[topic] = max(offset, first)
    return offsets, lost


def tell_progress(log: logging.Logger, partition: int, progress: Progress) -> Callable[[int, int], None]:
    """A callback (records read, offsets left) that logs a line every two seconds, and tells the watchdog."""
    started = told = time.monotonic()

    def tell(records: int, left: int) -> None:
        nonlocal told
        progress.moved()
        now = time.monotonic()
        if now - told >= _TELL_EVERY:
            told = now
            rate = records / (now - started)
            log.info("shard %d: recovering, %d records read (%.0f/s), %d offsets left", partition, records, rate, left)

    return tell
