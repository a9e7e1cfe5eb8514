"""Texts and their placeholders."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.outreach.cases import signal
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.outreach.messages import (
    BUILT_IN,
    PLACEHOLDERS,
    Messages,
    about_of,
    built_in_messages,
    load_messages,
)
from touchline.schemas.vocabulary import Polarity
from touchline.schemas.yamlfile import FileError


def test_every_built_in_text_is_complete() -> None:
    messages = built_in_messages()
    for rule in [*messages.rules, "a_rule_without_a_text"]:
        message = messages.render(signal(rule=rule, group="order:12"), "c-1@example.com")
        assert message.to == "c-1@example.com"
        assert "{" not in message.subject + message.text
        assert re.fullmatch(r"\S.*", message.subject)
        assert message.text.startswith("Hello,\n\n")
        assert not re.search(r"^[a-z]", message.subject)


def test_a_rule_has_its_own_text() -> None:
    messages = built_in_messages()
    assert messages.render(signal(rule="long_wait"), "x").subject == "Sorry for the wait"
    assert messages.render(signal(rule="no_such_rule"), "x").subject == "About your recent contact with us"


def test_a_rule_without_a_text_has_that_of_its_polarity() -> None:
    messages = built_in_messages()
    texts = {of: messages.render(signal(rule="no_such_rule", polarity=of), "x").text for of in Polarity}
    assert len(set(texts.values())) == len(Polarity)
    assert "did not go as it should" in texts[Polarity.FRICTION]
    plain = load_messages_of("default: {subject: s, text: t}\nrules: {}\n")
    assert plain.render(signal(rule="no_such_rule", polarity=Polarity.NEED), "x").text == "t"


def test_nobody_apologises_for_a_need_or_a_good_moment() -> None:
    messages = built_in_messages()
    apology = re.compile("sorry|went wrong|did not go|not work|apolog", re.IGNORECASE)
    polarities = {rule.spec.id: rule.spec.polarity for rule in load_rules().every}
    assert set(polarities.values()) == set(Polarity)
    for rule, polarity in [*polarities.items(), ("no_such_rule", Polarity.NEED), ("no_such_rule", Polarity.DELIGHT)]:
        message = messages.render(signal(rule=rule, polarity=polarity), "x")
        if polarity is not Polarity.FRICTION:
            assert not apology.search(message.subject + message.text), rule


@pytest.mark.parametrize(
    ("group", "subjects", "about"),
    [
        ("order:123", (), "your order 123"),
        ("c-1", ("session:ab", "ticket:9"), "your ticket 9"),
        ("c-1", ("session:ab",), "your recent contact with us"),
        ("session:ab", (), "your recent contact with us"),
        ("c-1", (), "your recent contact with us"),
    ],
)
def test_what_it_is_about(group: str, subjects: tuple[str, ...], about: str) -> None:
    assert about_of(signal(group=group, subjects=subjects)) == about


def test_braces_in_what_a_publisher_sent_are_only_text() -> None:
    evil = signal(rule="ticket_reopened", group="ticket:{about.__class__}{0}")
    assert "{about.__class__}{0} is open again" in built_in_messages().render(evil, "x").text


def test_a_message_keeps_its_bounds(tmp_path: Path) -> None:
    path = tmp_path / "texts.yaml"
    path.write_text("default: {subject: '" + "{about}" * 15 + "', text: '" + "{about} " * 900 + "'}\nrules: {}\n")
    message = load_messages(path).render(signal(group="order:" + "9" * 120), "x")
    assert (len(message.subject), len(message.text)) == (256, 16_384)


def load_messages_of(text: str) -> Messages:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "texts.yaml"
        path.write_text(text)
        return load_messages(path)


def texts(text: str = "t", subject: str = "s", rules: str = "{}") -> str:
    return f"default: {{subject: {subject}, text: {text}}}\nrules: {rules}\n"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            texts("'Hi {abuot}'"),
            '1:29: default.text: {abuot} is no placeholder, did you mean "about"?; there are {about}',
        ),
        (texts("'{about.__class__}'"), "default.text: {about.__class__} is no placeholder"),
        (texts("'{about!r}'"), "{about!r} is no placeholder"),
        (texts("'{about:>99999999}'"), "{about:>99999999} is no placeholder"),
        (texts("'{}'"), "{} is no placeholder"),
        (texts("'an { alone'"), "default.text: expected '}' before end of string; write {{ and }}"),
        (texts(rules="\n  long_wait: {subject: '{x}', text: t}"), "3:24: rules.long_wait.subject: {x} is no"),
        (texts(rules="\n  long_wait: {subjekt: s, text: t}"), 'is not a field here, did you mean "subject"?'),
        (texts(subject='"a\\nb"'), "holds a control character"),
        ("rules: {}", "default: is needed"),
        (
            texts() + "delight: {subject: s, text: '{abut}'}",
            "3:29: delight.text: {abut} is no placeholder, did you mean",
        ),
    ],
)
def test_a_mistake_in_a_text_has_its_place(tmp_path: Path, text: str, mistake: str) -> None:
    path = tmp_path / "texts.yaml"
    path.write_text(text)
    with pytest.raises(FileError) as error:
        load_messages(path)
    assert mistake in str(error.value)


def test_the_placeholders_are_those_that_the_file_names() -> None:
    head = BUILT_IN.read_text(encoding="utf-8").split("default:")[0]
    assert tuple(re.findall(r"\{(\w+)\}", head)) == PLACEHOLDERS


def test_every_built_in_rule_has_a_text_of_its_own() -> None:
    folder = BUILT_IN.parents[1] / "friction" / "rules"
    files = [path for path in folder.glob("*.yaml") if not path.name.endswith(".test.yaml")]
    rules = {rule for path in files for rule in re.findall(r"^- id: (\w+)$", path.read_text(encoding="utf-8"), re.M)}
    assert rules
    assert set(built_in_messages().rules) == rules
