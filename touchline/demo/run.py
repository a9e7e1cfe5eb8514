"""One run of the demo: publish, wait until all is through, report, and go live."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console

from touchline.agents.deliversettings import DeliverSettings
from touchline.agents.settings import OutreachMode, Settings
from touchline.agents.sinks.upkeep import verify
from touchline.client.connection import Connection
from touchline.client.ends import TopicEnds
from touchline.client.publisher import Publisher
from touchline.client.reader import TopicReader
from touchline.demo.bars import Bars
from touchline.demo.progress import TOPICS, DemoFailed, stages, wait_until_through
from touchline.demo.sources import Published, Source, say_time
from touchline.importer import Progress
from touchline.report.figures import Access, Check, Figures
from touchline.report.gather import Intake, Told, gather
from touchline.report.words import number
from touchline.schemas.codec import decode_decision
from touchline.schemas.control import ClockMode, Control
from touchline.schemas.wire import OUTBOX
from touchline.up import Environment, health

__all__ = ["Demo", "DemoFailed", "demo_settings"]

STUCK_SECONDS: Final = 90.0
_COUNTING_SECONDS: Final = 30.0


def demo_settings(settings: Settings) -> Settings:
    """The settings of a run on history: the log clock, and outreach that is live but leaves the machine by no door."""
    live = settings.outreach.model_copy(update={"mode": OutreachMode.LIVE})
    # With several, one is worked off ahead of the others, and what waits for the slowest is noticed late by the first.
    kafka = settings.kafka.model_copy(update={"raw_partitions": 1})
    changed = {"clock": ClockMode.LOG, "kafka": kafka, "outreach": live, "deliver": DeliverSettings()}
    return settings.model_copy(update=changed)


@dataclass(slots=True)
class _Sent:
    """What the publishing thread leaves behind."""

    published: Published | None = None
    error: BaseException | None = None
    progress: Progress = field(default_factory=lambda: Progress("publish", 0, 0))


class Demo:
    """A run on an environment that is ready.

    Args:
        environment: started with `demo_settings`.
        source: what to publish.
        console: where the progress is shown.
    """

    def __init__(self, environment: Environment, source: Source, console: Console) -> None:
        self._environment = environment
        self._source = source
        self._console = console
        settings = environment.settings
        self._connection = Connection(settings.kafka.bootstrap, settings.environment)

    def run(self) -> Figures:
        """Publishes everything, waits until it is through, and reads the figures.

        Raises: DemoFailed, ClientError, ImportFailed, FileError, Retry, Fatal."""
        begun = time.monotonic()
        with TopicEnds(self._connection, TOPICS) as ends:
            names = [agent.name for agent in self._environment.agents]
            with Bars(self._console, names) as bars:
                published = self._publish(bars, ends)
                wait_until_through(self._environment, ends, bars.stages, limit=STUCK_SECONDS)
            seconds = time.monotonic() - begun
        self._wait_until_counted()
        return gather(self._environment.settings.warehouse, self._told(published, seconds))

    def _publish(self, bars: Bars, ends: TopicEnds) -> Published:
        sent = _Sent()
        thread = threading.Thread(target=self._send, args=(sent,), name="publish")
        thread.start()
        while thread.is_alive():
            thread.join(0.25)
            if sent.progress.stage == "publish" and sent.progress.total:
                bars.published(sent.progress.done, sent.progress.total)
            bars.stages(stages(self._environment, ends))
        if sent.error is not None:
            raise sent.error
        if sent.published is None:
            raise DemoFailed("publishing ended without a result")
        bars.published(sent.published.touchpoints, sent.published.touchpoints)
        return sent.published

    def _send(self, sent: _Sent) -> None:
        def note(progress: Progress) -> None:
            sent.progress = progress

        try:
            with self._publisher() as publisher:
                sent.published = self._source.publish(publisher, note)
        except BaseException as error:  # noqa: BLE001  # it is raised again in the thread that waits
            sent.error = error

    def _publisher(self) -> Publisher:
        settings = self._environment.settings
        return Publisher(settings.kafka.bootstrap, environment=settings.environment, linger=0.02)

    def _wait_until_counted(self) -> None:
        """Facts are counted a moment after they are stored."""
        deadline = time.monotonic() + _COUNTING_SECONDS
        while verify(self._environment.settings.warehouse, limit=1) and time.monotonic() < deadline:
            time.sleep(0.5)

    def _told(self, published: Published, seconds: float) -> Told:
        settings = self._environment.settings
        checks: Sequence[Check] = ()
        if published.bad_rows:
            numbers = f"{number(published.bad_rows)} could not be read and were left out"
            checks = (Check(title="Rows of the files", numbers=numbers, holds=True),)
        return Told(
            source=self._source.name,
            seconds=seconds,
            intake=intake(self._environment, published.touchpoints),
            access=_access(self._environment, settings),
            checks=checks,
            messages=self._messages(),
        )

    def _messages(self) -> dict[str, str]:
        """The subjects of what went to the outbox, by decision."""
        with TopicReader(self._connection, OUTBOX) as reader:
            decisions = [decode_decision(record.value) for record in reader.read_all() if record.value]
        return {d.decision_id: d.message.subject for d in decisions if d.message is not None}

    def go_live(self) -> None:
        """From here on the wall clock moves time: what is published now is now."""
        with self._publisher() as publisher:
            say_time(publisher, Control(clock=ClockMode.LIVE))


def intake(environment: Environment, published: int) -> Intake | None:
    """What `enrich` counted; None when it can't say (it was started again meanwhile, and counts from nought)."""
    port = next((agent.port for agent in environment.agents if agent.name == "enrich"), None)
    samples = health.metrics(port) if port else None
    if samples is None:
        return None
    counts = health.counted(samples)
    rejected = sum(n for what, n in counts.items() if what.startswith("rejected."))
    return Intake(
        published=published,
        enriched=counts.get("enriched", 0),
        duplicates=counts.get("duplicates", 0),
        rejected=rejected,
    )


def _access(environment: Environment, settings: Settings) -> Access:
    command = f"touchline --settings {environment.settings_file}"
    sql = "SELECT rule, owner, count() FROM signals GROUP BY rule, owner ORDER BY 3 DESC"
    return Access(
        bootstrap=settings.kafka.bootstrap,
        warehouse=f"{settings.warehouse.host}:{settings.warehouse.port}",
        query=f'{command} warehouse query "{sql}"',
        tail=f"{command} tail friction.signals",
    )
