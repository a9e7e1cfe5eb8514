"""Settings come from one file and from the environment; a mistake is told with its place."""

from pathlib import Path

import pytest

from touchline.agents.settings import OutreachMode, Settings, load_settings
from touchline.schemas.yamlfile import FileError


def write(folder: Path, text: str) -> Path:
    path = folder / "touchline.yaml"
    path.write_text(text)
    return path


def test_nothing_set_observes_on_this_machine() -> None:
    settings = load_settings(None, {})
    assert settings == Settings()
    assert settings.outreach.mode is OutreachMode.OBSERVE
    assert settings.outreach.hold_out == 0
    assert settings.kafka.bootstrap.startswith("127.0.0.1")


def test_durations_and_overrides(tmp_path: Path) -> None:
    path = write(tmp_path, "environment: shop\njourney: {lateness: 1h30m}\nkafka: {partitions: 2}\n")
    settings = load_settings(path, {"TOUCHLINE_KAFKA__PARTITIONS": "16", "TOUCHLINE_OTHER": "x"})
    assert settings.journey.lateness == 5_400_000
    assert settings.kafka.partitions == 16
    assert settings.topic("touchpoints") == "shop.touchpoints"
    assert settings.group("enrich") == "shop.touchline.enrich"


def test_what_stands_outside_the_sections_can_be_a_variable_too(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, "environment: shop\n"), {"TOUCHLINE_ENVIRONMENT": "staging"})
    assert settings.environment == "staging"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TOUCHLINE_WAREHOUSE__PORT", "many", "(warehouse.port): expected a whole number"),
        ("TOUCHLINE_WAREHOUSE__PROT", "1", '(warehouse.prot): is not a field here, did you mean "port"?'),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable(tmp_path: Path, variable: str, value: str, message: str) -> None:
    with pytest.raises(FileError) as raised:
        load_settings(write(tmp_path, "warehouse:\n  port: 9000\n"), {variable: value})
    assert f"the variable {variable} {message}" in str(raised.value)


def test_a_secret_comes_from_the_environment_and_is_not_shown(tmp_path: Path) -> None:
    path = write(tmp_path, "warehouse:\n  password: ${WAREHOUSE_PASSWORD}\n")
    settings = load_settings(path, {"WAREHOUSE_PASSWORD": "hush"})
    assert settings.warehouse.password.get_secret_value() == "hush"
    assert "hush" not in repr(settings)
    with pytest.raises(FileError, match=r"touchline.yaml:2:13: warehouse.password: the variable WAREHOUSE_PASSWORD"):
        load_settings(path, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kafka:\n  bootstrp: a\n", '2:3: kafka.bootstrp: is not a field here, did you mean "bootstrap"?'),
        (
            "journey: {lateness: 10}\n",
            "1:21: journey.lateness: 10 is no length of time: write it with its unit, such as 30s",
        ),
        ("journey: {lateness: soon}\n", '1:21: journey.lateness: "soon" is no length of time'),
        ("- a\n", "1:1: settings are a mapping"),
        ("outreach: {hold_out: 1.5}\n", "1:22: outreach.hold_out: expected less than 1, not 1.5"),
    ],
)
def test_a_mistake_has_its_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(FileError) as raised:
        load_settings(write(tmp_path, text), {})
    assert f"touchline.yaml:{expected}" in str(raised.value)
