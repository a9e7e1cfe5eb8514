"""Mistakes in a map, each with its place and what was expected."""

from pathlib import Path

import pytest

from tests.importer.support import HEAD, mapped
from touchline.importer import ImportFailed
from touchline.schemas.mapfile import load_map
from touchline.schemas.yamlfile import FileError

ENTRY = '- files: a.csv\n  touchpoints:\n  - kind: order.placed\n    at: "{at}"\n    customer: "{who}"\n'
FILES: dict[str, str | bytes] = {"a.csv": "who,at,status\nc-1,2026-05-04 10:00:00,open\n"}


@pytest.mark.parametrize(
    ("entry", "line", "column", "message"),
    [
        ("    chanel: web\n", 12, 5, 'is not a field here, did you mean "channel"?'),
        ("    channel: wbe\n", 12, 14, '"wbe" is not one of voice.*did you mean "web"'),
        ('    channel: {from: "{x}", map: {a: wbe}}\n', 12, 14, '"wbe" is not one of'),
        ("    stage: sale\n", 12, 12, '"sale" is not one of awareness'),
        ("    zone: Europe/Berln\n", 12, 11, '"Europe/Berln" is no time zone of the IANA database'),
        ("    times: [dd.mm.yyyy]\n", 12, 13, '"dd.mm.yyyy" is no time format'),
        ('    text: "{who"\n', 12, 11, "a brace stands alone"),
        ('    text: "{who|shout}"\n', 12, 11, "shout is no filter: lower, upper, trim, slug are"),
        ("    score: {scale: stars, value: 3}\n", 12, 20, '"stars" is not one of csat, nps, ces'),
        ("    when: {status: {presnt: true}}\n", 12, 21, 'is not a field here, did you mean "present"?'),
        ("    when: {not: {status: {}}}\n", 12, 26, "expected a value, a list of values, or equals"),
        ("    attributes: {n: {from: x, as: numbr}}\n", 12, 35, 'did you mean "number"?'),
        ("    text: {who}\n", 12, 11, r'put braces into quotes: "\{who\}"'),
        ("    subjects: [{who}]\n", 12, 16, r'in quotes if you mean it so: "\{who\}"'),
        ("    when: {status: {not: open}}\n", 12, 20, "not stands around the column"),
        ('    times: ["%d.%Q"]\n', 12, 13, "is no pattern of times: 'Q' is a bad directive"),
        ("    attributes: {n: [1]}\n", 12, 21, r'expected a template such as "\{column\}"'),
    ],
)
def test_a_mistake_has_its_place(tmp_path: Path, entry: str, line: int, column: int, message: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(HEAD + ENTRY + entry, encoding="utf-8")
    with pytest.raises(FileError, match=message) as caught:
        load_map(path)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column) == (line, column)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("schema: map/2\nname: shop\ninputs:\n- files: a.csv\n  touchpoints:\n  - kind: Placed\n", "utf-8")
    with pytest.raises(FileError) as caught:
        load_map(path)
    assert [(mistake.line, mistake.where) for mistake in caught.value.mistakes] == [
        (1, "schema"),
        (6, "inputs.0.touchpoints.0.at"),
        (6, "inputs.0.touchpoints.0.kind"),
    ]


def test_a_touchpoint_of_nobody_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(HEAD + ENTRY.replace('    customer: "{who}"\n', ""), encoding="utf-8")
    with pytest.raises(FileError, match="customer or one of identifiers is needed"):
        load_map(path)


@pytest.mark.parametrize(
    ("entry", "line", "column", "message"),
    [
        ('    text: "{stauts}"\n', 12, 11, 'a.csv has no column stauts, did you mean "status"?'),
        ("    when: {any: [{status: open}, {not: {wen: x}}]}\n", 12, 41, "a.csv has no column wen"),
        ('    attributes: {a: {from: "{x}", default: 1}}\n', 12, 21, "a.csv has no column x"),
        ("    when: {first: true}\n", 12, 11, "first and changed look back: say `previous: "),
        ('    text: "{previous.status}"\n', 12, 11, "looks back: say `previous: "),
    ],
)
def test_a_column_that_the_file_does_not_have_is_told_in_the_map(
    tmp_path: Path, entry: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(FileError) as caught:
        mapped(tmp_path, HEAD + ENTRY + entry, FILES)
    (mistake,) = caught.value.mistakes
    assert message in mistake.message
    assert (mistake.line, mistake.column) == (line, column)


def test_files_that_no_input_wants_and_inputs_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"b\.csv: the map shop has no use for it; it wants a\.csv"):
        mapped(tmp_path, HEAD + ENTRY, FILES | {"b.csv": "x\n"})
    with pytest.raises(ImportFailed, match=r"no file fits a\.csv, which the map shop reads"):
        mapped(tmp_path, HEAD + ENTRY, {})
