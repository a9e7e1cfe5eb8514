"""Files of texts: each mistake with its place and what to do, what rules tell, and what is odd."""

from pathlib import Path

import pytest

from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.load import BUILTIN, load_rules
from touchline.pipeline.friction.ruletest import files_of_tests, load_tests
from touchline.pipeline.outreach.messages import load_messages
from touchline.pipeline.outreach.templates_file import BUILT_IN, Checking, mistakes_in, read_library, warnings_in
from touchline.pipeline.outreach.templates_known import Told, told_by_rules
from touchline.pipeline.outreach.templates_report import check_texts
from touchline.schemas.vocabulary import Scope
from touchline.schemas.yamlfile import FileError

RULES = told_by_rules(load_rules())


def file_of(tmp_path: Path, text: str, name: str = "texts.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(tmp_path: Path, text: str, told: dict[str, Told] | None = None, *, links: bool = False) -> list[str]:
    path = file_of(tmp_path, text)
    try:
        read_library([path], Checking(told, links=links))
    except FileError as error:
        return [str(mistake) for mistake in error.mistakes]
    return []


def mine(body: str, name: str = "mine") -> str:
    return f"schema: texts/1\ntexts:\n  {name}:\n    en:\n      subject: s\n{body}"


def test_the_built_in_texts_have_no_mistake_and_nothing_odd() -> None:
    library = read_library([BUILT_IN], Checking(RULES))
    assert not list(warnings_in(library, "en"))
    assert not list(warnings_in(library, "de"))
    assert not mistakes_in(library, library.texts["default"].file, Checking(RULES, links=True))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (mine("      text: Hi {{ abuot }}\n"), '6:19: texts.mine.en.text: there is no abuot, did you mean "about"?'),
        (
            mine("      text: |\n        Hi\n\n        so {{ about | upcase_frist }}\n"),
            '9:23: texts.mine.en.text: there is no filter upcase_frist, did you mean "upcase_first"?',
        ),
        (
            mine("      text: t\n      sms: '{{ signal.evidense }}'\n"),
            "7:16: texts.mine.en.sms: signal has no evidense",
        ),
        (mine("      text: '{{ customer.email }}'\n"), "6:17: texts.mine.en.text: customer has no email"),
        (mine("      text: '{{ about.size }}'\n"), "about has no fields: write {{ about }}"),
        (mine("      text: '{{ values }}'\n"), "values is not one thing: name one of them, such as values.count"),
        (mine("      text: '{{ signal.values.s[about] }}'\n"), "write the name of the field itself, with dots"),
        (mine("      text: 'Hi {{ about'\n"), "6:17: texts.mine.en.text: expected '}}'"),
        (mine("      text: 'a } {% if about %}'\n"), "expected tag endif"),
        (mine("      text: 'a {% endif %}'\n"), "there is no if before this endif"),
        (mine("      text: \"a {% include 'x' %}\"\n"), "there is no tag include; there are if, unless"),
        (mine("      text: '{{ now }}'\n"), "there is no now; there are about"),
        (
            mine("      text: '{{ signal.at | date: 1 }}'\n"),
            "date: write one of short, medium, long, full, or a pattern",
        ),
        (mine("      text: '{{ values.n | money }}'\n"), "money takes 1 arguments after its colon, not 0"),
        (mine("      text: \"{{ values.n | money: 'Euro' }}\"\n"), "money takes a currency: money: 'EUR'"),
        (mine("      text: '{{ about | default: 1, allow: true }}'\n"), "default has no argument allow"),
        (mine("      text: '[a]({{ values.u }})'\n"), "6:18: texts.mine.en.text: what an address begins with"),
        (mine("      html: \"<a href='{{ values.u }}'>a</a>\"\n"), '6:14: texts.mine.en.html: "href" of <a>: what'),
        (mine('      html: "<p>{{ abuot }}</p>"\n'), "6:20: texts.mine.en.html: there is no abuot"),
        (
            mine('      html: "<style>{% if about %}</style>{% endif %}"\n'),
            "in <style> nothing can be filled in",
        ),
        (
            mine('      html: "<head>{% if about %}</head>{% endif %}a"\n'),
            "no plain text can be made from it: a tag of Liquid is in the head, a style or a tag; write text too",
        ),
        (mine(""), "5:7: texts.mine.en: needs a text, or html from which one is made"),
        (mine("      text: t\n      smss: a\n"), '7:7: texts.mine.en.smss: is not a field here, did you mean "sms"?'),
        (mine("      text: t\n").replace("subject: s", 'subject: "a\\nb"'), "holds a control character"),
        (mine("      text: t\n").replace("en:", "english:"), "texts.mine"),
        (mine("      text: t\n").replace("en:", "xx:"), "4:5: texts.mine.xx: xx is no language that is known"),
        ("schema: texts/2\ntexts: {}", "schema"),
        ("texts: {}", "schema: is needed"),
        ("schema: texts/1\ntexts: {mine: {}}", "texts.mine"),
        (
            "schema: texts/1\nwords: {en: {order: 'the order {{ nummer }}'}}",
            "2:21: words.en.order: takes once {{ number }}",
        ),
        ("schema: texts/1\nwords: {en: {other: 'it {{ number }}'}}", "words.en.other: takes no values"),
        ("schema: texts/1\nwords: {qq: {other: it}}", "words.qq: qq is no language"),
        ("schema: texts/1\nframe: <p>a</p>", "2:8: frame: a frame has {{ content }} in it, once"),
        ("schema: texts/1\nframe: <p>{{ content }}{{ subject }}{{ abuot }}</p>", "frame: there is no abuot"),
        (mine("      text: '{{ subject }}'\n"), "there is no subject"),
        (
            mine(f"      text: t\n      sms: {'a' * 460}\n"),
            "texts.mine.en.sms: needs at least 4 parts, and 3 are allowed",
        ),
        (
            mine("      text: t\n      segments: 1\n      sms: 'ę{{ about }}" + "a" * 70 + "'\n"),
            "needs at least 2 parts",
        ),
        (mine("      text: t\n      short: '{{ about }}'\n"), "short: takes no values"),
        (mine("      text: t\n      segments: 1\n      short: " + "ü" * 161 + "\n"), "short: has 2 parts, and 1 are"),
        (mine("      text: t\n      segments: 11\n"), "segments"),
    ],
)
def test_a_mistake_has_its_place_and_says_what_to_do(tmp_path: Path, text: str, mistake: str) -> None:
    found = mistakes(tmp_path, text)
    assert any(mistake in one for one in found), found


