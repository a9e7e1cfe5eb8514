"""A real Apache Kafka without a container: one KRaft node from Maven's jars, on loopback, gone with the test run.

with RealKafka.start(folder) as kafka:
    kafka.bootstrap
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LIBS = HERE.parent.parent / ".kafka" / "libs"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
"""
_LOGGING = """\
<Configuration status="WARN">
  <Appenders><Console name="C"><PatternLayout pattern="%d %p %c - %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="C"/></Root>
  <Logger name="kafka.server.KafkaRaftServer" level="INFO"/></Loggers>
</Configuration>
"""


class NoKafka(Exception):
    """It can't be started here; the message says what is missing."""


@dataclass(slots=True)
class RealKafka:
    """A running broker. `process` may be killed and started again by a fault test."""

    folder: Path
    port: int
    heap: str
    process: subprocess.Popen[bytes]

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    @classmethod
    @contextmanager
    def start(
        cls, folder: Path | None = None, *, heap: str = "768m", properties: str = _PROPERTIES
    ) -> Iterator["RealKafka"]:
        """Starts a broker with empty data and ends it. `properties`: with {port}, {controller} and {data} in them.

        Raises: NoKafka where Java or Maven is missing, or when it doesn't start."""
        home = Path(tempfile.mkdtemp(prefix="touchline-kafka-")) if folder is None else folder
        jars = libraries()
        port, controller = free_port(), free_port()
        (home / "data").mkdir(parents=True, exist_ok=True)
        config = home / "server.properties"
        config.write_text(properties.format(port=port, controller=controller, data=home / "data"))
        (home / "log4j2.xml").write_text(_LOGGING)
        java = _java(home, jars, heap)
        cluster = subprocess.run(
            [*java, "kafka.tools.StorageTool", "random-uuid"], capture_output=True, text=True, check=True
        ).stdout.strip()
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config)],
            capture_output=True,
            check=True,
        )
        kafka = cls(home, port, heap, _launch(home, java, port))
        try:
            yield kafka
        finally:
            kafka.stop()
            if folder is None:
                shutil.rmtree(home, ignore_errors=True)

    def stop(self) -> None:
        """Ends the broker, by force after ten seconds."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """Starts it again on the same data and port, after `stop` or a kill."""
        self.process = _launch(self.folder, _java(self.folder, libraries(), self.heap), self.port)


def libraries() -> Path:
    """The folder of jars; fetched by Maven when it isn't there.

    Raises: NoKafka."""
    if shutil.which("java") is None:
        raise NoKafka("no Java on this machine: real Kafka needs Java 17 and Maven")
    if not (LIBS / ".complete").exists():
        if shutil.which("mvn") is None:
            raise NoKafka("no Maven on this machine: it fetches the broker's jars")
        fetch = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
        fetch += ["-DincludeScope=runtime", f"-DoutputDirectory={LIBS}"]
        done = subprocess.run(fetch, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoKafka("Maven could not fetch the broker's jars:\n" + done.stdout[-2_000:] + done.stderr[-2_000:])
        (LIBS / ".complete").touch()
    return LIBS


def _java(home: Path, jars: Path, heap: str) -> list[str]:
    options = [f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseG1GC", f"-Dlog4j2.configurationFile={home / 'log4j2.xml'}"]
    return ["java", *options, "-cp", f"{jars}/*"]


def _launch(home: Path, java: list[str], port: int) -> subprocess.Popen[bytes]:
    log = home / "kafka.log"
    seen = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*java, "kafka.Kafka", str(home / "server.properties")],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        text = log.read_bytes()[seen:].decode(errors="replace")
        if "Kafka Server started" in text and _answers(port):
            return process
        if process.poll() is not None:
            raise NoKafka("the broker ended at once:\n" + text[-2_000:])
        time.sleep(0.05)
    process.kill()
    raise NoKafka(f"the broker did not start within 60 s; see {log}")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
