"""What the demo runs on: the simulated shop, or files with a map."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from touchline.client.publisher import Publisher
from touchline.importer import ImportOptions, ImportReport, Progress, run_import
from touchline.importer.mapper import Made
from touchline.importer.run import publish_in_order
from touchline.schemas.codec import encode
from touchline.schemas.control import Control
from touchline.schemas.wire import CONTROL_HEADER
from touchline.simulator import Plan, touchpoints

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Published:
    """What was published: touchpoints (repeats and broken ones among them), and rows that could not be read."""

    touchpoints: int
    bad_rows: int = 0


class Source(Protocol):
    """Something that can be published on the log clock."""

    @property
    def name(self) -> str:
        """What it is, in a few words."""

    def publish(self, publisher: Publisher, on_progress: OnProgress) -> Published:
        """Publishes all of it in the order of time, then says that time has come to its end."""


class Simulated:
    """The simulated shop.

    Args:
        plan: which one.
        lateness: how far behind the greatest time timers stay, in milliseconds (`journey.lateness`).
    """

    def __init__(self, plan: Plan, lateness: int) -> None:
        self.plan = plan
        self._lateness = lateness

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        return f"simulated shop, {self.plan.customers:,} customers, {self.plan.days} days, seed {self.plan.seed}"

    def publish(self, publisher: Publisher, on_progress: OnProgress) -> Published:
        """See `Source`."""
        made = [Made(event.at, event.key, event.value) for event in touchpoints(self.plan)]
        report = ImportReport("simulated")
        options = ImportOptions()
        publish_in_order(made, len(made), publisher, options=options, report=report, on_progress=on_progress)
        # Until here the shop is known: what was due before and did not happen shall be noticed.
        say_time(publisher, Control(high=self.plan.end + self._lateness))
        publisher.flush()
        return Published(report.published)


class Files:
    """Files, read by a map."""

    def __init__(self, files: Sequence[Path], map_path: Path) -> None:
        self.files = tuple(files)
        self.map = map_path

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        return f"{', '.join(path.name for path in self.files)} by {self.map.name}"

    def publish(self, publisher: Publisher, on_progress: OnProgress) -> Published:
        """See `Source`. Rows that can't be read are left out and counted."""
        report = run_import(self.files, self.map, publisher, ImportOptions(skip_bad=True), on_progress)
        return Published(report.published, report.failed)


def say_time(publisher: Publisher, control: Control) -> None:
    """Tells every raw partition."""
    value = encode(control)
    for partition in range(publisher.partitions):
        publisher.send(value, partition=partition, headers=((CONTROL_HEADER, b"1"),))
