"""Rules that name others: what of them is another logic, and the mistakes one can make."""

import pytest

from tests.friction.support import HEAD, START, Run, rule, touchpoint
from touchline.pipeline.friction.load import parse_rules
from touchline.schemas.yamlfile import FileError

CHASED = (
    HEAD
    + rule("late", "{absence: {after: {event: a.one}, expect: {event: b.two}, deadline: 1h}}", ", per: order")
    + rule("asked", "{match: {event: c.three}}", ", per: order")
    + rule("chased", "{all: {rules: [late, asked], within: 2d}}", ", per: order")
)


def tower(levels: int) -> str:
    found = HEAD + rule("base", "{match: {event: a.one}}") + rule("l0", "{match: {event: a.one}}")
    for n in range(1, levels + 1):
        found += rule(f"l{n}", f"{{all: {{rules: [base, l{n - 1}], within: 1h}}}}")
    return found


def test_four_levels_stand_on_each_other() -> None:
    run = Run(tower(4)).feed(touchpoint("1", "a.one", START))
    assert {name for name, _, _ in run.told()} == {"base", "l0", "l1", "l2", "l3", "l4"}
    assert {(s.rule, s.events) for s in run.signals()} == {(f"l{n}", ("1",)) for n in range(5)} | {("base", ("1",))}


def test_the_order_of_the_rules_in_the_file_does_not_matter() -> None:
    head, *rules = tower(4).split("- {id")
    said = Run(head + "".join("- {id" + one for one in reversed(rules))).feed(touchpoint("1", "a.one", START))
    assert sorted(said.told()) == sorted(Run(tower(4)).feed(touchpoint("1", "a.one", START)).told())


def test_another_logic_of_a_part_is_another_logic_of_the_whole() -> None:
    before, after = parse_rules(CHASED), parse_rules(CHASED.replace("deadline: 1h", "deadline: 2h"))
    assert before.by_id["chased"].key != after.by_id["chased"].key
    assert before.by_id["asked"].key == after.by_id["asked"].key
    words = parse_rules(CHASED.replace("owner: care", "owner: desk"))
    assert before.by_key.keys() == words.by_key.keys()


def test_another_logic_below_is_another_logic_on_every_level() -> None:
    before, after = (
        parse_rules(text).by_key.keys() for text in (tower(4), tower(4).replace("a.one}}}", "a.two}}}", 1))
    )
    assert {key.split(":")[0] for key in before - after} == {"base", "l1", "l2", "l3", "l4"}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (tower(5), "9:", "stands on 5 levels of rules, at most 4"),
        (CHASED.replace("[late, asked]", "[late, askd]"), "5:", 'no rule is called "askd", did you mean "asked"?'),
        (CHASED.replace("[late, asked]", "[late, [askd]]"), "5:", 'no rule is called "askd", did you mean "asked"?'),
        (CHASED.replace("[late, asked]", "[late, chased]"), "5:", "goes in a circle: chased → chased"),
        (tower(2).replace("[base, l0]", "[base, l2]"), "6:", "goes in a circle: l1 → l2 → l1"),
        (CHASED.replace(", per: order", "", 1), "5:", '"late" is per customer, and this rule per order'),
        (CHASED.replace("[late, asked]", "[late, late]"), "5:", "names a rule twice"),
        (CHASED.replace("[late, asked]", "[late, [asked, late]]"), "5:", "names a rule twice"),
        (CHASED.replace("[late, asked]", "[[late, asked]]"), "5:", "at least 2 entries"),
        (CHASED.replace("[late, asked]", "[late, []]"), "5:", "at least 1 entry"),
        (CHASED.replace("asked]", "[" + ", ".join(f"r{n}" for n in range(16)) + "]]"), "5:", "17 rules, at most 16"),
        (CHASED.replace("{all: {rules: [late, asked]", "{any: {at_least: 3, rules: [late, asked]"), "5:", "of 2 rules"),
        (
            CHASED.replace("within: 2d}}", "within: 2d}}, resolve: {event: a.b}"),
            "5:",
            "it is resolved when its signals",
        ),
    ],
)
def test_a_mistake_is_told(text: str, place: str, message: str) -> None:
    with pytest.raises(FileError) as raised:
        parse_rules(text, "x.yaml")
    assert message in str(raised.value)
    assert f"x.yaml:{place}" in str(raised.value)


def test_the_place_of_a_mistake_within_a_list_of_its_own_is_told() -> None:
    with pytest.raises(FileError) as raised:
        parse_rules(CHASED.replace("[late, asked]", "[late, [asked, askd]]"), "x.yaml")
    column = CHASED.splitlines()[4].index("[late, asked]") + len("[late, [asked, ") + 1
    assert f"x.yaml:5:{column}" in str(raised.value)
    assert "rules.2.detect.all.rules.1.1" in str(raised.value)
