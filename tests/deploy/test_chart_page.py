"""docs/kubernetes.md: what it shows is taken by helm as it stands there, and names what the chart makes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.deploy.charts import CHART, KUBERNETES, ROOT, default, rendered, run_helm, variables
from tests.docs.pages import blocks, inline, trouble
from touchline.agents.settings import load_settings
from touchline.pipeline.friction.load import parse_rules

PAGE = ROOT / "docs" / "kubernetes.md"
VALUES = [block.text for block in blocks(PAGE, "yaml")]
SHOWN = [line for block in blocks(PAGE, "sh") for line in block.text.splitlines()]
HELM = [line for line in SHOWN if line.startswith(("helm install ", "helm upgrade "))]
KUBECTL = [line for line in [*SHOWN, *inline(PAGE)] if line.startswith("kubectl ")]
SECRETS = {
    "TOUCHLINE_WRITE_PASSWORD": "w",
    "KAFKA_PASSWORD": "k",
    "SMTP_PASSWORD": "s",
    "LINK_SECRET": "a-secret-of-links-that-is-long-enough",
}


def selected(line: str) -> dict[str, str]:
    """The labels of `--selector`."""
    found = re.search(r"--selector (\S+)", line)
    return dict(one.split("=", 1) for one in found[1].split(",")) if found else {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The reader's own folder, with the file that the page shows first."""
    assert VALUES[0].startswith("# values.yaml\n")
    (tmp_path / "values.yaml").write_text(VALUES[0], "utf-8")
    return tmp_path


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_values_are_taken_by_the_chart_and_by_the_agents(number: int, folder: Path) -> None:
    (folder / "more.yaml").write_text(VALUES[number], "utf-8")
    made = rendered(None, "--values", str(folder / "values.yaml"), "--values", str(folder / "more.yaml"))
    path = folder / "touchline.yaml"
    path.write_text(made["ConfigMap", "settings"]["data"]["touchline.yaml"], "utf-8")
    settings = load_settings(path, SECRETS)
    assert settings.environment == "shop"
    assert settings.kafka.replication == 3
    for key, text in made.get(("ConfigMap", "rules"), {"data": {}})["data"].items():
        assert parse_rules(text, key).rules
    shown: Any = YAML(typ="safe").load(VALUES[number])
    for agent, own in shown.get("agents", {}).items():
        assert made["Deployment", agent]["spec"]["replicas"] == own["replicas"]


def test_the_ingress_leads_to_links_and_nothing_else(folder: Path) -> None:
    (text,) = [text for text in VALUES if "ingress" in text]
    (folder / "more.yaml").write_text(text, "utf-8")
    made = rendered(None, "--values", str(folder / "values.yaml"), "--values", str(folder / "more.yaml"))
    (rule,) = made["Ingress", "api"]["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/l/"]


@pytest.mark.parametrize("line", HELM)
def test_commands_of_helm_render(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "deploy").symlink_to(CHART.parent)
    words = [word for word in shlex.split(line)[2:] if word != "--install"]
    assert words[:2] == ["touchline", "deploy/chart"]
    assert "kind: Deployment" in run_helm("template", *words, "--kube-version", f"{KUBERNETES}.0")


def test_there_are_commands() -> None:
    assert len(HELM) >= 4
    assert len(KUBECTL) >= 8


@pytest.mark.parametrize("line", KUBECTL)
def test_commands_of_kubectl_name_what_there_is(line: str) -> None:
    workloads = {f"{kind.lower()}/touchline-{name}": one for (kind, name), one in default().items()}
    for named in re.findall(r"\b(?:deployment|statefulset|service)/\S+", line):
        assert named in workloads
    if (container := re.search(r"(deployment/\S+) --container (\S+)", line)) is not None:
        pod = workloads[container[1]]["spec"]["template"]["spec"]
        assert container[2] in {one["name"] for one in [*pod["containers"], *pod["initContainers"]]}
    if wanted := selected(line):
        labels = [one["metadata"]["labels"] for one in default().values()]
        assert any(wanted.items() <= one.items() for one in labels)
    _, exec_, command = line.partition(" -- ")
    assert not exec_ or trouble(command) is None


def test_the_secret_is_the_one_that_pods_wait_for_with_the_keys_of_the_example() -> None:
    (line,) = [line for line in KUBECTL if "create secret" in line]
    keys = set(re.findall(r"^(\w+)=", (ROOT / "deploy" / "env.example").read_text("utf-8"), re.MULTILINE))
    held = [
        value
        for (kind, _), one in default().items()
        if kind in {"Deployment", "StatefulSet", "Job"}
        for container in one["spec"]["template"]["spec"]["containers"]
        for value in variables(container).values()
        if isinstance(value, tuple)
    ]
    assert {secret for secret, _ in held} == {line.split()[line.split().index("generic") + 1]}
    assert {key for _, key in held} <= keys
    told = {code for code in inline(PAGE) if re.fullmatch(r"TOUCHLINE_\w+", code)}
    assert {key for _, key in held} <= told <= keys


def test_addresses_are_those_of_the_services() -> None:
    text = PAGE.read_text("utf-8")
    named = set(re.findall(r"touchline-([a-z-]+)\.shop\.svc", text))
    assert named == {name for kind, name in default() if kind == "Service"}
    ports = {port["port"] for (kind, _), one in default().items() if kind == "Service" for port in one["spec"]["ports"]}
    assert ports == {9092, 9000, 8123, 8090}
    assert all(str(port) in text for port in ports)


def test_every_value_that_the_page_names_is_one() -> None:
    values = YAML(typ="safe").load((CHART / "values.yaml").read_text("utf-8"))
    named = [
        code for code in inline(PAGE) if re.fullmatch(r"[a-z]+(\.[a-zA-Z]+)+", code) and code.split(".")[0] in values
    ]
    assert len(named) > 5
    for code in named:
        found: Any = values
        for step in code.split("."):
            if code.startswith("settings."):
                break
            assert step in found, code
            found = found[step]
