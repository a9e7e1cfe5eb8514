"""Starts and stops everything in order: broker, warehouse, topics, tables, agents; and the other way round."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from touchline.agents.registry import API
from touchline.agents.runtime.topics import create_topics
from touchline.agents.settings import Checkpointing, Settings
from touchline.agents.sinks.upkeep import migrate, refresh
from touchline.agents.texts import harmless
from touchline.embedded import EmbeddedBroker, EmbeddedWarehouse, StartFailedError
from touchline.up import health
from touchline.up.agents import AgentProcesses, processes
from touchline.up.ports import Ports, neighbours
from touchline.up.watch import LogWatch, Trouble

READY_SECONDS: Final = 120.0
READER: Final = "reader"
"""A user of the warehouse who may read and nothing else; no password, on loopback."""

_POLL = 0.1
_LOG_LINES = 8
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent's process: its name and the port of /readyz, /livez and /metrics."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """Where it tells how it is."""
        return f"http://127.0.0.1:{self.port}"


class Environment:
    """Everything on this machine, for as long as the `with` block lasts.

    Args:
        settings: what is not about addresses is taken from them.
        data: the folder for the warehouse's data, which is kept, and for logs.
        ports: where to listen.
        say: told what is being started, in a few words.

    Raises (start): EmbeddedError for a used port or folder or a part that does not start; Fatal for tables.
    """

    def __init__(
        self,
        settings: Settings,
        data: Path,
        ports: Ports | None = None,
        *,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._wanted = settings
        self._ports = ports or Ports()
        self._say = say
        self._stack = ExitStack()
        self.data = data
        self.settings = settings
        self.agents: tuple[Agent, ...] = ()
        self._api: Agent | None = None
        self._processes: AgentProcesses | None = None
        self.log = data / "logs" / "agents.log"
        self._watch = LogWatch(self.log)

    @property
    def bootstrap(self) -> str:
        """The broker, as clients take it."""
        return self.settings.kafka.bootstrap

    @property
    def settings_file(self) -> Path:
        """Addresses and rules for other commands: `touchline --settings FILE …`."""
        return self.data / "touchline.yaml"

    def start(self) -> None:
        """Starts everything; when it returns all agents are ready."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartFailedError(f"the folder {self.data} can't be written: {error.strerror}") from None
        names = processes(self._wanted)
        http = neighbours("the agents' status ports", self._ports.http, len(names))
        if self._wanted.serves:
            self._wanted = _with_port(self._wanted)
        self._watch = LogWatch(self.log)
        self._processes = AgentProcesses(names, self.log)
        self._say("the broker")
        broker = EmbeddedBroker(self._ports.kafka, log_file=self.log.with_name("broker.log"), data_dir=self.data)
        self._stack.enter_context(broker)
        self._say("the warehouse")
        warehouse = self._stack.enter_context(self._warehouse())
        self.settings = _addressed(self._wanted, self.data, broker.bootstrap, warehouse, http)
        self._say("topics and tables")
        asyncio.run(create_topics(self.settings))
        migrate(self.settings.warehouse)
        refresh(self.settings.warehouse)  # the broker has forgotten which minutes were still to be counted
        self.settings_file.write_text(_addresses(self.settings), encoding="utf-8")
        self._say("the agents")
        self.agents = tuple(Agent(name, http + i) for i, name in enumerate(self.settings.runtime.agents))
        if self.settings.serves:
            self._api = Agent(API, http + len(self.agents))
        self._processes.run(self.settings)
        self._wait_until_ready()

    def _warehouse(self) -> EmbeddedWarehouse:
        mine = self._wanted.warehouse
        return EmbeddedWarehouse(
            self.data / "warehouse",
            self._ports.warehouse,
            self._ports.warehouse_http,
            users={mine.user: (mine.password.get_secret_value(), False), READER: ("", True)},
            log_file=self.log.with_name("warehouse.log"),
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting = self._all()
        while waiting:
            waiting = [agent for agent in waiting if not health.ready(agent.port)]
            if self.ended is not None:
                raise StartFailedError(f"the agents have stopped.\n{self.log_tail()}")
            if waiting and time.monotonic() > deadline:
                names = ", ".join(agent.name for agent in waiting)
                raise StartFailedError(f"not ready within {READY_SECONDS:.0f} s: {names}.\n{self.log_tail()}")
            time.sleep(_POLL)

    @property
    def ended(self) -> int | None:
        """The exit code of the agents' supervisor when it ended by itself; None while it runs."""
        return self._processes.exit_code if self._processes else None

    def not_ready(self) -> list[Agent]:
        """The agents that are not ready now, and the API when it is not."""
        return [agent for agent in self._all() if not health.ready(agent.port)]

    def _all(self) -> list[Agent]:
        return [*self.agents, self._api] if self._api is not None else list(self.agents)

    @property
    def api(self) -> str | None:
        """Where the API listens, None when there is nothing to serve."""
        return f"http://{self.settings.api.host}:{self.settings.api.port}" if self._api is not None else None

    def troubles(self) -> list[Trouble]:
        """What the agents logged as errors since the last call."""
        return self._watch.troubles()

    def log_tail(self) -> str:
        """What the agents last logged as an error, and where all of it is."""
        told = [f"  {trouble.agent}: {trouble.message[:_LONGEST]}" for trouble in LogWatch(self.log, 0).troubles()]
        last = list(dict.fromkeys(told))[-_LOG_LINES:]
        return "\n".join([*last, f"Everything they said: {self.log}"])

    def stop(self) -> None:
        """Stops the agents, then the warehouse, then the broker. Safe to repeat."""
        if self._processes is not None:
            self._processes.stop()
            self._processes = None
        self._stack.close()

    def __enter__(self) -> Self:
        """Starts."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        self.stop()


def _with_port(settings: Settings) -> Settings:
    """With the port of the API, which others are told.

    Raises: PortInUseError."""
    port = neighbours("the API", settings.api.port, 1)
    return settings.model_copy(update={"api": settings.api.model_copy(update={"port": port})})


def _addressed(settings: Settings, data: Path, bootstrap: str, warehouse: EmbeddedWarehouse, http: int) -> Settings:
    """The settings with the addresses of what was started, and with what the embedded broker can't do left out."""
    kafka = settings.kafka.model_copy(
        update={
            "bootstrap": bootstrap,
            "replication": 1,
            "checkpoint": Checkpointing.IDEMPOTENT,  # it has no transactions
            "broker_time": False,  # it keeps the producer's timestamp
            "session_timeout": 6_000,  # a join waits half of it
            "security_protocol": "PLAINTEXT",
            "sasl_mechanism": None,
        }
    )
    store = settings.warehouse.model_copy(
        update={"host": warehouse.host, "port": warehouse.port, "http_port": warehouse.http_port, "secure": False}
    )
    runtime = settings.runtime.model_copy(update={"http_port": http, "log_format": "json"})
    changed = {"kafka": kafka, "warehouse": store, "runtime": runtime, "data": data}
    return settings.model_copy(update=changed)


def _addresses(settings: Settings) -> str:
    """Settings for other commands: the addresses, and what `try`, `rules explain` and `rules why-not` go by. Nothing
    secret is among it."""
    kafka, store = settings.kafka, settings.warehouse
    rules = tuple(path.absolute() for path in settings.journey.rules)
    journey = settings.journey.model_copy(update={"rules": rules})
    policies = tuple(path.absolute() for path in settings.outreach.policies)
    texts = tuple(path.absolute() for path in settings.outreach.texts)
    outreach = harmless(settings.outreach).model_copy(update={"policies": policies, "texts": texts})
    sections = {"enrich": settings.enrich, "journey": journey, "outreach": outreach}
    # JSON is YAML; lengths of time are milliseconds where they have no unit.
    dumped = {name: section.model_dump(mode="json", exclude_defaults=True) for name, section in sections.items()}
    if outreach.links is not None:  # what is dumped of a secret is asterisks; that of harmless links is none
        dumped["outreach"]["links"]["secret"] = outreach.links.secret.get_secret_value()
    logic = "".join(f"{name}: {json.dumps(values)}\n" for name, values in dumped.items() if values)
    return (
        "# Where this environment listens; written anew at each start.\n"
        f'environment: "{settings.environment}"\n'
        f"kafka: {{bootstrap: {kafka.bootstrap}, partitions: {kafka.partitions}, "
        f"raw_partitions: {kafka.raw_partitions}, checkpoint: {kafka.checkpoint}, broker_time: false}}\n"
        f"warehouse: {{host: {store.host}, port: {store.port}, http_port: {store.http_port}, "
        f'database: {store.database}, user: "{store.user}"}}\n'
        f"{logic}"
    )
