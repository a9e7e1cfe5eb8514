"""`touchline rules publish`: a checked set stands on the topic as a whole; one with a mistake does not."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from touchline.agents.runtime.rulestopic import MAX_BYTES, RulesReader, publish_rules, texts_of
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.settings import Settings, load_settings
from touchline.cli import main
from touchline.pipeline.friction.load import compile_texts
from touchline.schemas.ruleset import RuleText

RULES = """\
schema: friction/1
rules:
- id: r
  owner: care
  stage: support
  detect: {match: {event: a.one}}
  evidence: "{count}"
  action: act
"""


@pytest.fixture
def settings(bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A folder with settings and a rule, in an environment with all topics."""
    monkeypatch.chdir(tmp_path)
    text = f"environment: r{uuid.uuid4().hex[:12]}\nkafka: {{bootstrap: '{bootstrap}'}}\njourney: {{rules: [rules]}}\n"
    (tmp_path / "touchline.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yaml").write_text(RULES, encoding="utf-8")
    made = load_settings(tmp_path / "touchline.yaml", {})
    asyncio.run(create_topics(made))
    yield made
    asyncio.run(delete_topics(made))


@pytest.fixture
def run(settings: Settings) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(main, ["rules", "publish", *arguments])


def newest(settings: Settings) -> bytes | None:
    async def read() -> bytes | None:
        reader = RulesReader(settings)
        try:
            return await reader.open()
        finally:
            await reader.close()

    return asyncio.run(read())


def test_what_was_checked_is_published_as_a_whole_with_the_built_in_rules(
    settings: Settings, run: Callable[..., Result]
) -> None:
    assert newest(settings) is None
    done = run()
    assert done.exit_code == 0, done.output
    texts = texts_of(newest(settings) or b"")
    rules = compile_texts(texts)
    assert done.stdout == f"published {len(rules.every)} rules as {rules.hash}\n"
    assert "set journey.rules_from to topic" in done.stderr
    assert [one.name for one in texts if not one.builtin] == ["rules/r.yaml"]
    assert {"r", "promise_broken"} <= rules.by_id.keys()
    shown = json.loads(run("--json").stdout)
    assert (shown["hash"], "r" in shown["rules"]) == (rules.hash, True)


def test_a_set_with_a_mistake_is_not_published(settings: Settings, run: Callable[..., Result]) -> None:
    Path("rules/r.yaml").write_text(RULES.replace("owner: care", "ownr: care"), encoding="utf-8")
    done = run("rules")
    assert done.exit_code == 2
    assert 'rules/r.yaml:4:3: rules.0.ownr: is not a field here, did you mean "owner"?' in done.stderr
    assert newest(settings) is None


def test_a_set_may_be_large_and_too_large_is_said(settings: Settings) -> None:
    large = (RuleText(name="r.yaml", text="#" * (MAX_BYTES - 1_000)),)
    asyncio.run(publish_rules(settings, "x", large))
    assert texts_of(newest(settings) or b"") == large
    Path("rules/r.yaml").write_text(RULES + "#" * MAX_BYTES, encoding="utf-8")
    done = CliRunner().invoke(main, ["rules", "publish"])
    assert done.exit_code == 1
    assert "the topic takes 7,000,000" in done.stderr


def test_without_the_topic_it_says_what_to_do(settings: Settings, run: Callable[..., Result]) -> None:
    file = Path("touchline.yaml")  # a broker takes its time to delete topics, so: an environment that never had any
    file.write_text(file.read_text().replace(settings.environment, "nowhere"), encoding="utf-8")
    done = run()
    assert done.exit_code == 1
    assert "run `touchline topics create`" in done.stderr
