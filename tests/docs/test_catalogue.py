"""docs/catalogue: made from the files of rules, current, and complete; and such pages about one's own rules."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.pages import ROOT
from touchline.cli import main
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.describe import finds, needs
from touchline.pipeline.friction.load import BUILTIN, load_rules, parse_rules
from touchline.pipeline.friction.pages import INDEX, rule_pages
from touchline.schemas.rulefile import Detect
from touchline.schemas.vocabulary import Stage

FOLDER = ROOT / "docs" / "catalogue"
PAGES = rule_pages([BUILTIN], "The built-in rules")
SPECS = [rule.spec for rule in load_rules().every]
OWN = """
schema: friction/1
rules:
- id: refund_slow
  description: Five days | and no money.
  owner: billing
  stage: returns
  per: order
  detect:
    absence:
      after: {as: back, event: return.received, where: condition == 'new'}
      expect: {event: return.refunded}
      deadline: 5d
      unless: {event: return.refused}
  evidence: "Order {back.order}: nothing by {deadline}"
  action: Refund
"""
TESTS = """
schema: friction-test/1
tests:
- name: no money
  events:
  - {at: 90m, kind: return.received, subjects: ["order:7"], attributes: {condition: new}}
  - {at: 2h, kind: ticket.opened}
  advance: 6d
  expect:
  - {rule: refund_slow, group: "order:7", at: 5d1h30m}
- name: as it should be
  events:
  - {at: 0h, kind: return.received, subjects: ["order:7"], attributes: {condition: used}}
  advance: 6d
  expect: []
"""


def test_the_committed_pages_are_current() -> None:
    committed = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
    assert committed == PAGES, "run `touchline rules docs --out docs/catalogue`"


def test_every_rule_has_its_section_with_tests_that_fire_and_that_stay_silent() -> None:
    sections = {
        name: text
        for page in PAGES.values()
        for name, text in re.findall(r"^## (\w+)$(.*?)(?=^## |\Z)", page, re.M | re.S)
    }
    assert sections.keys() >= {spec.id for spec in SPECS}
    for spec in SPECS:
        told = sections[spec.id]
        assert spec.description in told
        assert f"=> {spec.id}" in told or f": {spec.id}" in told, spec.id
        unconditional = spec.detect.match is not None and spec.detect.match.where is None
        assert unconditional or "no signal" in told, spec.id
        for kind in needs(spec, Catalogue()):
            assert f"| `{kind}` |" in told


def test_every_link_leads_to_a_section() -> None:
    for page, heading in re.findall(r"\]\((\w+\.md)#(\w+)\)", PAGES[INDEX]):
        assert f"\n## {heading}\n" in PAGES[page]


def test_the_catalogue_is_at_least_what_was_asked_for() -> None:
    assert len(SPECS) >= 30
    assert {spec.stage for spec in SPECS} >= set(Stage) - {Stage.AWARENESS}
    assert all(spec.description and spec.description[-1] == "." for spec in SPECS)


def test_every_detector_can_be_told() -> None:
    numbers = "value: x, at_least: 2.5, min_events: 3, within: 2h"
    parts = {
        "match": "{event: a.b}",
        "count": "{event: a.b, at_least: 3, within: 2h}",
        "distinct": "{event: a.b, value: x, at_least: 3, within: 2h}",
        "sequence": "{steps: [{event: a.b}, {event: c.d}], within: 2h, unless: {event: e.f}}",
        "sum": f"{{event: a.b, {numbers}}}",
        "average": f"{{event: a.b, {numbers}}}",
        "percentile": f"{{event: a.b, p: 90, {numbers}}}",
        "ratio": "{of: {event: a.b}, part: {event: a.b, where: x}, at_most: 0.5, min_events: 3, within: 2h}",
        "score": "{points: [{event: a.b, points: -12}, {event: c.d, points: 1}], half_life: 2h, below: -5}",
        "absence": "{after: {as: s, event: a.b}, expect: {event: c.d}, deadline: s.until - 1h, grace: 5m}",
        "affected": "{by: {event: a.b}, customers: 3, within: 2h}",
    }
    assert {*parts, "all", "any"} == {field.name for field in fields(Detect)}
    for name, part in parts.items():
        more = ", scope: incident, per: x" if name == "affected" else ""
        written = f"{{id: r, owner: o, stage: use, evidence: e, action: a, detect: {{{name}: {part}}}{more}}}"
        rules = parse_rules(f"schema: friction/1\nrules: [{written}]")
        (rule,) = (*rules.rules, *rules.incidents)
        words = " ".join(finds(rule.spec))
        assert "`a.b`" in words
        assert ("**2 h**" in words) == ("2h" in part)
        assert ("by its `until` - **60 min**" in words) == (name == "absence")


LINKED = (
    OWN
    + """
