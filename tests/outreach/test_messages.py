"""The messages that customers get: the built-in texts, languages, parts, links, and what stands in for what."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.outreach.cases import feed, profile, signal
from touchline.agents import outreach
from touchline.agents.settings import Settings, load_settings
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.outreach.case import purpose_of
from touchline.pipeline.outreach.links import PATH, Links
from touchline.pipeline.outreach.messages import Messages, Speaking, built_in_messages, load_messages
from touchline.pipeline.outreach.plan import Plan
from touchline.pipeline.outreach.sms import sms_length
from touchline.schemas.customer import Profile
from touchline.schemas.outreach import Message
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Channel, Polarity, Purpose
from touchline.schemas.wire import CUSTOMERS, SIGNALS
from touchline.schemas.yamlfile import FileError

LINKS = Links("https://links.example.com", b"k" * 32)
HEAD = "schema: texts/1\n"


def rendered(
    messages: Messages,
    it: Signal,
    channel: Channel = Channel.EMAIL,
    who: Profile | None = None,
    template: str | None = None,
    purpose: Purpose | None = None,
) -> Message:
    plan = Plan(template=template, purpose=purpose)
    return messages.render(it, who or profile(), channel, plan, "d-1", "c-1@example.com")


def loaded(tmp_path: Path, text: str, **speaking: Any) -> Messages:
    path = tmp_path / "texts.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_messages([path], Speaking(**speaking))


def own(tmp_path: Path, text: str, subject: str = "s", **speaking: Any) -> Messages:
    """A text `mine` in English."""
    indented = "\n".join("        " + line for line in text.split("\n"))
    return loaded(
        tmp_path, f"texts:\n  mine:\n    en:\n      subject: '{subject}'\n      text: |\n{indented}\n", **speaking
    )


BUILT_IN_RULES = {rule.spec.id: rule.spec.polarity for rule in load_rules().every}


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.SMS, Channel.PUSH, Channel.CHAT])
def test_every_built_in_text_is_complete(language: str, channel: Channel) -> None:
    messages = built_in_messages()
    for name in messages.names:
        about = signal(rule=name, polarity=BUILT_IN_RULES.get(name, Polarity.FRICTION), group="order:12")
        message = rendered(messages, about, channel, profile(locale=language), name)
        assert message.to == "c-1@example.com"
        assert message.source.startswith(f"{name}/{language}/"), "nothing stands in for it"
        assert message.locale == language
        assert not re.search(r"[{}]", message.subject + message.text)
        assert re.fullmatch(r"[^a-z\s].*", message.subject)
        assert message.text.startswith(("Hello,\n\n", "Guten Tag,\n\n"))
        assert (message.html is not None) == (channel is Channel.EMAIL)
        if channel is Channel.SMS:
            assert message.source == f"{name}/{language}/sms"
            assert sms_length(message.text).segments <= 3, name


def test_every_built_in_rule_has_a_text_of_its_own_in_both_languages() -> None:
    messages = built_in_messages()
    assert messages.names == {*BUILT_IN_RULES, "default", "need", "delight"}
    assert all(messages.languages(name) == ("en", "de") for name in messages.names)


def test_a_rule_has_its_own_text() -> None:
    messages = built_in_messages()
    assert rendered(messages, signal(rule="long_wait")).subject == "Sorry for the wait"
    assert rendered(messages, signal(rule="no_such_rule")).subject == "About your recent contact with us"


def test_a_policy_names_another_text(tmp_path: Path) -> None:
    messages = own(tmp_path, "mine")
    assert rendered(messages, signal(rule="long_wait"), template="mine").text == "mine\n"
    assert rendered(messages, signal(rule="long_wait"), template="gone").source == "long_wait/en/email"


def test_a_rule_without_a_text_has_that_of_its_polarity() -> None:
    messages = built_in_messages()
    texts = {of: rendered(messages, signal(rule="no_such_rule", polarity=of)).text for of in Polarity}
    assert len(set(texts.values())) == len(Polarity)
    assert "did not go as it should" in texts[Polarity.FRICTION]


def test_nobody_apologises_for_a_need_or_a_good_moment() -> None:
    messages = built_in_messages()
    apology = re.compile("sorry|went wrong|did not go|not work|apolog|tut uns leid|schiefgel|entschuld", re.IGNORECASE)
    assert set(BUILT_IN_RULES.values()) == set(Polarity)
    for rule, polarity in [*BUILT_IN_RULES.items(), ("no_rule", Polarity.NEED), ("no_rule", Polarity.DELIGHT)]:
        for language in ("en", "de"):
            message = rendered(messages, signal(rule=rule, polarity=polarity), who=profile(locale=language))
            if polarity is not Polarity.FRICTION:
                assert not apology.search(message.subject + message.text), rule


@pytest.mark.parametrize(
    ("group", "subjects", "about", "about_in_german"),
    [
        ("order:123", (), "your order 123", "Ihre Bestellung 123"),
        ("c-1", ("session:ab", "ticket:9"), "your ticket 9", "Ihre Anfrage 9"),
        ("c-1", ("session:ab",), "your recent contact with us", "Ihre letzte Anfrage bei uns"),
        ("session:ab", (), "your recent contact with us", "Ihre letzte Anfrage bei uns"),
        ("other:1", ("unsubscribe:2",), "your recent contact with us", "Ihre letzte Anfrage bei uns"),
    ],
)
def test_what_it_is_about(
    tmp_path: Path, group: str, subjects: tuple[str, ...], about: str, about_in_german: str
) -> None:
    text = "texts: {mine: {en: {subject: s, text: '{{ about }}'}, de: {subject: s, text: '{{ about }}'}}}"
    messages = loaded(tmp_path, text)
    it = signal(group=group, subjects=subjects)
    assert rendered(messages, it, template="mine").text == about + "\n"
    assert rendered(messages, it, who=profile(locale="de"), template="mine").text == about_in_german + "\n"


def test_words_of_ones_own(tmp_path: Path) -> None:
    words = "words: {en: {repair: 'the repair {{ number }} of yours'}, fr: {order: 'votre commande {{ number }}'}}\n"
    messages = loaded(
        tmp_path,
        words + "texts: {mine: {en: {subject: s, text: '{{ about }}'}, fr: {subject: s, text: '{{ about }}'}}}",
    )
    repair = signal(group="repair:7")
    assert rendered(messages, repair, template="mine").text == "the repair 7 of yours\n"
    french = profile(locale="fr-CA")
    assert rendered(messages, signal(group="order:7"), who=french, template="mine").text == "votre commande 7\n"
    assert rendered(messages, repair, who=french, template="mine").text == "the repair 7 of yours\n", "English knows it"


@pytest.mark.parametrize(
    ("locale", "default", "expected"),
    [
        ("de-AT", "en", "de-AT"),
        ("de_at", "en", "de-AT"),
        ("DE-CH", "en", "de"),
        ("de", "en", "de"),
        ("fr", "en", "en"),
        ("fr", "de", "de"),
        (None, "de", "de"),
        ("", "en", "en"),
        ("ü-Ü", "en", "en"),
        ("x" * 200, "en", "en"),
        ("zh-Hans-CN", "en", "zh-Hans"),
    ],
)
def test_the_language_is_the_nearest_that_there_is(
    tmp_path: Path, locale: str | None, default: str, expected: str
) -> None:
    versions = ", ".join(f"{one}: {{subject: s, text: {one}}}" for one in ("en", "de", "de-AT", "zh-Hans"))
    messages = loaded(tmp_path, f"texts: {{mine: {{{versions}}}}}", locale=default)
    message = rendered(messages, signal(), who=profile(locale=locale), template="mine")
    assert (message.locale, message.text) == (expected, expected + "\n")


def test_a_text_in_a_language_that_we_fall_back_to_by_no_way_is_sent_all_the_same(tmp_path: Path) -> None:
    messages = loaded(tmp_path, "texts: {mine: {it: {subject: s, text: ciao}}}")
    assert rendered(messages, signal(), who=profile(locale="fr"), template="mine").locale == "it"
    assert messages.render(signal(), None, Channel.EMAIL, Plan(template="mine"), "d", "x").text == "ciao\n"


AT = "2026-07-01T22:30:00+00:00"
NUMBERS: Mapping[str, Any] = {
    "at": AT,
    "day": "2026-07-01",
    "n": 1234.5,
    "share": 0.25,
    "s.at": AT,
    "none": None,
    "t": "x",
}


@pytest.mark.parametrize(
    ("source", "who", "expected"),
    [
        ("{{ values.at | date }}", {"zone": "UTC"}, "July 1, 2026"),
        ("{{ values.s.at | date: 'd MMMM' }}", {"zone": "Europe/Berlin"}, "2 July"),
        ("{{ values['s.at'] | time }}", {"zone": "America/New_York"}, "6:30 PM"),
        ("{{ values.at | time }}", {"zone": None, "country": "GB", "locale": "en-GB"}, "23:30"),
        ("{{ values.at | datetime: 'short' }}", {"zone": None}, "7/2/26, 7:30 AM"),
        ("{{ values.day | date }}", {"zone": "America/New_York"}, "July 1, 2026"),
        ("{{ signal.at | date: 'full' }}", {}, "Wednesday, June 10, 2026"),
        ("{{ values.n | number }} {{ values.n | number: 2 }} {{ values.n | number: 0 }}", {}, "1,234.5 1,234.50 1,234"),
        ("{{ values.n | money: 'EUR' }} {{ values.share | percent }}", {}, "€1,234.50 25%"),
        ("{{ values.n | money: 'EUR' }}", {"locale": "en-IE"}, "€1,234.50"),
        (
            "{{ customer.country }} {{ customer.value | number }} {{ locale }}",
            {"country": "GB", "value": 7.0},
            "GB 7 en",
        ),
        ("{{ subjects.order }} {{ signal.subjects.order }} {{ signal.values.t }}", {}, "12 12 x"),
        ("{{ signal.rule }} {{ signal.severity }} {{ signal.evidence }}", {}, "long_wait high waited 20 min"),
        ("{% if values.none %}a{% else %}b{% endif %} {{ values.gone | default: 'c' }}", {}, "b c"),
        ("{% if values.gone > 3 %}a{% else %}b{% endif %}{% if values.gone == 'x' %}c{% endif %}", {}, "b"),
        ("{% for t in (1..3) %}{{ t }}{% endfor %}{% assign x = values.n | times: 2 %} {{ x }}", {}, "123 2469.0"),
    ],
)
def test_values_and_filters(tmp_path: Path, source: str, who: dict[str, Any], expected: str) -> None:
    messages = own(tmp_path, source, zone=ZoneInfo("Asia/Tokyo"))
    it = signal(group="order:12", values=dict(NUMBERS))
    message = rendered(messages, it, who=profile(**who), template="mine")
    assert message.text.replace("\u202f", " ") == expected + "\n"
    assert message.source == "mine/en/email"


def test_numbers_follow_the_language_of_the_text_and_the_region_of_the_reader(tmp_path: Path) -> None:
    parts = "{subject: s, text: \"{{ values.n | number: 2 }} {{ values.at | date: 'medium' }}\"}"
    messages = loaded(tmp_path, f"texts: {{mine: {{en: {parts}, de: {parts}}}}}")
    it = signal(values=dict(NUMBERS))
    texts = [
        rendered(messages, it, who=profile(locale=one), template="mine").text.replace("\u2019", "'")
        for one in ("de", "de-CH", "fr", "de-XX")
    ]
    assert texts == [
        "1.234,50 01.07.2026\n",
        "1'234.50 01.07.2026\n",
        "1,234.50 Jul 1, 2026\n",
        "1.234,50 01.07.2026\n",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "{{ values.gone }}",
        "{{ values.none }}",
        "{{ values.t | date }}",
        "{{ values.day | time }}",
        "{{ values.t | number }}",
        "{{ values.t | money: 'EUR' }}",
        "{{ values.t | track }}",
        "{{ subjects.ticket }}",
        "{{ customer.value }}",
        "{{ values.n | divided_by: 0 }}",
        "{% for i in (1..100000) %}a{% endfor %}",
        "{% for i in (1..400) %}{{ signal.evidence }}{{ signal.evidence }}{% endfor %}",
        "{% assign a = 'aaaaaaaaaa' %}{% for i in (1..400) %}{% assign a = a | append: a %}{% endfor %}x",
        "{% if values.gone %}a{% endif %}",
    ],
)
@pytest.mark.parametrize("polarity", Polarity)
def test_what_cannot_be_said_of_a_signal_is_not_said_at_all(tmp_path: Path, source: str, polarity: Polarity) -> None:
    messages = own(tmp_path, source)
    it = signal(values=dict(NUMBERS), polarity=polarity, evidence="e" * 500)
    message = rendered(messages, it, template="mine")
    stands_in = {"friction": "default", "need": "need", "delight": "delight"}[polarity]
    assert message.source == f"{stands_in}/en/email"
    assert message == rendered(built_in_messages(), signal(rule="none", polarity=polarity))
    assert messages.problem(it, profile(), Channel.EMAIL, Plan(template="mine"))
    assert messages.problem(it, profile(), Channel.EMAIL, Plan(template="default")) is None


def test_ones_own_default_stands_in_first(tmp_path: Path) -> None:
    text = "texts: {mine: {en: {subject: s, text: '{{ values.gone }}'}}, default: {en: {subject: s, text: '%s'}}}"
    assert rendered(loaded(tmp_path, text % "own words"), signal(), template="mine").text == "own words\n"
    message = rendered(loaded(tmp_path, text % "{{ values.gone_too }}"), signal(), template="mine")
    assert "did not go as it should" in message.text


def test_what_a_publisher_sent_is_only_text(tmp_path: Path) -> None:
    evil = "{{ about }}<script>alert(1)</script>&amp;\"'**x** [a](https://evil.example)\x07\x1b[31m\x85\u2028{% if %}"
    messages = own(tmp_path, "A {{ values.t }} B", subject="S {{ values.t }}")
    message = rendered(messages, signal(values={"t": evil}), template="mine")
    assert message.source == "mine/en/email"
    assert "{{ about }}<script>" in message.text
    assert message.html is not None
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&#34;&#39;**x** [a](https://evil.example)" in message.html
    for text in (message.text, message.subject, message.html):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", text)


@given(st.text(max_size=600))
def test_a_subject_is_one_line_within_its_bounds(words: str) -> None:
    subject = rendered(built_in_messages(), signal(rule="invoice_disputed", group="invoice:" + words)).subject
    assert 0 < len(subject) <= 256
    assert subject.split() == subject.split(" ")
    assert subject.isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", subject)


def test_a_message_keeps_its_bounds(tmp_path: Path) -> None:
    long = signal(group="order:" + "9" * 120)
    messages = own(tmp_path, "{{ about }} " * 100, subject="{{ about }}" * 20)
    message = rendered(messages, long, template="mine")
    assert len(message.subject) == 256
    assert message.subject.endswith("…")
    too_long = own(tmp_path, "{{ about }} " * 500, subject="s")
    assert rendered(too_long, long, template="mine").source == "default/en/email"


WEIRD = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=True) | st.text(max_size=80)
FILTERED = [
    "date",
    "time",
    "datetime",
    "number",
    "number:values.b",
    "percent",
    "money:'EUR'",
    "money:values.b",
    "track",
    "url",
    "upcase_first",
    "size",
    "upcase",
    "capitalize",
    "replace:values.b,values.a",
    "default:values.b",
    "append:values.b",
    "truncate:values.b",
    "slice:values.b,3",
    "url_encode",
    "plus:values.b",
    "divided_by:values.b",
    "modulo:values.b",
    "round:2",
    "times:values.b",
    "floor",
    "ceil",
    "at_most:values.b",
    "date:values.b",
    "truncatewords:values.b",
]
SOURCES = st.sampled_from(
    [
        *("{{ values.a | " + one + " }}" for one in FILTERED),
        "{% assign x = values.a | split: values.b %}{{ x | first }}{{ x | size }}",
        "{% if values.a > values.b %}a{% endif %}b",
        "{% for i in (1..values.a) %}x{% endfor %}",
        "{% case values.a %}{% when values.b %}x{% else %}y{% endcase %}",
    ]
)


@given(SOURCES, WEIRD, WEIRD, st.sampled_from([Channel.EMAIL, Channel.SMS, Channel.PUSH]))
def test_whatever_comes_a_message_comes_of_it(source: str, a: Any, b: Any, channel: Channel) -> None:
    messages = _weird(source)
    message = messages.render(
        signal(values={"a": a, "b": b}), profile(), channel, Plan(template="mine"), "d", "x@example.com"
    )
    assert Message(**{name: getattr(message, name) for name in Message.__slots__}) == message, "it is a valid one"
    assert message.subject
    assert message.text.strip()


_MADE: dict[str, Messages] = {}


def _weird(source: str) -> Messages:
    if source not in _MADE:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            _MADE[source] = own(Path(folder), source)
    return _MADE[source]


class TestTextMessages:
    def sms(self, tmp_path: Path, body: str, it: Signal | None = None) -> Message:
        messages = loaded(tmp_path, f"texts:\n  mine:\n    en:\n      subject: s\n      text: long\n{body}")
        return rendered(messages, it or signal(values={"t": "x" * 300}), Channel.SMS, template="mine")

    def test_it_has_words_of_its_own(self, tmp_path: Path) -> None:
        message = self.sms(tmp_path, "      sms: '\u201cLate\u201d \u2013 {{ about }}'\n")
        assert message.text == '"Late" - your recent contact with us'
        assert message.source == "mine/en/sms"
        assert message.html is None
        assert message.unsubscribe is None

    def test_without_any_it_has_the_general_text(self, tmp_path: Path) -> None:
        assert self.sms(tmp_path, "").text == "long"

    def test_what_gets_too_long_is_not_cut(self, tmp_path: Path) -> None:
        body = "      sms: 'A {{ values.t }} {{ values.t }}'\n"
        assert self.sms(tmp_path, body + "      short: We are late.\n").text == "We are late."
        assert self.sms(tmp_path, body + "      short: We are late.\n").source == "mine/en/short"
        assert self.sms(tmp_path, body + "      segments: 4\n").source == "mine/en/sms"
        stands_in = self.sms(tmp_path, body)
        assert stands_in.source == "default/en/sms"
        assert sms_length(stands_in.text).segments <= 3

    def test_one_letter_beyond_the_alphabet_counts(self, tmp_path: Path) -> None:
        body = "      sms: '{{ values.t }}'\n      short: Late.\n      segments: 1\n"
        assert self.sms(tmp_path, body, signal(values={"t": "x" * 160})).source == "mine/en/sms"
        assert self.sms(tmp_path, body, signal(values={"t": "x" * 70 + "ę"})).source == "mine/en/short"

    @given(st.text(max_size=128), st.sampled_from(["en", "de"]), st.sampled_from(sorted(BUILT_IN_RULES)))
    def test_no_built_in_text_ever_has_more_than_three_parts(self, number: str, locale: str, rule: str) -> None:
        it = signal(rule=rule, polarity=BUILT_IN_RULES[rule], group="order:" + number)
        message = rendered(built_in_messages(), it, Channel.SMS, profile(locale=locale))
        assert 1 <= sms_length(message.text).segments <= 3


class TestLinks:
    def test_an_email_ends_with_a_link_that_ends_such_messages(self) -> None:
        messages = load_messages((), Speaking(links=LINKS))
        message = rendered(messages, signal())
        assert message.unsubscribe is not None
        followed = LINKS.read(message.unsubscribe.rpartition(PATH)[2])
        assert (followed.what, followed.purpose, followed.customer) == ("unsubscribe", Purpose.SERVICE, "c-1")
        assert (followed.decision_id, followed.channel) == ("d-1", Channel.EMAIL)
        assert message.text.endswith(f"\n\n--\nI do not want such messages any more: {message.unsubscribe}\n")
        assert message.html is not None
        assert f'<a href="{message.unsubscribe}"' in message.html
        assert "<img" not in message.html, "opens are not told unless it is asked for"

    @pytest.mark.parametrize(
        ("polarity", "purpose", "expected"),
        [
            (Polarity.DELIGHT, None, Purpose.MARKETING),
            (Polarity.NEED, None, Purpose.SERVICE),
            (Polarity.NEED, Purpose.MARKETING, Purpose.MARKETING),
        ],
    )
    def test_it_is_for_the_purpose_of_the_message(
        self, polarity: Polarity, purpose: Purpose | None, expected: Purpose
    ) -> None:
        message = rendered(load_messages((), Speaking(links=LINKS)), signal(polarity=polarity), purpose=purpose)
        assert LINKS.read(str(message.unsubscribe).rpartition(PATH)[2]).purpose is expected
        assert purpose_of(polarity, Plan(purpose=purpose)) is expected  # for which customers must have agreed

    def test_a_text_may_place_it_itself(self, tmp_path: Path) -> None:
        messages = own(tmp_path, "Enough? {{ links.unsubscribe }}", links=LINKS)
        message = rendered(messages, signal(), template="mine")
        assert message.text == f"Enough? {message.unsubscribe}\n"
        assert message.html is not None
        assert message.html.count(str(message.unsubscribe)) == 2, "its address and its words, and no more below"

    def test_opens_are_told_where_it_is_set(self) -> None:
        message = rendered(load_messages((), Speaking(links=LINKS, opens=True)), signal())
        found = re.search(r'<img src="([^"]+)"', str(message.html))
        assert found is not None
        assert LINKS.read(found[1].rpartition(PATH)[2]).what == "open"
        without = rendered(load_messages((), Speaking(opens=True)), signal())
        assert "<img" not in str(without.html)

    def test_without_links_there_are_none(self) -> None:
        message = rendered(built_in_messages(), signal())
        assert message.unsubscribe is None
        assert "links" not in str(message.html) + message.text

    def test_tracked_links_are_the_readers_own(self, tmp_path: Path) -> None:
        source = (
            "{% capture to %}https://shop.example/o/{{ subjects.order | url_encode }}?a=1&copy=2{% endcapture %}\n"
            "[See it]({{ to | track }})"
        )
        target = "https://shop.example/o/1%262?a=1&copy=2"
        it = signal(group="order:1&2")
        message = rendered(own(tmp_path, source, links=LINKS), it, template="mine")
        link = re.match(r"See it: (\S+)\n", message.text)
        assert link is not None
        assert LINKS.read(link[1].rpartition(PATH)[2]).url == target
        assert f'<a href="{link[1]}">See it</a>' in str(message.html)
        sms = rendered(own(tmp_path, source, links=LINKS), it, Channel.SMS, template="mine")
        assert LINKS.read(sms.text.rpartition(PATH)[2].strip()).channel is Channel.SMS
        plain = rendered(own(tmp_path, source), it, template="mine")
        assert plain.text == f"See it: {target}\n"
        assert 'href="https://shop.example/o/1%262?a=1&amp;copy=2"' in str(plain.html)

    def test_a_publisher_can_not_choose_where_a_link_leads(self, tmp_path: Path) -> None:
        messages = own(tmp_path, "[a]({{ values.u | url }})")
        for address in ("javascript:alert(1)", "https://a.example@evil.example", "data:x", "x"):
            message = rendered(messages, signal(values={"u": address}), template="mine")
            assert message.source == "default/en/email"


class TestTheAgent:
    TEXT = HEAD + "texts: {long_wait: {fr: {subject: Désolés, text: '{{ values.c.wait_seconds | number }} s'}}}\n"

    def settings(self, folder: Path, text: str) -> Settings:
        (folder / "texts").mkdir()
        (folder / "texts" / "mine.yaml").write_text(text, encoding="utf-8")
        path = folder / "touchline.yaml"
        links = f"links: {{base: 'https://links.example.com', secret: {'k' * 32}, opens: true}}"
        path.write_text(f"outreach: {{mode: live, texts: [{folder / 'texts'}], locale: fr, {links}}}\n")
        return load_settings(path, {})

    def test_writes_as_the_settings_say(self, tmp_path: Path) -> None:
        shard = LocalShard(outreach.build(self.settings(tmp_path, self.TEXT)), 0, 1)
        feed(shard, CUSTOMERS, profile(locale="fr-CH"))
        (decision,) = feed(shard, SIGNALS, signal(values={"c.wait_seconds": 1200}))
        message = decision.message
        assert message is not None
        assert (message.subject, message.locale, message.source) == ("Désolés", "fr", "long_wait/fr/email")
        followed = LINKS.read(str(message.unsubscribe).rpartition(PATH)[2])
        assert (followed.decision_id, followed.customer) == (decision.decision_id, "c-1")
        assert "<img" in str(message.html)

    def test_does_not_start_with_a_mistake_in_a_text(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match=r"mine.yaml:2:\d+: texts.long_wait.fr.text: there is no filter numbr"):
            outreach.build(self.settings(tmp_path, self.TEXT.replace("| number", "| numbr")))
