"""What the chart makes, run: its broker's settings by a real Kafka, its Job, and its pods one after the other.

Only what belongs to a cluster is put in its place: addresses, ports, and the folder of the settings.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.charts import Made, default, pod_of, rendered, variables
from tests.support.kafka import NoKafka, RealKafka, free_port
from touchline.embedded import EmbeddedWarehouse

pytestmark = pytest.mark.kafka

SECRET = {
    "TOUCHLINE_WRITE_PASSWORD": "the-writer",
    "TOUCHLINE_MIGRATE_PASSWORD": "the-owner",
    "TOUCHLINE_API_KEY": "desk-0123456789abcdefghij",
}
READY_WITHIN = 120.0


def broker_properties() -> str:
    """What the image makes of the variables of the chart's broker."""
    (container,) = pod_of(default(), "StatefulSet", "kafka")["containers"]
    given = {name.removeprefix("KAFKA_"): value for name, value in variables(container).items()}
    del given["HEAP_OPTS"]
    text = "\n".join(f"{name.lower().replace('_', '.')}={value}" for name, value in given.items())
    for theirs, ours in (
        ("touchline-kafka.shop.svc:9092", "127.0.0.1:{port}"),
        ("PLAINTEXT://:9092", "PLAINTEXT://127.0.0.1:{port}"),
        ("127.0.0.1:9093", "127.0.0.1:{controller}"),
        ("/var/lib/kafka/data", "{data}"),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    return text + "\n"


@dataclass
class Cluster:
    """What stands for Kubernetes: the objects, and a folder in the place of /etc/touchline."""

    made: Made
    folder: Path

    def start(self, container: Mapping[str, Any], command: list[str], **more: str) -> subprocess.Popen[str]:
        """A container, with its own variables and no others of ours."""
        given = {n: v if isinstance(v, str) else SECRET[v[1]] for n, v in variables(container).items()}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        words = [word.replace("/etc/touchline", str(self.folder)) for word in command]
        return subprocess.Popen(
            words, cwd=self.folder, env={"PATH": path, **given, **more}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, container: Mapping[str, Any], command: list[str]) -> str:
        """A container that ends. Returns what it says."""
        process = self.start(container, command)
        try:
            said, _ = process.communicate(timeout=READY_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
        assert process.returncode == 0, said
        return said


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The chart with a broker by its own settings, and the embedded warehouse with its users."""
    folder = tmp_path_factory.mktemp("chart")
    users = {"touchline_migrate": (SECRET["TOUCHLINE_MIGRATE_PASSWORD"], False),
             "touchline_write": (SECRET["TOUCHLINE_WRITE_PASSWORD"], False)}  # fmt: skip
    try:
        with (
            RealKafka.start(folder / "kafka", properties=broker_properties()) as kafka,
            EmbeddedWarehouse(folder / "data", users=users, log_file=folder / "warehouse.log") as warehouse,
        ):
            values = {
                "kafka.enabled": False,
                "clickhouse.enabled": False,
                "settings.kafka": {
                    "bootstrap": kafka.bootstrap,
                    "partitions": 2,
                    "raw_partitions": 2,
                    "replication": 1,
                },
                "settings.warehouse.host": warehouse.host,
                "settings.warehouse.port": warehouse.port,
            }
            made = rendered(values)
            for name, text in made["ConfigMap", "settings"]["data"].items():
                (folder / name).write_text(text.replace("/etc/touchline", str(folder)), "utf-8")
            yield Cluster(made, folder)
    except NoKafka as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def set_up(cluster: Cluster) -> Cluster:
    """The Job has run."""
    (name,) = [name for kind, name in cluster.made if kind == "Job"]
    (container,) = pod_of(cluster.made, "Job", name)["containers"]
    said = cluster.run(container, [*container["command"], *container["args"]])
    assert "created touchpoints.raw" in said
    assert "applied " in said
    again = cluster.run(container, [*container["command"], *container["args"]])
    assert "all topics are there already" in again
    assert "the tables are up to date" in again
    return cluster


@contextmanager
def ready(cluster: Cluster, name: str) -> Iterator[None]:
    """A pod of a workload from its first container on, until it was asked to end and did so in the time that it has."""
    pod = pod_of(cluster.made, "Deployment", name)
    (wait,), (container,) = pod["initContainers"], pod["containers"]
    cluster.run(wait, wait["command"])
    entry = ["touchline", "--settings", "/etc/touchline/touchline.yaml"]  # of the Dockerfile
    metrics, http = free_port(), free_port()
    ports = {"metrics": metrics, "http": http}
    probe = container["readinessProbe"]["httpGet"]
    more = {"TOUCHLINE_RUNTIME__HTTP_PORT": str(metrics), "TOUCHLINE_API__PORT": str(http)}
    with cluster.start(container, [*entry, *container["args"]], **more) as process:
        try:
            deadline = time.monotonic() + READY_WITHIN
            while not answers(ports[probe["port"]], probe["path"]):
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < deadline, "never ready"
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            try:
                said, _ = process.communicate(timeout=pod["terminationGracePeriodSeconds"])
            except subprocess.TimeoutExpired:
                process.kill()
                said = process.communicate()[0] + "\nkilled: its time was over"
    assert process.returncode == 0, said


def answers(port: int, path: str) -> bool:
    """Whether a probe finds it well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.parametrize("name", ["enrich", "warehouse", "api"])
def test_a_pod_becomes_ready_and_ends_when_it_is_asked_to(name: str, set_up: Cluster) -> None:
    with ready(set_up, name):
        pass
