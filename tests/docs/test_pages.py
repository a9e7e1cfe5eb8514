"""What the documents say holds: links lead somewhere, commands can be run, settings are there, YAML loads."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from tests.docs.pages import PAGES, ROOT, Block, anchors, blocks, commands, inline, links, trouble
from touchline.agents.settings import Settings, load_settings
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.load import parse_rules
from touchline.schemas import wire
from touchline.schemas.mapfile import MapFile
from touchline.schemas.ruletestfile import RuleTestFile
from touchline.schemas.yamlfile import FileError, YamlFile

# These have tests of their own, which do more than load what stands there.
TESTED_ELSEWHERE = {
    "api.md": "tests/docs/test_api_page.py",
    "dashboards.md": "tests/deploy/test_dashboards.py",
    "kubernetes.md": "tests/deploy/test_chart_page.py",
    "import.md": "tests/importer/test_docs.py",
    "messages.md": "tests/docs/test_messages.py",
    "loop.md": "tests/docs/test_loop.py",
    "outreach.md": "tests/outreach/test_docs.py",
    "policies.md": "tests/docs/test_policies.py",
    "people.md": "tests/docs/test_people.py",
    "rules.md": "tests/docs/test_rules.py",
}
YAML = [block for page in PAGES if page.name not in TESTED_ELSEWHERE for block in blocks(page, "yaml")]
SECTIONS = set(Settings.model_fields) - {"environment", "clock", "data"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{page.name}: there is no {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {target.name} has no heading #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_could_be_run(page: Path) -> None:
    assert [wrong for command in commands(page) if (wrong := trouble(command))] == []


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("touchline try event.json --history before.ndjson", None),
        ("touchline import FILE… --map MAP.yaml --speed 3600x", None),
        ("touchline import", None),
        ("touchline --settings FILE …", None),
        ("touchline worker enrich AGENT…", None),
        ("touchline ruls test", 'no command "ruls"'),
        ("touchline rules tset", 'no command "rules tset"'),
        ("touchline topics crate", "No such command"),
        ("touchline try event.json --historie x", "No such option"),
        ("touchline try event.json other.json", "one argument too much"),
        ("touchline try --send", "Missing argument"),
        ("touchline worker enrich jurney", "is not one of"),
        ("touchline import a.csv --map a.yaml --speed fast", "is no speed"),
    ],
)
def test_the_check_of_commands_finds_what_is_wrong(command: str, wrong: str | None) -> None:
    found = trouble(command)
    assert (found is None) if wrong is None else (found is not None and wrong in found)


def test_commands_are_found_in_blocks_and_in_lines() -> None:
    found = list(commands(ROOT / "README.md"))
    assert "touchline up" in found
    assert "touchline worker enrich journey incident outreach desk deliver warehouse" in found
    assert "touchline import exports/ --map shop.yaml --then-live" in list(commands(ROOT / "docs" / "import.md"))


OTHERS = {*wire.TOPICS, *Catalogue().kinds}
"""What looks like a setting and is something else."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_is_one(page: Path) -> None:
    for code in inline(page):
        name, dot, key = code.partition(".")
        if dot and name in SECTIONS and re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", key) and code not in OTHERS:
            settings: object = Settings.model_fields[name].annotation
            for part in key.split("."):
                fields = getattr(settings, "model_fields", {})
                assert part in fields, f"{page.name}: there is no setting {code}"
                settings = fields[part].annotation


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_the_repository_that_is_named_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    named = re.findall(r"(?<![\w/.-])(?:examples|deploy|pipeline|schemas|agents|benchmarks|tests)/[\w./-]*[\w/]", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_is_one(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = [line for block in blocks(page, "sh", "") for line in block.text.splitlines()]
    for code in (*inline(page), *shown):
        if found := re.match(r"make ([a-z]+)", code):
            assert found[1] in targets, f"{page.name}: make knows no {found[1]}"


def test_every_yaml_block_loads(tmp_path: Path) -> None:
    for block in YAML:
        load(block, tmp_path)


@pytest.mark.parametrize("wrong", ["schema: friction/1\nrules: [{id: a}]", "kafka: {bootstap: x}", "schema: map/1"])
def test_a_block_with_a_mistake_is_found(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(FileError):
        load(Block(ROOT / "README.md", 1, "yaml", wrong), tmp_path)


def load(block: Block, tmp_path: Path) -> None:
    """Reads a block as what it is: rules, rule tests, a map, or else settings.

    Raises: FileError."""
    file = YamlFile(block.text, block.page.name)
    schema = file.data.get("schema")
    if schema == "friction/1":
        assert parse_rules(block.text, str(block)).rules
    elif schema == "friction-test/1":
        assert file.as_type(TypeAdapter(RuleTestFile)).tests
    elif schema == "map/1":
        assert file.as_type(TypeAdapter(MapFile)).inputs
    elif "services" not in file.data:
        path = tmp_path / "touchline.yaml"
        path.write_text(block.text, encoding="utf-8")
        assert load_settings(path, {}) != Settings()


def test_what_is_tested_elsewhere_is() -> None:
    for page, test in TESTED_ELSEWHERE.items():
        assert page in (ROOT / test).read_text("utf-8")
