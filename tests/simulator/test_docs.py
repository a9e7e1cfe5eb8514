"""The page on the simulated shop says what the command and the side file have."""

import re
from dataclasses import fields
from pathlib import Path

from touchline.cli.simulate import simulate
from touchline.pipeline.friction.load import load_rules
from touchline.simulator import MODELS, Truth

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_the_fields_of_the_truth_are_all_there() -> None:
    told = [name for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(field.name for field in fields(Truth))


def test_friction_is_told_by_the_id_of_the_built_in_rule_that_should_notice_it() -> None:
    assert set(MODELS) <= {rule.spec.id for rule in load_rules().rules}


def test_the_least_and_the_most_probable_complaint_are_as_told() -> None:
    told = re.findall(r"(\d+) of 100 \(", PAGE)
    shares = [model.complains for model in MODELS.values()]
    assert [int(share) / 100 for share in told] == [min(shares), max(shares)]


def test_every_option_of_the_command_is_there() -> None:
    named = set(re.findall(r"--[a-z]+", PAGE))
    options = {name for option in simulate.params for name in option.opts}
    assert named == options
