"""Following rules: when a change counts, what is told of a broken set, and that trouble is never silent."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from touchline.agents import incident
from touchline.agents.foldertexts import Texts
from touchline.agents.journey import build, companion
from touchline.agents.rulefollower import FolderRules, RuleFollower
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import JourneySettings, Settings
from touchline.pipeline.friction.load import content_of, read_texts
from touchline.schemas.ruleset import RuleText
from touchline.schemas.yamlfile import FileError, Mistake

RULES = """\
schema: friction/1
rules:
- id: r
  owner: care
  stage: support
  detect: {match: {event: a.one}}
  evidence: "{last.code}"
  action: act
"""
FAST = JourneySettings(builtin_rules=False, reload=1)


def texts(*words: str) -> tuple[RuleText, ...]:
    return tuple(RuleText(name="shop.yaml", text=word) for word in words)


def looking(looks: Sequence[Texts | FileError], known: str = "") -> FolderRules:
    """A folder that is found so, look by look."""
    source, script = FolderRules(FAST, known), iter(looks)

    def look() -> tuple[Texts, FileError | None]:
        found = next(script)
        return ((), found) if isinstance(found, FileError) else (found, None)

    source._look = look  # type: ignore[method-assign]
    return source


def test_a_change_counts_once_it_stands_still() -> None:
    old, half, new = texts("old"), texts("half"), texts("new")
    source = looking([old, half, new, new, new, old, old], content_of(old))
    assert asyncio.run(source.next()) == new
    assert asyncio.run(source.next()) == old


def test_what_can_not_be_read_is_told_once_and_what_comes_after_it_counts() -> None:
    gone, new = FileError("rules", [Mistake(1, 1, "", "is gone")]), texts("new")
    source = looking([gone, gone, gone, gone, new, new])
    with pytest.raises(FileError):
        asyncio.run(source.next())
    assert asyncio.run(source.next()) == new


def test_the_content_of_the_files_that_were_read_at_the_start_is_known(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(RULES)
    processor = build(Settings(journey=JourneySettings(rules=(tmp_path,))))
    assert processor.rules.content == content_of(read_texts([tmp_path]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(RULES)
    return tmp_path


def follower(folder: Path, stopped: list[BaseException]) -> RuleFollower:
    settings = Settings(journey=FAST.model_copy(update={"rules": (folder,)}))
    return companion(settings, build(settings), Metrics("journey"), stopped.append)


async def until(log: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(20):
        while text not in log.text:  # noqa: ASYNC110 -- a log has no event
            await asyncio.sleep(0.005)


def test_the_log_says_what_changed_and_where_a_mistake_is(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = folder / "shop.yaml"

    async def scenario() -> None:
        caplog.set_level(logging.INFO)
        following = follower(folder, stopped)
        first = following._processor.rules
        async with following:
            file.write_text(
                RULES.replace("action: act", "action: call") + RULES[RULES.index("- id") :].replace("r\n", "s\n", 1)
            )
            await until(caplog, "new: s; in other words: r")
            file.write_text(RULES.replace("a.one", "A.one").replace("{last", "{lost"))
            await until(caplog, "stay in force")
            kept = following._processor.rules
            file.write_text(RULES)
            await until(caplog, f"{first.hash}, instead of {kept.hash}; in other words: r; gone: s")
            assert following._processor.rules.hash == first.hash
        assert f"rules not taken over: {file}:6:27: rules.0.detect.match.event" in caplog.text
        assert f"the rules {kept.hash} stay in force" in caplog.text
        assert following._metrics.rules_refused._value.get() == 1

    stopped: list[BaseException] = []
    asyncio.run(scenario())
    assert stopped == []


def test_other_files_that_say_the_same_change_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        caplog.set_level(logging.INFO)
        following = follower(folder, [])
        first = following._processor.rules
        await following._take(texts("# a remark\n" + RULES, "schema: friction/1\nrules: []\n"))
        assert following._processor.rules is first
        assert "instead of" not in caplog.text
        await following._take(texts(RULES.replace("action: act", "action: call")))
        assert following._processor.rules is not first

    asyncio.run(scenario())


def test_trouble_that_nobody_foresaw_ends_the_worker(folder: Path) -> None:
    class Trouble(FolderRules):
        async def next(self) -> Texts:
            raise ZeroDivisionError

    async def scenario() -> None:
        following = follower(folder, stopped)
        following._source = Trouble(FAST, "")
        async with following:
            async with asyncio.timeout(20):
                while not stopped:  # noqa: ASYNC110 -- a list has no event
                    await asyncio.sleep(0.005)
        assert "ZeroDivisionError" in str(stopped[0])

    stopped: list[BaseException] = []
    asyncio.run(scenario())


def test_it_may_be_held_again_and_can_be_switched_off(folder: Path) -> None:
    async def scenario() -> None:
        following = follower(folder, [])
        for _ in range(2):
            async with following:
                assert following._task is not None
        settings = Settings(journey=JourneySettings(reload=0))
        idle = RuleFollower(settings, build(settings), Metrics("journey"), lambda _: None)
        async with idle:
            assert idle._task is None

    asyncio.run(scenario())


def test_incidents_follow_rules_too_also_when_there_were_none(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    more = """\
- id: many
  scope: incident
  owner: care
  stage: support
  per: code
  detect: {affected: {by: {event: a.one}, customers: 2, within: 1h}}
  evidence: "{customers}"
  action: act
"""

    settings = Settings(journey=FAST.model_copy(update={"rules": (folder,)}))
    processor = incident.build(settings)

    async def scenario() -> None:
        caplog.set_level(logging.INFO)
        async with incident.companion(settings, processor, Metrics("incident"), stopped.append):
            assert many() == []
            (folder / "shop.yaml").write_text(RULES + more)
            await until(caplog, "new: many")
            assert many() == ["many"]

    def many() -> list[str]:
        return [rule.spec.id for rule in processor.rules.incidents]

    stopped: list[BaseException] = []
    asyncio.run(scenario())
    assert stopped == []