@pytest.mark.parametrize(
    "text",
    [
        mine("      text: '{% if links.unsubscribe %}Enough? {{ links.unsubscribe }}{% endif %}'\n"),
        mine("      text: '{{ values.anything }} {{ subjects.repair }} {{ signal.values.s.x }}'\n"),
        mine(
            "      text: '{% for i in (1..3) %}{{ i }}{{ forloop.index }}{% endfor %}{% assign a = 1 %}{{ a.size }}'\n"
        ),
        mine("      html: '<p>{{ subject }} {{ about }}</p>'\n"),
        mine("      text: \"{{ signal.at | date: 'EEEE, d MMMM' }} {{ values.n | number: 2 }}\"\n"),
        "schema: texts/1\n",
    ],
)
def test_what_is_right_is_taken(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text) == []


def test_links_must_be_set_up_before_a_text_needs_them(tmp_path: Path) -> None:
    text = mine("      text: 'Enough? {{ links.unsubscribe }}'\n")
    assert "there are no links: set outreach.links" in mistakes(tmp_path, text)[0]
    assert mistakes(tmp_path, text, links=True) == []


@pytest.mark.parametrize(
    ("rule", "value", "mistake"),
    [
        ("promise_broken", "values.deadline", None),
        ("promise_broken", "values.count", None),
        ("promise_broken", "values.treshold", "the rule promise_broken has no values.treshold"),
        ("promise_broken", "subjects.order", None),
        ("promise_broken", "subjects.ticket", "the rule promise_broken has no subjects.ticket; there are order"),
        ("repeated_contact", "subjects.order", "the rule repeated_contact has no subjects.order; there are none"),
        ("carrier_incident", "values.cause", None),
        ("carrier_incident", "subjects.order", None),
        ("mine", "values.deadline", None),
        ("mine", "values.deadlin", 'no rule has values.deadlin, did you mean "deadline"?'),
    ],
)
def test_what_the_rule_tells_is_known(tmp_path: Path, rule: str, value: str, mistake: str | None) -> None:
    found = mistakes(tmp_path, mine("      text: '{{ " + value + " }}'\n", rule), RULES)
    assert (mistake is None) == (found == [])
    assert mistake is None or mistake in found[0], found


