"""The section on delivery of the page on outreach: its settings load, build adapters, and have the defaults it says."""

import re
from pathlib import Path

from touchline.agents import deliver
from touchline.agents.deliversettings import ConsoleSettings, TargetSettings
from touchline.agents.settings import Settings, load_settings
from touchline.schemas.types import parse_duration
from touchline.schemas.vocabulary import Channel

DOCS = Path(__file__).parents[2] / "docs"
SECTION = (DOCS / "outreach.md").read_text(encoding="utf-8").split("## Delivery\n")[1].split("## Going live")[0]
BLOCKS = re.findall(r"```yaml\n(.*?)```", SECTION, re.S)
SECRETS = {
    "SMTP_PASSWORD": "pa55",
    "SMS_TOKEN": "t0ken",
    "WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "SLACK_URL": "https://hooks.slack.example/T0/B0/x",
    "TEAMS_URL": "https://teams.example.com/x",
    "APPRISE_URL": "json://localhost/{to}",
}


def load(folder: Path, text: str) -> Settings:
    path = folder / "touchline.yaml"
    path.write_text(text)
    return load_settings(path, SECRETS)


def test_the_short_and_the_long_form_load_and_build(tmp_path: Path) -> None:
    short, long = (load(tmp_path, block) for block in BLOCKS[:2])
    assert set(deliver.plan_of(short).adapters) == {Channel.EMAIL, Channel.SMS, Channel.PUSH}
    adapters = deliver.named_adapters(long.deliver)
    assert set(adapters) == {"mail", "texts", "crm", "team", "house", "phones", "file"}
    assert {name for name, adapter in adapters.items() if adapter.idempotent} == {"texts", "crm", "file"}


def test_every_kind_is_explained_with_whether_it_knows_repeats(tmp_path: Path) -> None:
    kinds = re.findall(r"^\| ([a-z, ]+) \| .* \| (.*) \|$", SECTION.split("### The adapters")[1].split("###")[0], re.M)
    told = {kind: repeats for row, repeats in kinds if row != "kind" for kind in row.split(", ")}
    settings = load(tmp_path, BLOCKS[1]).deliver
    assert set(told) == {one.kind for one in settings.named.values()}
    for name, adapter in deliver.named_adapters(settings).items():
        repeats = told[settings.named[name].kind]
        assert adapter.idempotent is not repeats.startswith("no"), name


def test_the_defaults_of_every_adapter_are_the_defaults() -> None:
    told = dict(re.findall(r"^(\w+): (\w+)", BLOCKS[2], re.M))
    assert set(told) == set(TargetSettings.model_fields)
    defaults = ConsoleSettings(kind="console", to="stdout")
    for name, value in told.items():
        assert getattr(defaults, name) == parse_duration(int(value) if value.isdigit() else value), name
