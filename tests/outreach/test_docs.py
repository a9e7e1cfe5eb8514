"""The page on outreach: its settings load and are what they say."""

import re
from pathlib import Path

from touchline.agents import deliver, outreach
from touchline.agents.settings import OutreachSettings, load_settings
from touchline.schemas.vocabulary import Channel, DeliveryStatus, Reason

PAGE = (Path(__file__).parents[2] / "docs" / "outreach.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
SECRETS = {"SMTP_PASSWORD": "pa55", "WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}


def test_the_defaults_on_the_page_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "touchline.yaml"
    path.write_text(BLOCKS[0])
    assert load_settings(path, {}).outreach == OutreachSettings()
    named = set(re.findall(r"^  (\w+):", BLOCKS[0], re.M))
    assert named == set(OutreachSettings.model_fields)


def test_the_settings_for_delivery_load_and_build(tmp_path: Path) -> None:
    path = tmp_path / "touchline.yaml"
    path.write_text(BLOCKS[1])
    settings = load_settings(path, SECRETS)
    assert not outreach.book_of(settings).switches.observe
    assert set(deliver.plan_of(settings).adapters) == {Channel.EMAIL, Channel.SMS, Channel.PUSH}


def test_every_reason_and_status_is_explained_in_order() -> None:
    reasons = re.findall(r"^\| `(\w+)` \|.*\|.*\|$", PAGE.split("## The reasons")[1].split("**Consent")[0], re.M)
    assert reasons == list(Reason)
    statuses = re.findall(r"^\| `(\w+)` \|", PAGE.split("### What can become")[1], re.M)
    assert set(statuses) == set(DeliveryStatus)
