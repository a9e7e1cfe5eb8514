"""Signed links: what was put in comes out, and nothing else is taken."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.agents.settings import OutreachSettings, Settings, load_settings
from touchline.agents.texts import links_of
from touchline.pipeline.outreach.ids import decision_id
from touchline.pipeline.outreach.links import MAX_URL, PATH, Followed, LinkError, Links, is_target
from touchline.schemas.vocabulary import Channel, Purpose
from touchline.schemas.yamlfile import FileError

BASE = "https://links.example.com"
SECRET = b"0123456789abcdef0123456789abcdef"
LINKS = Links(BASE, SECRET)
DECISION = decision_id("s-1")
TARGET = "https://shop.example.com/orders/123?from=mail&x=%20"

IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=128)
CHANNELS = st.sampled_from(Channel)


def token_of(link: str) -> str:
    assert link.startswith(BASE + PATH)
    return link.removeprefix(BASE + PATH)


@given(IDS, IDS | st.uuids().map(str), CHANNELS)
def test_what_was_put_in_comes_out(customer: str, decision: str, channel: Channel) -> None:
    same: dict[str, Any] = {"customer": customer, "decision_id": decision, "channel": channel}
    click = token_of(LINKS.click(customer, decision, channel, TARGET))
    assert LINKS.read(click) == Followed(what="click", url=TARGET, **same)
    assert LINKS.read(token_of(LINKS.open(customer, decision, channel))) == Followed(what="open", **same)
    for purpose in Purpose:
        unsubscribe = token_of(LINKS.unsubscribe(customer, decision, channel, purpose))
        assert LINKS.read(unsubscribe) == Followed(what="unsubscribe", purpose=purpose, **same)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", click)


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.data())
def test_any_change_of_a_token_is_refused(data: st.DataObject) -> None:
    url = "https://a.example/" + "x" * data.draw(st.integers(0, 5))  # so that every length of the last group comes up
    token = token_of(LINKS.click("c-1", DECISION, Channel.EMAIL, url))
    at = data.draw(st.integers(0, len(token)))
    change = data.draw(st.sampled_from(["replace", "insert", "delete"]))
    other = data.draw(st.sampled_from(LETTERS + "=+/ .\n\0é"))
    rest = token[at:] if change == "insert" else token[at + 1 :]
    changed = token[:at] + ("" if change == "delete" else other) + rest
    if changed != token:
        with pytest.raises(LinkError):
            LINKS.read(changed)


def test_every_change_of_one_letter_is_refused() -> None:
    token = token_of(LINKS.unsubscribe("c-1", DECISION, Channel.EMAIL, Purpose.MARKETING))
    for at, letter in enumerate(token):
        for other in LETTERS.replace(letter, ""):
            with pytest.raises(LinkError):
                LINKS.read(token[:at] + other + token[at + 1 :])


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda b: urlsafe_b64encode(b).rstrip(b"=").decode()))
def test_what_was_not_signed_is_refused(token: str) -> None:
    with pytest.raises(LinkError) as error:
        LINKS.read(token)
    assert token not in str(error.value) or len(token) < 8


@pytest.mark.parametrize("token", ["", "A", "AAAA", "=" * 40, "A" * 100_000, "Ω" * 40])
def test_what_is_no_token_at_all_is_refused(token: str) -> None:
    with pytest.raises(LinkError):
        LINKS.read(token)


def test_a_kind_can_not_be_turned_into_another() -> None:
    token = token_of(LINKS.open("c-1", DECISION, Channel.EMAIL))
    whole = bytearray(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    for at, value in ((0, 2), (1, 1), (1, 3), (1, 9)):
        changed = bytearray(whole)
        changed[at] = value
        with pytest.raises(LinkError):
            LINKS.read(urlsafe_b64encode(changed).rstrip(b"=").decode())


def test_secrets_are_rotated() -> None:
    new = b"f" * 32
    rotated, without = Links(BASE, new, older=[SECRET]), Links(BASE, new)
    old = token_of(LINKS.open("c-1", DECISION, Channel.EMAIL))
    assert rotated.read(old) == LINKS.read(old)
    fresh = token_of(rotated.open("c-1", DECISION, Channel.EMAIL))
    assert without.read(fresh) == rotated.read(fresh)
    for links, token in ((without, old), (LINKS, fresh)):
        with pytest.raises(LinkError):
            links.read(token)


def test_the_same_link_is_made_each_time() -> None:
    first = LINKS.click("c-1", DECISION, Channel.EMAIL, TARGET)
    assert first == Links(BASE + "/", SECRET).click("c-1", DECISION, Channel.EMAIL, TARGET)
    assert (
        Links("https://shop.example.com/touch", SECRET)
        .open("c", DECISION, Channel.EMAIL)
        .startswith("https://shop.example.com/touch/l/")
    )


def test_a_link_is_short() -> None:
    assert len(token_of(LINKS.unsubscribe("c-1042", DECISION, Channel.EMAIL, Purpose.SERVICE))) <= 80
    longest = LINKS.click(
        "\U0001f642" * 128, "ß" * 128, Channel.SELF_SERVICE, "https://a.example/" + "x" * (MAX_URL - 18)
    )
    assert len(longest) <= 3_000
    assert LINKS.read(token_of(longest)).customer == "\U0001f642" * 128


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/orders/1",
        "shop.example.com",
        "https://",
        "https://user:pw@shop.example.com/",
        "https://shop.example.com@evil.example/",
        "https://shop.example.com/a b",
        "https://shop.example.com/\r\nSet-Cookie: x",
        "https://shop.example.com\\@evil.example",
        "https://[::1",
        "ftp://shop.example.com/",
        "https://shop.example.com/" + "x" * MAX_URL,
        "",
    ],
)
def test_a_link_leads_to_no_other_kind_of_address(url: str) -> None:
    assert not is_target(url)
    with pytest.raises(ValueError, match="http"):
        LINKS.click("c-1", DECISION, Channel.EMAIL, url)


@pytest.mark.parametrize("url", [TARGET, "http://a.example", "https://münchen.example/ü", "https://[::1]:80/x#y"])
def test_a_link_leads_to_ordinary_addresses(url: str) -> None:
    assert LINKS.read(token_of(LINKS.click("c-1", DECISION, Channel.EMAIL, url))).url == url


@pytest.mark.parametrize("base", ["", "links.example.com", "ftp://x.example", "https://x.example/?a=b", "https://x/#y"])
def test_a_base_is_an_address(base: str) -> None:
    with pytest.raises(ValueError, match="base of links"):
        Links(base, SECRET)


def test_a_secret_has_a_length() -> None:
    for secrets in ((b"short", ()), (SECRET, (b"short",)), (b"", ())):
        with pytest.raises(ValueError, match="at least 32 bytes"):
            Links(BASE, *secrets)


def test_a_decision_keeps_its_spelling() -> None:
    for decision in (DECISION, DECISION.upper(), DECISION.replace("-", ""), "d-1"):
        assert LINKS.read(token_of(LINKS.open("c", decision, Channel.SMS))).decision_id == decision


def settings_of(tmp_path: Path, links: str) -> Settings:
    path = tmp_path / "touchline.yaml"
    path.write_text("outreach:\n  links: " + links)
    return load_settings(path, {"LINKS": SECRET.decode(), "OLD": "o" * 32})


def test_the_settings_make_links(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f"{{base: {BASE}, secret: '${{LINKS}}', older: ['${{OLD}}']}}")
    links = links_of(settings.outreach)
    assert links is not None
    assert links.open("c", DECISION, Channel.EMAIL) == LINKS.open("c", DECISION, Channel.EMAIL)
    assert links.read(token_of(Links(BASE, b"o" * 32).open("c", DECISION, Channel.EMAIL))).customer == "c"
    assert SECRET.decode() not in repr(settings)
    assert links_of(OutreachSettings()) is None


@pytest.mark.parametrize(
    ("links", "mistake"),
    [
        ("{base: 'links.example.com', secret: '${LINKS}'}", "outreach.links.base: write the public address"),
        (f"{{base: {BASE}, secret: short}}", "outreach.links.secret: is too short: a secret of links has at least 32"),
        (f"{{base: {BASE}}}", "outreach.links.secret: is needed"),
    ],
)
def test_a_mistake_in_the_settings_is_told_and_no_secret(tmp_path: Path, links: str, mistake: str) -> None:
    with pytest.raises(FileError) as error:
        settings_of(tmp_path, links)
    assert mistake in str(error.value)
    assert SECRET.decode() not in str(error.value)
    assert '"short"' not in str(error.value)
