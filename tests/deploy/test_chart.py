"""The Helm chart: a workload for each agent, settings that the agents take, secrets where they belong."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.deploy.charts import (
    CHART,
    EXTERNAL,
    ROOT,
    Made,
    Refused,
    default,
    mistakes,
    pod_of,
    rendered,
    run_helm,
    template,
    variables,
)
from touchline.agents.registry import AGENTS
from touchline.agents.settings import Settings, load_settings

COMPOSE = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text("utf-8"))
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
PASSWORDS = dict.fromkeys(
    ("TOUCHLINE_WRITE_PASSWORD", "TOUCHLINE_MIGRATE_PASSWORD", "TOUCHLINE_READ_PASSWORD", "TOUCHLINE_API_KEY"),
    "s3cret$word-of-the-warehouse",
)


def settings_of(made: Made, folder: Path, **variables: str) -> Settings:
    """What a worker reads."""
    path = folder / "touchline.yaml"
    path.write_text(made["ConfigMap", "settings"]["data"]["touchline.yaml"], "utf-8")
    return load_settings(path, {"TOUCHLINE_WRITE_PASSWORD": "w", **variables})


def test_helm_finds_nothing_wrong() -> None:
    assert "0 chart(s) failed" in run_helm("lint", "--strict", str(CHART))


def test_the_chart_is_for_the_version_that_is_here() -> None:
    chart = YAML(typ="safe").load((CHART / "Chart.yaml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert chart["appVersion"] == chart["version"] == project["version"]
    assert chart["annotations"]["artifacthub.io/license"] == project["license"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        EXTERNAL,
        {
            **EXTERNAL,
            "secrets.values": {**PASSWORDS, "KAFKA_PASSWORD": "k"},
            "settings.kafka.password": "${KAFKA_PASSWORD}",
            "kafkaCa.secret": "kafka-ca",
            "imagePullSecrets": [{"name": "registry"}],
            "image.digest": f"sha256:{'0' * 64}",
            "workers.nodeSelector": {"disk": "ssd"},
            "workers.tolerations": [{"key": "a", "operator": "Exists"}],
            "workers.podSecurityContext.runAsUser": None,
            "agents.deliver.env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
            "agents.journey.replicas": 4,
            "agents.journey.priorityClassName": "high",
            "api.replicas": 2,
            "api.ingress": {"enabled": True, "host": "links.example.com", "className": "nginx", "tlsSecret": "tls"},
            "metrics.podMonitor.enabled": True,
            "rules.files": {"a.yaml": "schema: friction/1\nrules: []\n"},
            "policies.configMap": "shop-policies",
            "serviceAccount.annotations": {"a/b": "c"},
        },
    ],
    ids=["default", "external", "everything"],
)
def test_kubernetes_takes_what_is_made(values: dict[str, Any]) -> None:
    assert mistakes(template(values=values)) == []


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    wrong = json.loads(json.dumps(default()["Deployment", "journey"]))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenessprob"] = {}
    assert "livenessprob" in mistakes([wrong])[0]


def test_each_agent_has_one_workload_that_runs_what_compose_runs() -> None:
    deployments = {name for kind, name in default() if kind == "Deployment"}
    assert deployments == {*AGENTS, "api"}
    for name in deployments:
        (container,) = pod_of(default(), "Deployment", name)["containers"]
        assert container["args"] == COMPOSE["services"][name]["command"]
        assert container["image"] == COMPOSE["services"][name]["image"]
    assert set(COMPOSE["services"]) - deployments == {"kafka", "clickhouse", "setup", "grafana"}


@pytest.mark.parametrize("name", [*AGENTS, "api"])
def test_a_workload_is_watched_measured_and_shielded(name: str, tmp_path: Path) -> None:
    settings = settings_of(default(), tmp_path)
    pod = pod_of(default(), "Deployment", name)
    (container,), (wait,) = pod["containers"], pod["initContainers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["metrics"] == settings.runtime.http_port
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        asked = container[probe]["httpGet"]
        assert asked["path"] == path
        assert ports[asked["port"]] == (settings.api.port if name == "api" else settings.runtime.http_port)
    before = int(container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [0])[-1])
    assert (
        pod["terminationGracePeriodSeconds"] >= before + settings.runtime.drain / 1_000 + 8
    )  # the supervisor's margin
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"--uid {pod['securityContext']['runAsUser']} " in (ROOT / "Dockerfile").read_text("utf-8")
    for one in (container, wait):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"name": "tmp", "mountPath": "/tmp"} in one["volumeMounts"]  # noqa: S108 - of the pod
        assert one["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in one["resources"]["limits"]
    assert {"name": "tmp", "emptyDir": {}} in pod["volumes"]
    annotations = default()["Deployment", name]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports["metrics"])
    assert {one["topologyKey"] for one in pod["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }


def test_time_to_stop_follows_the_drain() -> None:
    made = rendered({"settings.runtime.drain": "1m30s", "api.enabled": False})
    assert pod_of(made, "Deployment", "journey")["terminationGracePeriodSeconds"] == 100
    assert ("Deployment", "api") not in made


def test_settings_are_those_of_a_worker_and_what_is_off_stays_off(tmp_path: Path) -> None:
    settings = settings_of(default(), tmp_path)
    assert settings.outreach.mode == "observe"
    assert settings.kafka.bootstrap == "touchline-kafka.shop.svc:9092"
    assert settings.warehouse.user == "touchline_write"
    told = {
        "settings.environment": "shop",
        "settings.kafka.broker_time": False,
        "settings.journey.builtin_rules": False,
        "settings.outreach": {"mode": "live", "cap": 0, "quiet_hours": None, "hold_out": 0.1},
        "settings.enrich.duplicate_ids": 2_000_000,
        "settings.deliver.smtp": {"host": "mail", "sender": "shop@example.com", "password": "${SMTP_PASSWORD}"},
        "rules.files": {"own.yaml": "schema: friction/1\nrules: []\n"},
        "texts.configMap": "shop-texts",
        "kafkaCa.secret": "kafka-ca",
    }
    made = rendered({**EXTERNAL, **told})
    settings = settings_of(made, tmp_path, SMTP_PASSWORD="p")
    assert (settings.environment, settings.kafka.broker_time, settings.kafka.replication) == ("shop", False, 3)
    assert (settings.journey.builtin_rules, settings.enrich.duplicate_ids) == (False, 2_000_000)
    assert (settings.outreach.mode, settings.outreach.cap, settings.outreach.quiet_hours) == ("live", 0, None)
    mounted = {one["mountPath"] for one in pod_of(made, "Deployment", "journey")["containers"][0]["volumeMounts"]}
    folders = {*settings.journey.rules, *settings.outreach.texts}
    assert folders == {Path("/touchline/rules"), Path("/touchline/texts")}
    assert settings.kafka.ca_file == Path("/touchline/ca/ca.crt")
    assert {*map(str, folders), "/touchline/ca", "/etc/touchline"} <= mounted


def test_pods_start_anew_for_settings_and_not_for_rules() -> None:
    def pods(values: dict[str, Any]) -> Any:
        return {name: one["spec"]["template"] for (kind, name), one in rendered(values).items() if kind == "Deployment"}

    rules = {"rules.files": {"a.yaml": "schema: friction/1\nrules: []\n"}}
    before = pods(rules)
    assert pods({"rules.files": {"a.yaml": "schema: friction/1\nrules: []\n# changed\n"}}) == before
    others = ({"settings.outreach.cap": 2}, {"secrets.values": PASSWORDS}, {"image.tag": "0.2.0"})
    for other in others:
        after = pods({**rules, **other})
        assert all(after[name] != before[name] for name in before), other


def test_the_setup_runs_what_compose_runs_and_is_another_job_when_it_would_do_other_things() -> None:
    (name,) = [name for kind, name in default() if kind == "Job"]
    (container,) = pod_of(default(), "Job", name)["containers"]
    lines = COMPOSE["services"]["setup"]["command"][0].splitlines()
    assert [line.removeprefix("patiently ") for line in container["args"][0].splitlines()[-2:]] == lines
    given = variables(container)
    assert (
        given["TOUCHLINE_WAREHOUSE__USER"] == COMPOSE["services"]["setup"]["environment"]["TOUCHLINE_WAREHOUSE__USER"]
    )
    assert given["TOUCHLINE_WAREHOUSE__PASSWORD"] == ("touchline-secrets", "TOUCHLINE_MIGRATE_PASSWORD")
    for changed in ({"image.tag": "0.2.0"}, {"settings.environment": "shop"}, {"settings.kafka.partitions": 16}):
        assert ("Job", name) not in rendered(changed)
    assert ("Job", name) in rendered({"agents.journey.replicas": 3, "policies.configMap": ""})


def test_nobody_but_the_setup_and_the_server_has_the_password_of_the_migrations() -> None:
    for (kind, name), one in default().items():
        holds = "TOUCHLINE_MIGRATE_PASSWORD" in json.dumps(one)
        assert holds == (kind == "Job" or (kind, name) == ("StatefulSet", "clickhouse")), (kind, name)
        keys = "TOUCHLINE_API_KEY" in json.dumps(one)
        assert keys == ((kind, name) == ("Deployment", "api")), (kind, name)


def test_secrets_stand_in_secrets_alone() -> None:
    assert all(kind != "Secret" for kind, _ in default())
    made = rendered({"secrets.values": PASSWORDS})
    word = PASSWORDS["TOUCHLINE_READ_PASSWORD"]
    for (kind, name), one in made.items():
        text = json.dumps(one)
        assert (word in text or word.replace("$", "$$") in text) == ((kind, name) == ("Secret", "datasource"))
    assert made["Secret", "secrets"]["data"].keys() == PASSWORDS.keys()
    for (kind, name), one in made.items():
        if kind in {"Deployment", "StatefulSet", "Job"}:
            for container in one["spec"]["template"]["spec"]["containers"]:
                held = [value for value in variables(container).values() if isinstance(value, tuple)]
                assert all(secret == "touchline-secrets" and key in PASSWORDS for secret, key in held), name


def test_what_settings_name_comes_from_the_secret_unless_it_is_said_where_from() -> None:
    named = {"settings.deliver.smtp": {"host": "mail", "sender": "a@example.com", "password": "${SMTP_PASSWORD}"}}
    made = rendered({**named, "agents.deliver.env": [{"name": "SMTP_PASSWORD", "value": "of-a-relay-for-tests"}]})
    for (kind, name), one in made.items():
        if kind in {"Deployment", "Job"}:
            (container,) = one["spec"]["template"]["spec"]["containers"]
            own = name == "deliver"
            expected: Any = "of-a-relay-for-tests" if own else ("touchline-secrets", "SMTP_PASSWORD")
            assert variables(container)["SMTP_PASSWORD"] == expected
    with pytest.raises(Refused, match=r"secrets\.values: SMTP_PASSWORD is missing"):
        rendered({**named, "secrets.values": PASSWORDS})


def test_disruptions_are_bounded_where_there_are_several() -> None:
    assert all(kind != "PodDisruptionBudget" for kind, _ in default())
    made = rendered({"agents.journey.replicas": 3, "api.replicas": 2})
    budgets = {name: one["spec"] for (kind, name), one in made.items() if kind == "PodDisruptionBudget"}
    assert set(budgets) == {"journey", "api"}
    for name, budget in budgets.items():
        labels = made["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        assert budget["selector"]["matchLabels"].items() <= labels.items()
        assert budget["maxUnavailable"] == 1


def test_every_selector_finds_its_own_pods_and_no_others() -> None:
    workloads = {key: one for key, one in default().items() if key[0] in {"Deployment", "StatefulSet"}}
    pods = {name: one["spec"]["template"]["metadata"]["labels"] for (_, name), one in workloads.items()}
    for (_, name), one in workloads.items():
        wanted = one["spec"]["selector"]["matchLabels"].items()
        assert [other for other, labels in pods.items() if wanted <= labels.items()] == [name]
    for name in ("api", "kafka", "clickhouse"):
        service = default()["Service", name]["spec"]
        assert [other for other, labels in pods.items() if service["selector"].items() <= labels.items()] == [name]
        kind = "Deployment" if name == "api" else "StatefulSet"
        there = {port["name"] for port in pod_of(default(), kind, name)["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["ports"]} <= there


def test_the_parts_of_a_trial_are_those_of_compose() -> None:
    for name in ("kafka", "clickhouse"):
        (container,) = pod_of(default(), "StatefulSet", name)["containers"]
        service = COMPOSE["services"][name]
        assert container["image"] == service["image"]
        assert [claim["metadata"]["name"] for claim in default()["StatefulSet", name]["spec"]["volumeClaimTemplates"]]
        given = variables(container)
        own = {"KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
               "KAFKA_CONTROLLER_QUORUM_VOTERS", "KAFKA_LOG_DIRS"}  # fmt: skip
        for variable, value in service["environment"].items():
            if "${" in value:
                assert isinstance(given[variable], tuple)
                assert given[variable][1] == re.findall(r"\$\{(\w+)", value)[0]
            elif variable not in own:
                assert given[variable] == value
    users = (ROOT / "deploy" / "clickhouse" / "users.xml").read_text("utf-8")
    assert default()["ConfigMap", "clickhouse-users"]["data"] == {"users.xml": users}


def test_kafka_and_clickhouse_are_not_started_anew_for_another_version() -> None:
    made = rendered({"image.tag": "0.2.0", "settings.outreach.cap": 2})
    for name in ("kafka", "clickhouse"):
        pod = default()["StatefulSet", name]["spec"]["template"]
        assert made["StatefulSet", name]["spec"]["template"] == pod
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & pod["metadata"]["labels"].keys()


def test_with_clusters_that_are_there_nothing_keeps_data() -> None:
    made = rendered(EXTERNAL)
    assert {kind for kind, _ in made} == {"ConfigMap", "Deployment", "Job", "Service", "ServiceAccount"}
    assert [name for kind, name in made if kind == "Service"] == ["api"]


def test_every_dashboard_is_there_byte_for_byte() -> None:
    for file in DASHBOARDS:
        made = default()["ConfigMap", f"dashboard-{file.stem}"]
        assert made["data"] == {file.name: file.read_text("utf-8")}
        assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert len([name for kind, name in default() if name.startswith("dashboard-")]) == len(DASHBOARDS) > 0


def test_the_data_source_is_the_one_that_is_provisioned_elsewhere() -> None:
    path = ROOT / "deploy" / "grafana" / "provisioning" / "datasources" / "touchline.yaml"
    expected = YAML(typ="safe").load(path.read_text("utf-8"))
    (source,) = expected["datasources"]
    source["isDefault"] = False
    source["jsonData"]["host"] = "touchline-clickhouse.shop.svc"
    made = default()["ConfigMap", "datasource"]
    assert made["metadata"]["labels"]["grafana_datasource"] == "1"
    assert YAML(typ="safe").load(made["data"]["touchline.yaml"]) == expected
    secure = rendered({**EXTERNAL, "settings.warehouse.secure": True, "settings.warehouse.port": 9440})
    (source,) = YAML(typ="safe").load(secure["ConfigMap", "datasource"]["data"]["touchline.yaml"])["datasources"]
    assert (source["jsonData"]["secure"], source["jsonData"]["port"]) == (True, 9440)
    assert source["jsonData"]["host"] == "clickhouse.example.com"
