"""From settings to the agents that they describe."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from touchline.agents import deliver, outreach
from touchline.agents.settings import Settings, load_settings
from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.pipeline.outreach.plan import Cap, Plan, PolicyBook, Switches
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.vocabulary import Channel
from touchline.schemas.yamlfile import FileError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

EVERYTHING = """
outreach:
  mode: live
  builtin_policies: false
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
    book = outreach.book_of(Settings.model_validate({"outreach": {"builtin_policies": False}}))
    assert replace(book, content="") == PolicyBook(zone=ZoneInfo("UTC"))
    assert book.switches.observe
    assert outreach.build(Settings()).inputs == ("friction.signals", "customers", "incidents", "outreach.deliveries")


def test_every_setting_arrives(tmp_path: Path) -> None:
    settings = load(EVERYTHING, tmp_path)
    plan = Plan(
        hold_out=0.1,
        experiment="winter",
        cooldown=12 * HOUR,
        max_age=6 * HOUR,
        quiet=QuietHours.parse("20:00", "07:30"),
        channels=(Channel.SMS, Channel.EMAIL),
    )
    assert replace(outreach.book_of(settings), content="") == PolicyBook(
        default=plan, cap=Cap(2, DAY), switches=Switches(observe=False), zone=ZoneInfo("Europe/Berlin")
    )
    adapters = deliver.plan_of(settings).adapters
    assert {channel: adapter.name for channel, adapter in adapters.items()} == {
        Channel.EMAIL: "smtp",
        Channel.SMS: "webhook",
        Channel.PUSH: "webhook",
    }
    assert adapters[Channel.SMS] is adapters[Channel.PUSH]
    assert deliver.build(settings).inputs == ("outreach.decisions", "outreach.notices")


def test_no_quiet_hours(tmp_path: Path) -> None:
    assert outreach.book_of(load("outreach: {quiet_hours: null}", tmp_path)).default.quiet is None


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