def test_an_event_is_not_one_value(tmp_path: Path) -> None:
    rule, name = next((rule, value) for rule, told in RULES.items() for value in sorted(told.values) if "." in value)
    alias, _, field = name.partition(".")
    found = mistakes(tmp_path, mine("      text: '{{ values." + alias + " }}'\n", rule), RULES)
    assert f"values.{alias} is an event: name a field of it" in found[0]
    assert field in found[0]
    assert mistakes(tmp_path, mine("      text: '{{ values." + name + " }}'\n", rule), RULES) == []


def told_in_tests(path: Path, seen: set[str]) -> None:
    """Compares the signals of the first test of each rule of a file with what the rule is known to tell."""
    tests = load_tests(path, Catalogue())
    for number, test in enumerate(tests.tests):
        if {expected.rule for expected in test.expect} <= seen:
            continue
        for signal in tests.signals(number):
            seen.add(signal.rule)
            if signal.scope is Scope.INCIDENT:
                continue  # its owner reads it, no customer
            told = RULES[signal.rule]
            assert set(signal.values) <= told.values, signal.rule
            kinds = {subject.partition(":")[0] for subject in (signal.group, *signal.subjects) if ":" in subject}
            assert kinds - {"party", "channel"} <= told.subjects, signal.rule


@pytest.mark.parametrize("name", ["delivery", "contact", "experience"])
def test_a_signal_has_no_value_that_its_rule_does_not_tell_beforehand(name: str) -> None:
    seen: set[str] = set()
    told_in_tests(BUILTIN / f"{name}.test.yaml", seen)
    assert len(seen) > 2


@pytest.mark.slow
def test_no_signal_of_any_built_in_rule_has_such_a_value() -> None:
    seen: set[str] = set()
    for path in files_of_tests([BUILTIN]):
        told_in_tests(path, seen)
    assert seen == set(RULES)


def test_a_later_file_counts_and_a_name_stands_once(tmp_path: Path) -> None:
    first = file_of(tmp_path, mine("      text: one\n"), "a.yaml")
    assert load_messages([tmp_path]).names >= {"mine", "long_wait"}
    second = file_of(tmp_path, mine("      text: two\n"), "b.yaml")
    with pytest.raises(FileError, match=r'b.yaml:3:3: texts.mine: "mine" stands already in .*a.yaml'):
        load_messages([tmp_path])
    second.write_text("schema: texts/1\nframe: <i>{{ content }}</i>\n")
    first.write_text(first.read_text() + "frame: <b>{{ content }}</b>\n")
    with pytest.raises(FileError, match="another file has a frame already"):
        load_messages([tmp_path])


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file or folder of texts"):
        load_messages([tmp_path / "gone"])


def test_all_mistakes_of_all_files_are_found(tmp_path: Path) -> None:
    file_of(tmp_path, mine("      text: '{{ a }} {{ b }}'\n      sms: '{{ c }}'\n"), "a.yaml")
    file_of(tmp_path, "schema: texts/1\ntexts: [", "b.yaml")
    file_of(tmp_path, mine("      text: t\n", "other"), "c.yaml")
    file_of(tmp_path, mine("      text: t\n", "other"), "d.yaml")
    report = check_texts([tmp_path], Checking(), "en")
    assert [Path(one.file).name for one in report.findings] == ["a.yaml"] * 3 + ["b.yaml", "d.yaml"]
    assert report.count("error") == 5
    assert {row.name for row in report.texts} == {"other"}


def test_what_a_worker_refuses_for_another_file_is_found_too(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        file_of(tmp_path, mine("      text: t\n") + "frame: <i>{{ content }}</i>\n", name)
    with pytest.raises(FileError) as refused:
        load_messages([tmp_path])
    report = check_texts([tmp_path], Checking(), "en")
    assert [(one.line, one.column, one.message) for one in report.findings] == [
        (one.line, one.column, one.message) for one in refused.value.mistakes
    ]
    assert [(row.name, row.locale) for row in report.texts] == [("mine", "en")]  # of the file without errors


def test_what_is_odd_is_a_warning(tmp_path: Path) -> None:
    path = file_of(tmp_path, mine("      text: '" + "a" * 300 + " {{ about }} {{ signal.evidence }}'\n"))
    report = check_texts([path], Checking(), "de-AT")
    assert report.count("error") == 0
    assert [one.message.partition(":")[0] for one in report.findings] == [
        "has no version in de-AT, the default language",
        "may need 7 parts as a text message, and 3 are allowed",
    ]
    with_short = path.read_text() + "      short: Late.\n"
    path.write_text(with_short)
    assert len(check_texts([path], Checking(), "en").findings) == 0
