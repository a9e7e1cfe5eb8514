"""A mistake in a file is told with its line, its column and what was expected."""

import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from touchline.schemas.yamlfile import FileError, YamlFile, load_yaml, yaml_files


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    port: int = 1
    names: list[str] = []


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    inner: Inner = Inner()
    either: Inner | int = 1


ADAPTER = TypeAdapter(Outer)


def mistakes(text: str) -> list[str]:
    with pytest.raises(FileError) as raised:
        YamlFile(text, "f.yaml").as_type(ADAPTER)
    return str(raised.value).splitlines()


def test_a_good_file_is_read() -> None:
    outer = YamlFile("title: a\ninner:\n  port: 7\n  names: [x, y]\n", "f.yaml").as_type(ADAPTER)
    assert outer == Outer(title="a", inner=Inner(port=7, names=["x", "y"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inner: {}\n", "f.yaml:1:1: title: is needed"),
        ("title: a\ninner:\n  prot: 1\n", 'f.yaml:3:3: inner.prot: is not a field here, did you mean "port"?'),
        ("title: a\ninner:\n  port: many\n", 'f.yaml:3:9: inner.port: expected a whole number, not "many"'),
        ("title: a\ninner:\n  names: [x, 5]\n", "f.yaml:3:14: inner.names.1: expected a text, not 5"),
        ("title: a\ntitle: b\n", "f.yaml:2:1: found duplicate key"),
        ("title: [a\n", "f.yaml:2:1: expected ',' or ']'"),
        ("title: a\neither:\n  port: x\n", 'f.yaml:3:9: either.port: expected a whole number, not "x"'),
    ],
)
def test_a_mistake_has_its_place(text: str, expected: str) -> None:
    assert any(line.startswith(expected) for line in mistakes(text)), mistakes(text)


def test_all_mistakes_are_told_in_the_order_of_lines() -> None:
    found = mistakes("title: 5\ninner:\n  prot: 1\n  names: 3\n")
    assert [line.split(":")[1] for line in found] == ["1", "3", "4"]


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="can't be read: No such file"):
        load_yaml(tmp_path / "none.yaml", ADAPTER)
    (tmp_path / "bytes.yaml").write_bytes(b"title: \xff")
    with pytest.raises(FileError, match="is not UTF-8: byte 7"):
        load_yaml(tmp_path / "bytes.yaml", ADAPTER)


@pytest.mark.parametrize("word", ["on", "off", "yes", "12:30:00", "0x1G"])
def test_words_stay_words(word: str) -> None:
    """YAML 1.1 reads these as booleans and base-60 numbers; a rule or a time of day must not be."""
    assert YamlFile(f"title: {word}\n", "f.yaml").as_type(ADAPTER).title == word


def told(text: str) -> list[str]:
    """The messages about a text, none when it is read."""
    try:
        YamlFile(text, "f.yaml").as_type(ADAPTER)
    except FileError as error:
        return [f"{m.line}:{m.column} {m.message}" for m in error.mistakes]
    return []


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert all(re.fullmatch(r"[1-9]\d*:[1-9]\d* .+", line, re.DOTALL) for line in told(text))


def test_a_file_nested_without_end_is_refused() -> None:
    assert told("[" * 5_000) == ["1:1 is nested too deeply"]


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")
    word: Literal["a", "bee"] = "a"
    size: Annotated[int, Field(ge=1, le=9)] = 1
    list: tuple[Annotated[str, Field(max_length=3)], ...] = Field(default=("a",), min_length=1)
    either: str | bool | float = 1
    named: dict[Annotated[str, Field(pattern="^[a-z]+$")], Inner] = {}
    password: str = ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("word: be", '1:7: word: "be" is not one of a, bee, did you mean "bee"?'),
        ("size: 10", "1:7: size: expected at most 9, not 10"),
        ("list: []", "1:7: list: needs at least 1 entry"),
        ("list: [abcd]", "1:8: list.0: may have at most 3 characters"),
        ("list: a", '1:7: list: expected a list, such as [a, b], not "a"'),
        ("either: [1]", "1:9: either: expected a text, true or false or a number, not a list"),
        ("word: {column}", "1:7: word: fields is not one of a, bee"),
        ("list: [{column}]", '1:8: list.0: expected a text, not fields (in quotes if you mean it so: "{column}")'),
        ("named: {x: {prot: 1}}", '1:13: named.x.prot: is not a field here, did you mean "port"?'),
        ("prot: 1", "1:1: prot: is not a field here"),
        ("named: {x: {x: 1}}", "1:13: named.x.x: is not a field here"),
        ("password: 1234", "1:11: password: expected a text, not what stands there"),
        ("just words", '1:1: expected fields (name: value), not "just words"'),
        ("a:\n\tb: 1", "2:1: found character '\\t' that cannot start any token: indent with spaces, not with tabs"),
        ("where: 'a' in text", "1:12: expected <block end>, but found '<scalar>': a text that begins with a quote"),
        ("list: [a\n", "2:1: expected ',' or ']', but got '<stream end>': a bracket, a brace or a quote is not closed"),
    ],
)
def test_a_message_is_for_whoever_wrote_the_file(text: str, expected: str) -> None:
    """One message for one mistake, in plain words, with the field that is meant at this place and no other."""
    with pytest.raises(FileError) as raised:
        YamlFile(text, "f.yaml").as_type(TypeAdapter(Limits))
    (line,) = str(raised.value).splitlines()
    assert line.startswith("f.yaml:" + expected)


def test_an_empty_file_names_what_it_lacks() -> None:
    assert mistakes("") == ["f.yaml:1:1: title: is needed"]


@pytest.mark.parametrize("text", ["a: true", "a: &t true", "a: &t true\nb: *t", "a: [true]", "a: {x: true}"])
def test_true_is_not_one(text: str) -> None:
    """A bool is an int to Python; an attribute that is true is not one that is 1."""
    found = YamlFile(text, "f.yaml").data["a"]
    (value,) = found.values() if isinstance(found, dict) else found if isinstance(found, list) else [found]
    assert value is True


@pytest.mark.parametrize(("text", "kind"), [("0x10", int), ("1_0", int), ("1e3", float), ("'x'", str), ("&n 7", int)])
def test_nothing_of_the_parser_is_left_in_a_value(text: str, kind: type) -> None:
    assert type(YamlFile(f"a: {text}", "f.yaml").data["a"]) is kind


def test_files_of_a_mounted_config_map_are_found_once(tmp_path: Path) -> None:
    hidden = tmp_path / "..2026_03_02_09_00_00.1"
    hidden.mkdir()
    for name in ("a.yaml", "b.yml"):
        (hidden / name).write_text("{}", "utf-8")
    (tmp_path / "..data").symlink_to(hidden.name)
    for name in ("a.yaml", "b.yml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    below = tmp_path / "below"
    below.mkdir()
    (below / "c.yaml").write_text("{}", "utf-8")
    assert yaml_files([tmp_path], "rules") == [tmp_path / "a.yaml", tmp_path / "b.yml", below / "c.yaml"]
    assert yaml_files([hidden], "rules") == [hidden / "a.yaml", hidden / "b.yml"]  # named, so meant
