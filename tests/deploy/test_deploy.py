"""What is shipped to production is well-formed, and agrees with the settings and the project file."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from touchline.agents.settings import load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())


def test_compose_is_what_its_schema_says() -> None:
    # The package ships the schema; its own command needs a newer click than Faust allows.
    package = importlib.util.find_spec("check_jsonschema")
    assert package is not None
    assert package.origin is not None
    schema = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    validator = jsonschema.validators.validator_for(contents := json.loads(schema.read_text()))(contents)
    assert list(validator.iter_errors(COMPOSE)) == []
    assert list(validator.iter_errors({**COMPOSE, "servces": {}})) != []


def test_every_agent_has_a_service_that_is_checked_and_restarted() -> None:
    settings = load_settings(None, {})
    for agent in settings.runtime.agents:
        service = COMPOSE["services"][agent]
        assert service["command"] == ["worker", agent]
        assert "readyz" in json.dumps(service["healthcheck"])
        assert service["restart"] == "unless-stopped"


def test_the_api_has_a_service_that_is_checked_and_reached_with_a_key() -> None:
    service = COMPOSE["services"]["api"]
    assert service["command"] == ["api"]
    assert "readyz" in json.dumps(service["healthcheck"])
    variables = {name: value for name, value in service["environment"].items() if "${" not in value}
    variables |= {"TOUCHLINE_WRITE_PASSWORD": "x", "TOUCHLINE_API__KEYS__DESK": "k" * 24}
    settings = load_settings(ROOT / "deploy" / "touchline.yaml", variables)
    assert settings.serves
    assert (settings.api.host, list(settings.api.keys)) == ("0.0.0.0", ["desk"])  # noqa: S104  # in a container
    assert service["ports"] == [f"127.0.0.1:{settings.api.port}:{settings.api.port}"]


def test_ports_are_published_on_loopback_only_and_passwords_must_be_set() -> None:
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "KEY" in name:
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), name
    example = (ROOT / "deploy" / "env.example").read_text()
    for variable in re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()):
        assert re.search(rf"^{variable}=$", example, re.MULTILINE)


def test_the_settings_of_the_containers_load() -> None:
    settings = load_settings(ROOT / "deploy" / "touchline.yaml", {"TOUCHLINE_WRITE_PASSWORD": "x"})
    assert settings.runtime.http_port == 8000
    assert settings.outreach.mode == "observe"


def test_the_image_does_not_run_as_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER touchline$", text, re.MULTILINE)
    assert "-slim" in text


@pytest.mark.parametrize(
    ("lock", "extras"), [("run.txt", ("worker", "embedded")), ("dev.txt", ("worker", "embedded", "dev"))]
)
def test_locks_hold_every_requirement_by_hash_and_no_address(lock: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "requirements" / lock).read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
    wanted = project["dependencies"] + [r for extra in extras for r in project["optional-dependencies"][extra]]
    names = {re.match(r"[A-Za-z0-9._-]+", r)[0].lower().replace("_", "-").replace(".", "-") for r in wanted}  # type: ignore[index]
    assert names <= locked, f"run `make lock`: {sorted(names - locked)} not in {lock}"
    assert text.count("--hash=sha256:") >= len(locked)
    assert "http" not in re.sub(r"^aiohttp\S*", "", text, flags=re.MULTILINE)
