"""docs/messages.md: its example from a file to the message, each snippet, the tables."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.docs.pages import ROOT, blocks, prose
from tests.outreach.cases import profile, signal
from touchline.agents.settings import OutreachSettings, load_settings
from touchline.agents.texts import links_of, messages_of
from touchline.cli import main
from touchline.pipeline.outreach.messages import built_in_messages, load_messages
from touchline.pipeline.outreach.plan import Plan
from touchline.pipeline.outreach.templates import FILTERS, TAGS
from touchline.pipeline.outreach.templates_known import CUSTOMER_FIELDS, LINKS, ROOTS, SIGNAL
from touchline.schemas.textfile import TextVersion
from touchline.schemas.vocabulary import Channel

PAGE = ROOT / "docs" / "messages.md"
TEXT = PAGE.read_text("utf-8")
YAML = re.findall(r"^```yaml(?: (\S+))?\n(.*?)^```$", TEXT, re.M | re.S)
FILES = {name: text for name, text in YAML if name}
SETTINGS = [text for name, text in YAML if not name]
PREVIEWS = [block.text for block in blocks(PAGE, "text")]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the page, with the files that it has one save."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["init", "shop"]).exit_code == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["messages", *arguments])


def shown(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def test_the_example_gives_what_the_page_shows(shop: Path) -> None:
    first = run("preview", "device_keeps_failing")
    assert first.exit_code == 0, first.output
    assert "3 errors within a day" in first.output
    (shop / "texts" / "delivery.yaml").write_text(FILES["texts/delivery.yaml"], "utf-8")
    check = run("check")
    assert check.exit_code == 0, check.output
    assert re.search(r"^promise_broken +de ", check.output, re.M)
    assert shown(run("preview", "promise_broken").output) == shown(PREVIEWS[0])
    assert shown(run("preview", "promise_broken", "--channel", "sms").output) == shown(PREVIEWS[1])
    german = run("preview", "promise_broken", "--locale", "de-AT")
    assert "bis Mittwoch, 4. März bei Ihnen sein" in " ".join(german.output.replace("│", "").split())
    wrong = FILES["texts/delivery.yaml"].replace("values.s.promised_at", "values.s.promissed_at", 1)
    (shop / "texts" / "delivery.yaml").write_text(wrong, "utf-8")
    mistaken = run("check")
    assert mistaken.exit_code == 1
    assert shown(PREVIEWS[2])[0] in mistaken.output.splitlines()


def test_the_other_files_are_right_and_do_what_they_say(shop: Path) -> None:
    for name in ("texts/frame.yaml", "texts/words.yaml"):
        (shop / name).write_text(FILES[name], "utf-8")
    check = run("check", "--strict")
    assert check.exit_code == 0, check.output
    messages = load_messages([shop / "texts"])
    message = messages.render(signal(group="repair:7"), profile(), Channel.EMAIL, Plan(), "d", "x")
    assert "the repair 7" in message.text
    assert "1 High Street" in str(message.html)
    assert "<title>Sorry for the wait</title>" in str(message.html)


def test_every_block_of_yaml_is_run_here(tmp_path: Path) -> None:
    assert set(FILES) == {"texts/delivery.yaml", "texts/frame.yaml", "texts/words.yaml"}
    assert len(SETTINGS) == 2
    path = tmp_path / "touchline.yaml"
    path.write_text(SETTINGS[0])
    assert load_settings(path, {}).outreach == OutreachSettings(texts=(Path("texts"),), locale="en")
    path.write_text(SETTINGS[1])
    outreach = load_settings(path, {"LINKS_SECRET": "s" * 32}).outreach
    links = links_of(outreach)
    assert links is not None
    message = messages_of(outreach).render(signal(), profile(), Channel.EMAIL, Plan(), "d", "x")
    assert str(message.unsubscribe).startswith("https://links.example.com/")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a line."""
    table = re.search(r"(?:^\|.*\n)+", TEXT.split(heading, 1)[1], re.M)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[0].splitlines()[2:]]


def names(text: str) -> list[str]:
    return re.findall(r"`\.?(\w+)[^`]*`", text)


def test_the_fields_are_all_there() -> None:
    named = [name for row in rows("In each language there is") for name in names(row[0])]
    assert named == list(TextVersion.__dataclass_fields__)
    assert TextVersion(subject="s", text="t").segments == 3
    reserved = [name for row in rows("The name is") for name in names(row[0])]
    assert sorted(reserved) == sorted({"need", "delight", "default"} & built_in_messages().names)


def test_the_values_are_all_there() -> None:
    table = {name: row[1] for row in rows("says something under a condition") for name in names(row[0])}
    assert set(table) == set(ROOTS)
    assert set(names(table["signal"])) == set(SIGNAL)
    assert set(names(table["customer"])) == set(CUSTOMER_FIELDS)
    assert set(names(table["links"])) == set(LINKS)


def test_the_filters_and_tags_are_all_there() -> None:
    named = [name for row in rows("| `locale` | the language of the text |\n\n") for name in names(row[0])]
    rest = re.search(r"and of Liquid's own (.*?)The tags are(.*?)\. There is no clock", TEXT, re.S)
    assert rest is not None
    assert {*named, *names(rest[1])} == set(FILTERS)
    assert tuple(names(rest[2])) == TAGS


def test_every_liquid_in_a_line_is_right(tmp_path: Path) -> None:
    shown = [code for code in re.findall(r"`(\{[{%][^`]*)`", prose(PAGE)) if "…" not in code and "content" not in code]
    assert len(shown) >= 3
    for number, code in enumerate(shown):
        path = tmp_path / f"{number}.yaml"
        guarded = "{% if links.unsubscribe %}" + code + "{% endif %}"
        path.write_text(f"schema: texts/1\ntexts: {{mine: {{en: {{subject: s, text: '{guarded}'}}}}}}\n")
        assert load_messages([path]).names >= {"mine"}
