"""The Helm chart as tests see it: what the real `helm` makes of it, and whether Kubernetes would take that."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart"
TOOLS = ROOT / ".tools"
"""Where `.ci/run` puts programs that it built."""

KUBERNETES = "1.34"
Made = dict[tuple[str, str], dict[str, Any]]


class Refused(Exception):
    """Helm says no; the message says why."""


@functools.cache
def helm() -> str:
    """The program; without it a test is skipped."""
    found = shutil.which("helm", path=str(TOOLS / "bin")) or shutil.which("helm")
    if found is None:
        pytest.skip("there is no helm: it is built by .ci/run where Go is, or put it on the PATH")
    return found


def run_helm(*arguments: str) -> str:
    """What helm prints. Raises: Refused."""
    done = subprocess.run([helm(), *arguments], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


def template(*arguments: str, values: Mapping[str, Any] | None = None, chart: Path = CHART) -> list[dict[str, Any]]:
    """The objects that the chart makes, of the release `touchline` in the namespace `shop`. Raises: Refused."""
    given = [f"--set-json={key}={json.dumps(value)}" for key, value in (values or {}).items()]
    # A helm built by `go install` takes itself for one of an old Kubernetes.
    common = ("--namespace", "shop", "--kube-version", f"{KUBERNETES}.0")
    text = run_helm("template", "touchline", str(chart), *common, *given, *arguments)
    return [one for one in YAML(typ="safe").load_all(text) if one]


def rendered(values: Mapping[str, Any] | None = None, *arguments: str) -> Made:
    """The objects by kind and name, the release's own prefix left out. Raises: Refused."""
    found = template(*arguments, values=values)
    made = {(one["kind"], one["metadata"]["name"].removeprefix("touchline-")): one for one in found}
    assert len(made) == len(found)
    return made


@functools.cache
def default() -> Made:
    """What comes of the values that the chart has."""
    return rendered()


EXTERNAL: dict[str, Any] = {
    "kafka.enabled": False,
    "clickhouse.enabled": False,
    "settings.kafka.bootstrap": "kafka.example.com:9092",
    "settings.warehouse.host": "clickhouse.example.com",
}
"""Clusters that an operator has already."""


def pod_of(made: Made, kind: str, name: str) -> dict[str, Any]:
    """The pod of a workload."""
    spec: dict[str, Any] = made[kind, name]["spec"]["template"]["spec"]
    return spec


def variables(container: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a container: text, or (Secret, key)."""
    found: dict[str, Any] = {}
    for one in container.get("env", []):
        source = one.get("valueFrom", {}).get("secretKeyRef")
        assert one["name"] not in found
        found[one["name"]] = one["value"] if source is None else (source["name"], source["key"])
    return found


def mistakes(objects: list[dict[str, Any]]) -> list[str]:
    """What Kubernetes would refuse, by its own schemas; unknown fields are mistakes. Kinds that are not its own are
    left out. Without the schemas a test is skipped."""
    if (packages := str(TOOLS / "python")) not in sys.path:
        sys.path.append(packages)
    kubernetes = pytest.importorskip("kubernetes_validate", reason="there are no Kubernetes schemas: .ci/run gets them")
    found = []
    for one in objects:
        if one["apiVersion"].startswith("monitoring.coreos.com/"):
            continue
        try:
            kubernetes.validate(one, KUBERNETES, strict=True)
        except kubernetes.ValidationError as error:
            found.append(f"{one['kind']} {one['metadata']['name']}: {error.message}")
    return found
