"""What the chart refuses, and how it says so; its schema, its notes, its package; and what its pods wait for."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from clickhouse_driver import Client
from ruamel.yaml import YAML

from tests.deploy.charts import CHART, EXTERNAL, ROOT, Refused, rendered, run_helm, template
from tests.deploy.chartschema import SCHEMA, renewed
from touchline.agents.registry import AGENTS
from touchline.embedded import EmbeddedWarehouse

COMMAND = Path(sys.executable).with_name("touchline")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"replicas": 3}, "additional properties 'replicas' not allowed"),
        ({"agents.jurney.replicas": 1}, "at '/agents': additional properties 'jurney' not allowed"),
        ({"agents.journey.replicas": -1}, "at '/agents/journey/replicas': minimum: got -1, want 0"),
        ({"agents.journey.replicas": "two"}, "at '/agents/journey/replicas': got string, want integer"),
        ({"settings.outreach.mod": "live"}, "at '/settings/outreach': additional properties 'mod' not allowed"),
        ({"settings.outreach.mode": "alive"}, "at '/settings/outreach/mode': value must be one of 'observe', 'live'"),
        ({"settings.runtime.drain": "10 seconds"}, "at '/settings/runtime/drain'"),
        ({"settings.runtime.drain": 10}, "at '/settings/runtime/drain': got number, want string"),
        ({"settings.runtime.http_port": 9000}, "additional properties 'http_port' not allowed"),
        ({"settings.kafka.partitions": 0}, "at '/settings/kafka/partitions': minimum: got 0, want 1"),
        ({"settings.kafka.password": "open"}, "at '/settings/kafka/password': 'open' does not match pattern"),
        ({"settings.warehouse.password": "open"}, "at '/settings/warehouse/password': 'open' does not match pattern"),
        ({"settings.api.keys.desk": "open"}, "at '/settings/api/keys/desk': 'open' does not match pattern"),
        ({"image.digest": "latest"}, "at '/image/digest'"),
        ({"kafka.storage.size": "much"}, "at '/kafka/storage/size'"),
        ({"api.keys": {"Desk": "K"}}, "at '/api/keys': additional properties 'Desk' not allowed"),
        ({"agents.journey.replicas": 9}, "agents.journey.replicas is 9, but what it reads has 8 partitions"),
        (
            {"settings.kafka.raw_partitions": 2, "agents.enrich.replicas": 3},
            "agents.enrich.replicas is 3, but what it reads has 2 partitions (settings.kafka.raw_partitions)",
        ),
        ({"kafka.enabled": False}, "set settings.kafka.bootstrap to the address of your brokers"),
        ({"clickhouse.enabled": False}, "set settings.warehouse.host to the address of your ClickHouse"),
        ({"settings.kafka.bootstrap": "a:9092"}, "two Kafkas: settings.kafka.bootstrap names yours"),
        ({"settings.warehouse.host": "a"}, "two ClickHouses: settings.warehouse.host names yours"),
        ({"settings.warehouse.database": "shop"}, "have rights on the database touchline alone"),
        (
            {"secrets.values": {"TOUCHLINE_WRITE_PASSWORD": "w"}},
            "secrets.values: TOUCHLINE_MIGRATE_PASSWORD is missing",
        ),
        ({"api.keys": {"desk": None}}, "the API has nothing to serve"),
        ({"rules": {"files": {"a.yaml": "x"}, "configMap": "b"}}, "rules: give files or the name of a ConfigMap"),
        ({"api.ingress.enabled": True}, "set api.ingress.host"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_a_wrong_value_is_refused_by_its_name(values: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused) as refused:
        rendered(values)
    assert says in str(refused.value)


def test_as_many_workers_as_partitions_are_taken() -> None:
    made = rendered({"settings.kafka.partitions": 12, "agents.journey.replicas": 12, "agents.deliver.replicas": 0})
    assert made["Deployment", "journey"]["spec"]["replicas"] == 12
    assert made["Deployment", "deliver"]["spec"]["replicas"] == 0


def test_the_schema_knows_the_settings_and_the_agents_as_they_are() -> None:
    text = SCHEMA.read_text("utf-8")
    assert text == renewed(text), "run `python -m tests.deploy.chartschema`"
    agents = json.loads(text)["properties"]["agents"]
    values = YAML(typ="safe").load((CHART / "values.yaml").read_text("utf-8"))
    assert agents["required"] == list(agents["properties"]) == list(values["agents"]) == list(AGENTS)


def test_every_value_is_in_the_schema_and_the_other_way_round() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    values = YAML(typ="safe").load((CHART / "values.yaml").read_text("utf-8"))
    # What a chart hands down to those that it holds; there are none.
    assert set(schema["properties"]) - set(values) == {"global"}
    assert set(values) <= set(schema["properties"])


def test_a_package_holds_what_the_folder_shows(tmp_path: Path) -> None:
    run_helm("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        names = {member.name for member in archive.getmembers() if member.isfile()}
        assert len(names) == len(archive.getmembers()), "a link in a package leads nowhere"
    dashboards = {file.name for file in (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")}
    assert {Path(name).name for name in names if "/dashboards/" in name} == dashboards
    assert not [name for name in names if "definitions" in name]
    assert template(chart=package) == template()


@pytest.mark.parametrize(
    ("values", "told", "untold"),
    [
        (
            {},
            ["create secret generic touchline-secrets --from-env-file=.env", "deployment/touchline-journey",
             "touchpoints.raw on touchline-kafka.shop.svc:9092", "Outreach observes", "are for a trial"],
            ["Outreach is live"],
        ),
        (
            {**EXTERNAL, "secrets.values": {"TOUCHLINE_WRITE_PASSWORD": "w", "TOUCHLINE_MIGRATE_PASSWORD": "m",
                                            "TOUCHLINE_READ_PASSWORD": "r"},
             "settings.environment": "eu", "settings.outreach.mode": "live", "api.enabled": False},
            ["eu.touchpoints.raw on kafka.example.com:9092", "ClickHouse on clickhouse.example.com",
             "Outreach is live"],
            ["create secret", "are for a trial", "touchline-api"],
        ),
    ],
)  # fmt: skip
def test_notes_say_what_to_do_next(values: dict[str, Any], told: list[str], untold: list[str], tmp_path: Path) -> None:
    # Helm shows the notes when it installs, which needs a cluster: here they are made an object like the others.
    chart = tmp_path / "touchline"
    shutil.copytree(CHART, chart)
    notes = chart / "templates" / "NOTES.txt"
    text = '{{- define "notes" }}' + notes.read_text("utf-8") + "{{ end }}"
    notes.with_name("notes.yaml").write_text(text + '{{ toYaml (dict "kind" "Notes" "text" (include "notes" .)) }}')
    (one,) = [found["text"] for found in template(values=values, chart=chart) if found["kind"] == "Notes"]
    assert [part for part in told if part not in one] == []
    assert [part for part in untold if part in one] == []


def test_the_setup_tries_again_until_brokers_and_servers_are_there(tmp_path: Path) -> None:
    (job,) = [one for one in template() if one["kind"] == "Job"]
    (script,) = job["spec"]["template"]["spec"]["containers"][0]["args"]
    log = tmp_path / "log"
    programs = {
        "touchline": f'echo "$3 $4" >> {log}\n[ "$(wc -l < {log})" -gt 2 ]\n',  # the first two times in vain
        "sleep": "true\n",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text("#!/bin/sh\n" + text, "utf-8")
        (tmp_path / name).chmod(0o755)
    environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["/bin/sh", "-ec", script], env=environ, check=True, timeout=30)
    assert log.read_text("utf-8").splitlines() == [*["topics create"] * 3, "warehouse migrate"]
    (tmp_path / "touchline").write_text(f"#!/bin/sh\necho vain >> {log}\nexit 1\n", "utf-8")
    assert subprocess.run(["/bin/sh", "-ec", script], env=environ, check=False, timeout=60).returncode == 1
    assert log.read_text("utf-8").count("vain") == 60  # then the Job starts another pod, a few times


def waiter() -> ModuleType:
    """The program that a pod begins with."""
    spec = importlib.util.spec_from_file_location("wait", CHART / "files" / "wait.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_pod_waits_until_the_setup_has_made_what_it_needs(
    broker: str, warehouse: EmbeddedWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}")
    wait, path = waiter(), tmp_path / "touchline.yaml"
    settings = {
        "environment": "chart",
        "kafka": {"bootstrap": broker, "checkpoint": "idempotent"},
        "warehouse": {"host": warehouse.host, "port": warehouse.port, "database": "chart_wait"},
    }
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(settings, file)
    topics = wait.missing("topics", str(path))
    assert any("chart.touchpoints.raw is missing" in line for line in topics)
    assert wait.missing("warehouse", str(path)) != []  # there is no such database yet
    for command in (["topics", "create"], ["warehouse", "migrate"]):
        subprocess.run([COMMAND, "--settings", path, *command], check=True, capture_output=True)
    assert wait.missing("topics", str(path)) == []
    assert wait.missing("warehouse", str(path)) == []
    wait.main(["topics", "warehouse"], str(path))  # so it ends
    Client(warehouse.host, port=warehouse.port).execute("DROP DATABASE chart_wait SYNC")


def test_a_pod_says_for_whom_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "touchline.yaml"
    path.write_text("kafka: {bootstrap: '127.0.0.1:1'}\nwarehouse: {port: 1}\n", "utf-8")
    (line,) = waiter().missing("warehouse", str(path))
    assert "127.0.0.1:1" in line
    (line,) = waiter().missing("topics", str(path))
    assert "127.0.0.1:1" in line
