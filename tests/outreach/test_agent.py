"""From settings to the agents that they describe."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from touchline.agents import deliver, outreach
from touchline.agents.settings import Settings, load_settings
from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.pipeline.outreach.policy import Policy
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.vocabulary import Channel
from touchline.schemas.yamlfile import FileError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

EVERYTHING = """
outreach:
  mode: live
  hold_out: 0.1
  experiment: winter
  cooldown: 12h
  cap: 2
  cap_window: 1d
  max_age: 6h
  quiet_hours: {start: "20:00", end: "07:30"}
  zone: Europe/Berlin
  channels: [sms, email]
deliver:
  attempts: 3
  smtp: {host: mail.example.com, sender: Care <care@example.com>, username: relay, password: "${PASSWORD}"}
  webhook: {url: "https://hooks.example.com/sms", secret: "${SECRET}", channels: [sms, push]}
"""


def load(text: str, folder: Path) -> Settings:
    path = folder / "touchline.yaml"
    path.write_text(text)
    return load_settings(path, {"PASSWORD": "pa55", "SECRET": SECRET})


def test_the_defaults_observe() -> None:
    policy = outreach.policy_of(Settings().outreach)
    assert policy == Policy(zone=ZoneInfo("UTC"))
    assert policy.observe
    assert outreach.build(Settings()).inputs == ("friction.signals", "customers", "incidents")


def test_every_setting_arrives(tmp_path: Path) -> None:
    settings = load(EVERYTHING, tmp_path)
    assert outreach.policy_of(settings.outreach) == Policy(
        observe=False,
        hold_out=0.1,
        experiment="winter",
        cooldown=12 * HOUR,
        cap=2,
        cap_window=DAY,
        max_age=6 * HOUR,
        quiet=QuietHours.parse("20:00", "07:30"),
        zone=ZoneInfo("Europe/Berlin"),
        channels=(Channel.SMS, Channel.EMAIL),
    )
    adapters = deliver.adapters_of(settings.deliver)
    assert {channel: adapter.name for channel, adapter in adapters.items()} == {
        Channel.EMAIL: "smtp",
        Channel.SMS: "webhook",
        Channel.PUSH: "webhook",
    }
    assert adapters[Channel.SMS] is adapters[Channel.PUSH]
    assert deliver.build(settings).inputs == ("outreach.decisions", "outreach.notices")


def test_no_quiet_hours(tmp_path: Path) -> None:
    assert outreach.policy_of(load("outreach: {quiet_hours: null}", tmp_path).outreach).quiet is None


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("outreach: {zone: Mars/Olympus}", '1:18: outreach.zone: "Mars/Olympus" is no time zone'),
        ("outreach: {quiet_hours: {start: '25:00'}}", "outreach.quiet_hours.start"),
        ("outreach: {channels: [e-mail]}", "outreach.channels.0"),
        ("outreach: {hold_out: 1.5}", "outreach.hold_out"),
        ("deliver: {webhook: {url: hooks.example.com, secret: '${SECRET}'}}", "deliver.webhook.url"),
        ("deliver: {webhook: {url: 'https://a.example', secret: '${PASSWORD}'}}", "webhook.secret: a secret is whsec_"),
        ("deliver: {smtp: {host: mail, sender: nobody}}", "deliver.smtp.sender"),
    ],
)
def test_a_mistake_has_its_place_and_secrets_are_not_repeated(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(FileError) as error:
        load(text, tmp_path)
    assert mistake in str(error.value)
    assert "pa55" not in str(error.value)
