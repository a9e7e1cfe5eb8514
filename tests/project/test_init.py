"""What `touchline init` writes works as it stands, and nothing is overwritten."""

import base64
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from touchline.agents.policybook import book_of
from touchline.agents.settings import Settings, load_settings
from touchline.cli import main
from touchline.importer import preview
from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.friction.load import load_rules
from touchline.project import ExistsError, write_project
from touchline.schemas.vocabulary import Route
from touchline.trial import read_event, try_in_memory
from touchline.trial.event import read_history

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path / "shop")
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def test_the_settings_are_the_defaults_but_for_the_rules_and_policies(folder: Path) -> None:
    settings = load_settings(folder / "touchline.yaml", {})
    journey = settings.journey.model_copy(update={"rules": ()})
    outreach = settings.outreach.model_copy(update={"policies": ()})
    assert settings.model_copy(update={"journey": journey, "outreach": outreach}) == Settings()
    assert settings.journey.rules == (Path("rules"),)
    assert settings.outreach.policies == (Path("policies"),)


def test_the_example_policy_stands_for_the_example_rule_and_has_no_mistakes(folder: Path) -> None:
    checked = CliRunner().invoke(main, ["policies", "check", "--strict"])
    assert checked.exit_code == 0, checked.output
    plan = book_of(load_settings(folder / "touchline.yaml", {})).by_rule["device_keeps_failing"]
    assert (plan.id, plan.cooldown, plan.route) == ("failing_devices", 14 * DAY, Route.CUSTOMER)


def test_what_is_commented_out_in_the_policy_can_be_switched_on(folder: Path) -> None:
    file = folder / "policies" / "devices.yaml"
    file.write_text(re.sub(r"^#(   \w)", r" \1", file.read_text(), flags=re.M).replace("    ", "  "))
    checked = CliRunner().invoke(main, ["policies", "check", "--strict"])
    assert checked.exit_code == 0, checked.output
    plan = book_of(load_settings(folder / "touchline.yaml", {})).by_rule["device_keeps_failing"]
    assert (plan.route, plan.target) == (Route.PERSON, "queue:care")


def test_what_is_commented_out_can_be_switched_on(folder: Path) -> None:
    text = (folder / "touchline.yaml").read_text()
    # A setting that is shown after others is indented; prose stands at the margin or names no setting.
    lines = [re.sub(r"^(  +)# (?=\w+: \S)", r"\1", line) for line in text.splitlines()]
    start = next(number for number, line in enumerate(lines) if line == "# deliver:")
    end = next(number for number, line in enumerate(lines) if number > start and not line.startswith("#"))
    lines[start:end] = [line.removeprefix("# ") for line in lines[start:end]]
    (folder / "all.yaml").write_text("\n".join(lines))
    secrets = ("KAFKA_PASSWORD", "CLICKHOUSE_PASSWORD", "SMTP_PASSWORD", "WEBHOOK_SECRET")
    settings = load_settings(folder / "all.yaml", dict.fromkeys(secrets, SECRET))
    assert settings.deliver.smtp is not None
    assert settings.deliver.webhook is not None
    assert settings.kafka.security_protocol == "SASL_SSL"
    assert settings.journey.source_lateness == {"nightly-export": 26 * 3_600_000}


def test_the_example_rule_fires_on_the_example_events(folder: Path) -> None:
    assert "device_keeps_failing" in {rule.spec.id for rule in load_rules([folder / "rules"]).rules}
    settings = load_settings(folder / "touchline.yaml", {})
    outcome = try_in_memory(
        settings, read_event("events/third-error.json"), read_history(Path("events/two-errors.ndjson"))
    )
    assert [signal.rule for signal in outcome.signals] == ["device_keeps_failing"]
    assert [decision.outcome for decision in outcome.decisions] == ["sent"]
    assert outcome.decisions[0].message is not None
    assert outcome.decisions[0].message.to == "c-1042@example.com"


def test_the_example_map_reads_the_example_rows(folder: Path) -> None:
    report, made = preview([folder / "maps/orders.csv"], folder / "maps/orders.yaml", 99)
    assert (report.rows, report.failed, len(made)) == (3, 0, 8)


def test_files_that_are_there_are_not_overwritten(folder: Path) -> None:
    (folder / "touchline.yaml").write_text("mine")
    with pytest.raises(ExistsError, match=r"nothing was written: .*touchline\.yaml"):
        write_project(folder)
    (folder / "rules" / "devices.yaml").unlink()
    result = CliRunner().invoke(main, ["init", str(folder)])
    assert result.exit_code == 2
    assert (folder / "touchline.yaml").read_text() == "mine"
    assert not (folder / "rules" / "devices.yaml").exists()


def test_a_folder_with_other_files_is_fine(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "touchline up" in result.output
    assert (tmp_path / "touchline.yaml").is_file()
