"""Rule files: every mistake with its line, its column and what was expected."""

from pathlib import Path

import pytest

from touchline.pipeline.friction.compiler import logic_hash
from touchline.pipeline.friction.load import BUILTIN, load_rules, parse_rules
from touchline.schemas.yamlfile import FileError

GOOD = """\
schema: friction/1
rules:
- id: delivery_silent
  owner: logistics
  control: partner
  stage: delivery
  severity: high
  per: order
  detect:
    absence:
      after: {as: s, event: order.shipped}
      expect: {event: delivery.scanned, where: status == 'delivered'}
      deadline: s.promised_at + 24h
      grace: 2h
      unless: {event: order.cancelled}
  evidence: "{s.order}: promised {s.promised_at}, no delivery by {deadline} ({party})"
  action: Open a partner claim; tell the customer first
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("severity: high", "severety: high", "7:3", 'did you mean "severity"?'),
        (
            "severity: high",
            "severity: hihg",
            "7:13",
            '"hihg" is not one of low, medium, high, critical, did you mean "high"?',
        ),
        ("grace: 2h", "grace: 2", "14:14", "write it with its unit"),
        ("grace: 2h", "grace: 2 hours", "14:14", "is no length of time"),
        ("grace: 2h", "grace: 500d", "14:14", "longer than 400 days"),
        ("grace: 2h", f"grace: {'9' * 400}d", "14:14", "longer than a hundred years"),
        ("s.promised_at + 24h", "401d", "13:17", "longer than 400 days"),
        ("s.promised_at + 24h", f"{'9' * 18}d", "13:17", "longer than a hundred years"),
        ("s.promised_at + 24h", f"s.promised_at - {'9' * 18}d", "13:17", "longer than a hundred years"),
        ("absence:", "absense:", "10:5", 'did you mean "absence"?'),
        ("schema: friction/1", "schema: friction/9", "1:9", "friction/1"),
        ("  owner: logistics\n", "", "3:3", "is needed"),
        ("status == 'delivered'", "status = 'delivered'", "12:55", "is no condition: == compares"),
        ("status == 'delivered'", "\"status == 'x' or len(status) > 3\"", "12:66", "a call is not allowed"),
        ("status == 'delivered'", "z.status == 'x'", "12:48", 'no event is called "z" here'),
        ("status == 'delivered'", "s.status ** 2 > 3", "12:48", "arithmetic is not allowed"),
        ("s.promised_at + 24h", "x.promised_at + 24h", "13:17", 'no event is called "x" here: "after" is called "s"'),
        ("s.promised_at + 24h", "tomorrow", "13:17", "is no deadline"),
        ("s.promised_at + 24h", "s.promised_at * 2", "13:17", "is no deadline"),
        ("{s.order}", "{x.order}", "16:14", 'no event is called "x" in this rule'),
        ("({party})", "({partey})", "16:78", 'did you mean "party"?'),
        ("{s.order}", "{s.email}", "16:14", "is personal"),
        ("{s.order}", "{s.order:>9}", "16:14", "takes no format"),
        ("{s.order}", "{s.order", "16:14", "is no template"),
        ("order.cancelled}", "Cancelled}", "15:23", '"Cancelled" is no kind: write order.shipped'),
        ("deadline: s.promised_at + 24h", "deadline: 24", "13:17", "24 is no deadline: write it with its unit"),
        ("id: delivery_silent", "id: delivery_silent\n  id: b", "4:3", "the key stands twice"),
        ("  detect:\n    absence:", "  detect:\n    match: {event: a.b}\n    absence:", "10:5", "exactly one of"),
    ],
)
def test_a_mistake_has_its_place(old: str, new: str, place: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(FileError) as raised:
        parse_rules(GOOD.replace(old, new, 1), "shop.yaml")
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"shop.yaml:{place}: ")


def test_a_mistake_in_a_block_of_several_lines_has_its_line_and_column() -> None:
    text = GOOD.replace(
        "      expect: {event: delivery.scanned, where: status == 'delivered'}\n",
        "      expect:\n        event: delivery.scanned\n        where: |\n"
        "          status == 'x' or\n          len(x) > 3\n",
    )
    with pytest.raises(FileError, match=r"^shop.yaml:16:11: .*a call is not allowed"):
        parse_rules(text, "shop.yaml")


def test_all_mistakes_are_told_at_once() -> None:
    text = GOOD.replace("status == 'delivered'", "status >").replace("s.promised_at + 24h", "soon")
    with pytest.raises(FileError) as raised:
        parse_rules(text)
    assert [m.line for m in raised.value.mistakes] == [12, 13]


def test_an_own_rule_replaces_the_built_in_one_of_its_id_and_an_id_stands_once(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(GOOD.replace("delivery_silent", "promise_broken"))
    (tmp_path / "own.test.yaml").write_text("not: a rule file")
    rules = load_rules([tmp_path]).rules
    assert [rule.spec.severity for rule in rules if rule.spec.id == "promise_broken"] == ["high"]
    assert len(rules) == len(load_rules().rules)
    (tmp_path / "twice.yaml").write_text(GOOD.replace("delivery_silent", "promise_broken"))
    with pytest.raises(FileError, match=r'twice.yaml:3:7: .*"promise_broken" stands already in .*own.yaml'):
        load_rules([tmp_path])
    with pytest.raises(FileError, match="there is no such file"):
        load_rules([tmp_path / "gone"])


def test_the_hash_names_the_whole_set_and_the_state_only_the_logic() -> None:
    assert load_rules().hash == load_rules([BUILTIN], builtin=False).hash
    (rule,) = parse_rules(GOOD).rules
    (words,) = parse_rules(GOOD.replace("Open a partner claim", "Call them")).rules
    (logic,) = parse_rules(GOOD.replace("grace: 2h", "grace: 3h")).rules
    assert parse_rules(GOOD).hash != parse_rules(GOOD.replace("Open a partner claim", "Call them")).hash
    assert logic_hash(rule.spec) == logic_hash(words.spec) != logic_hash(logic.spec)
    assert rule.key == words.key != logic.key