- id: slow_and_again
  description: Slow for the second time.
  owner: billing
  stage: returns
  per: order
  detect: {any: {rules: [[refund_slow, other], promise_broken], at_least: 2, within: 2h}}
  evidence: "{rules}"
  action: Call
"""
)


def test_a_rule_on_rules_leads_to_them_and_shows_their_events(tmp_path: Path) -> None:
    (tmp_path / "refunds.yaml").write_text(LINKED)
    (tmp_path / "other.yaml").write_text(OWN.replace("refund_slow", "other"))
    both = """
- name: both
  events:
  - {at: 1h, kind: return.received, subjects: ["order:7"], attributes: {condition: new}}
  - {at: 2h, kind: order.placed, subjects: ["order:7"]}
  expect:
  - {rule: slow_and_again, at: 5d1h}
  - {rule: refund_slow, at: 5d1h}
"""
    one = both.replace("both", "one of them").replace("  - {rule: slow_and_again, at: 5d1h}\n", "")
    (tmp_path / "refunds.test.yaml").write_text(TESTS + both + one)
    told = rule_pages([tmp_path], "Own")["refunds.md"].split("## slow_and_again")[1]
    within = "at least **2** of these rules stand at once, begun within **2 h**"
    assert f"`any`: Signals of {within}: `refund_slow` or `other`; and `promise_broken`." in told
    assert "| [`refund_slow`](refunds.md#refund_slow) | Five days \\| and no money. |" in told
    assert "| [`other`](other.md#other) |" in told
    assert "| `promise_broken` | A day after the promised day" in told
    assert "resolved when so many of its signals are that it is not true any more" in told
    assert told.split("```text\n")[1].split("```")[0].splitlines() == [
        "both",
        "  1h        return.received  order:7, condition=new",
        "  2h        order.placed  order:7",
        "  5d1h      => slow_and_again",
        "  5d1h      => refund_slow",
        "",
        "one of them",
        "  1h        return.received  order:7, condition=new",
        "  2h        order.placed  order:7",
        "  5d1h      => refund_slow",
        "            no signal",
    ]
    everything = LINKED.replace("any: {rules", "all: {rules").replace("at_least: 2, ", "")
    (tmp_path / "refunds.yaml").write_text(everything)
    told = rule_pages([tmp_path], "Own")["refunds.md"]
    assert "`all`: Signals of all of these rules stand at once, begun within **2 h**: `refund_slow` or" in told


def test_pages_about_own_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "refunds.yaml").write_text(OWN)
    (tmp_path / "rules" / "other.yaml").write_text(OWN.replace("refund_slow", "other"))
    (tmp_path / "rules" / "refunds.test.yaml").write_text(TESTS)
    result = CliRunner().invoke(main, ["rules", "docs", "rules", "--out", "pages"])
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "pages").iterdir()} == {INDEX, "refunds.md", "other.md"}
    page = (tmp_path / "pages" / "refunds.md").read_text("utf-8")
    assert "After `return.received` where `condition == 'new'`, none of `return.refunded` within **5 d**." in page
    assert "| `return.received` | `condition` string, a subject `order:…` |" in page
    told = page.split("```text\n")[1].split("```")[0]
    assert told.splitlines() == [
        "no money",
        "  1h30m     return.received  order:7, condition=new",
        "  5d1h30m   => refund_slow  group order:7",
        "",
        "as it should be",
        "  0         return.received  order:7, condition=used",
        "  6d        no signal",
    ]
    assert "Its tests" not in (tmp_path / "pages" / "other.md").read_text("utf-8")
    assert "| Five days \\| and no money. |" in (tmp_path / "pages" / INDEX).read_text("utf-8")
    (tmp_path / "rules" / "other.yaml").write_text(OWN.replace("5d", "5"))
    result = CliRunner().invoke(main, ["rules", "docs", "rules", "--out", "pages"])
    assert result.exit_code == 2
    assert "write it with its unit" in result.output
    result = CliRunner().invoke(main, ["rules", "docs", "--out", "rules/refunds.yaml/x"])
    assert result.exit_code == 1
    assert "can't be written" in result.output
