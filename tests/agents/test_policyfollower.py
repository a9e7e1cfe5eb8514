"""Following policies and stops: nothing works before they are known, a stop comes at once, a broken set changes
nothing, and trouble is never silent."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.outreach.cases import profile, signal
from tests.runtime.bench import make_settings
from touchline.agents import outreach
from touchline.agents.policyfollower import PolicyFollower, SwitchFollower
from touchline.agents.runtime.errors import BrokerAway, WorkerError
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.runtime.policiestopic import KEY, Standing, publish_policies, resume, standing, stop
from touchline.agents.runtime.tabletopic import put
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.settings import OutreachMode, OutreachSettings, RuleHome, Settings
from touchline.agents.together import Together
from touchline.pipeline.outreach.messages import Messages
from touchline.pipeline.outreach.plan import ALL, Plan, PolicyBook, Switches
from touchline.schemas.codec import encode
from touchline.schemas.policyset import PublishedPolicies
from touchline.schemas.ruleset import RuleText
from touchline.schemas.vocabulary import Channel
from touchline.schemas.wire import POLICIES
from touchline.schemas.yamlfile import FileError

FIRST = "schema: outreach/1\npolicies:\n- {id: a, rules: r, priority: 11}\n"
SECOND = FIRST.replace("11", "22") + "- {id: b, rules: s}\n"
NAMES = Plan("c", template="mine")
BROKEN = FIRST.replace("priority", "prority")


@dataclass
class Deciding:
    """A processor that decides by policies, as far as followers are concerned."""

    books: list[PolicyBook] = field(default_factory=list)
    texts: list[Messages] = field(default_factory=list)

    def put_in_force(self, book: PolicyBook, messages: Messages) -> None:
        self.books.append(book)
        self.texts.append(messages)

    @property
    def priority(self) -> int:
        return self.books[-1].by_rule["r"].priority


@dataclass
class Sending:
    """A processor that sends."""

    switches: list[Switches] = field(default_factory=list)

    def switch(self, switches: Switches) -> None:
        self.switches.append(switches)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(FIRST)
    return tmp_path


@pytest.fixture(params=["broker", pytest.param("kafka", marks=pytest.mark.kafka)])
def settings(request: pytest.FixtureRequest, folder: Path) -> Settings:
    outreach = OutreachSettings(mode=OutreachMode.LIVE, builtin_policies=False, policies=(folder,), reload=5)
    return make_settings(request.getfixturevalue(request.param)).model_copy(update={"outreach": outreach})


def changed(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"outreach": settings.outreach.model_copy(update=changes)})


def on_topics(settings: Settings, test: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await create_topics(settings)
        try:
            await test()
        finally:
            await delete_topics(settings)

    asyncio.run(run())


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.01)


def following(settings: Settings, processor: Deciding, stopped: list[BaseException]) -> PolicyFollower:
    return PolicyFollower(settings, processor.put_in_force, Metrics("outreach"), stopped.append)


def test_a_stop_is_known_before_anything_works_and_another_comes_without_a_restart(settings: Settings) -> None:
    processor, stopped = Sending(), list[BaseException]()

    async def scenario() -> None:
        await stop(settings, "r", "a wrong text")
        metrics = Metrics("deliver")
        async with SwitchFollower(settings, processor.switch, metrics, stopped.append):
            (first,) = processor.switches
            assert (first.observe, first.stopped) == (False, frozenset({"r"}))
            assert metrics.stops._value.get() == 1
            await stop(settings, ALL)
            await until(lambda: processor.switches[-1].stopped == {"r", ALL})
            assert metrics.stops._value.get() == 2
            await resume(settings, ALL)
            await until(lambda: processor.switches[-1].stopped == {"r"})
            await resume(settings, "r")
            await until(lambda: processor.switches[-1] == Switches(observe=False))
        held = await standing(settings)
        assert held.stops == {}

    on_topics(settings, scenario)
    assert stopped == []


def test_what_can_not_be_known_is_not_worked_on(settings: Settings) -> None:
    away = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"bootstrap": "127.0.0.1:1"})})

    async def scenario() -> None:
        sending, deciding = Sending(), Deciding()
        for follower in (
            SwitchFollower(away, sending.switch, Metrics("deliver"), lambda _: None),
            following(away, deciding, []),
        ):
            with pytest.raises(BrokerAway):
                await follower.__aenter__()
            assert follower._tasks == []
        assert (sending.switches, deciding.books) == ([], [])

    asyncio.run(scenario())


def test_files_that_change_are_taken_over_with_the_stops_in_force(
    settings: Settings, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    processor, stopped = Deciding(), list[BaseException]()
    file = folder / "shop.yaml"

    async def scenario() -> None:
        caplog.set_level(logging.INFO)
        await stop(settings, "s")
        follower = following(settings, processor, stopped)
        async with follower:
            assert processor.priority == 11
            assert {frozenset(book.switches.stopped) for book in processor.books} == {frozenset({"s"})}
            file.write_text(SECOND)
            await until(lambda: processor.priority == 22)
            assert processor.books[-1].switches.stopped == {"s"}
            assert "new: b; changed: a" in caplog.text
            kept = processor.books[-1]
            file.write_text(BROKEN)
            await until(lambda: "stay in force" in caplog.text)
            assert (
                f"policies not taken over: {file}:3:21: policies.0.prority: is not a field here, did you" in caplog.text
            )
            assert processor.books[-1] is kept
            assert follower._metrics.policies_refused._value.get() == 1
            await stop(settings, ALL)  # works while the files are broken
            await until(lambda: processor.books[-1].switches.stopped == {"s", ALL})
            assert processor.priority == 22
            await follower._take([RuleText(name="other.yaml", text="# a remark\n" + SECOND)])
            assert caplog.text.count("policies are in force") == 2  # they say the same

    on_topics(settings, scenario)
    assert stopped == []


TEXTS = """schema: texts/1
texts:
  mine:
    en: {subject: Hello, text: "WORDS"}
"""


@pytest.mark.parametrize("home", list(RuleHome))
def test_texts_of_messages_are_taken_over_with_the_policies_that_name_them(
    settings: Settings, folder: Path, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture,
    home: RuleHome,
) -> None:  # fmt: skip
    words = tmp_path_factory.mktemp("texts")
    settings = changed(settings, texts=(words,), policies_from=home)
    processor = Deciding()

    def says() -> str:
        return processor.texts[-1].render(signal(), profile(), Channel.EMAIL, NAMES, "d-1", "who@example.com").text

    async def tell(policies: str) -> None:
        if home is RuleHome.TOPIC:
            await publish_policies(settings, "?", [RuleText(name="shop.yaml", text=policies)])
        else:
            (folder / "shop.yaml").write_text(policies)

    async def scenario() -> None:
        follower = following(settings, processor, [])
        refused = follower._metrics.policies_refused._value
        async with follower:
            assert says() != "one\n"
            await tell(SECOND + "- {id: c, rules: t, template: mine}\n")
            await until(lambda: refused.get() == 1)  # there is no such text
            assert processor.priority == 11
            (words / "mine.yaml").write_text(TEXTS.replace("WORDS", "one"))
            await until(lambda: says() == "one\n")
            await tell(SECOND + "- {id: c, rules: t, template: mine, priority: 3}\n")
            await until(lambda: processor.books[-1].by_rule["t"].priority == 3)
            (words / "mine.yaml").write_text(TEXTS.replace("WORDS", "{{ nothing | there }}"))
            await until(lambda: refused.get() == 2)
            assert says() == "one\n"
            (words / "mine.yaml").write_text(TEXTS.replace("WORDS", "two"))
            await until(lambda: says() == "two\n")
            assert processor.books[-1].by_rule["t"].template == "mine"
            (words / "mine.yaml").write_text("schema: texts/1\ntexts: {}\n")  # a policy names it
            await until(lambda: refused.get() == 3)
            assert says() == "two\n"

    on_topics(settings, scenario)


def test_published_policies_come_to_every_worker_also_to_one_that_starts_later(
    settings: Settings, folder: Path
) -> None:
    settings = changed(settings, policies_from=RuleHome.TOPIC)
    one, two = Deciding(), Deciding()

    async def publish(text: str) -> None:
        await publish_policies(settings, "?", [RuleText(name="shop.yaml", text=text)])

    async def scenario() -> None:
        first = following(settings, one, [])
        async with first:
            assert one.priority == 11  # the files of the settings, until something is published
            await publish(SECOND)
            await until(lambda: one.priority == 22)
            (folder / "shop.yaml").write_text(FIRST.replace("11", "33"))  # goes unnoticed
            async with following(settings, two, []):
                assert two.priority == 22
                await publish(BROKEN)
                await until(lambda: first._metrics.policies_refused._value.get() == 1)
                await publish(SECOND.replace("22", "44"))
                await until(lambda: one.priority == two.priority == 44)

    on_topics(settings, scenario)


def standing_with(text: str, *stopped: str) -> Standing:
    """What the topic holds."""
    files = (RuleText(name="shop.yaml", text=text),)
    published = PublishedPolicies(hash="?", published_at=datetime(2026, 6, 10, tzinfo=UTC), files=files)
    return Standing(encode(published), dict.fromkeys(stopped))


@pytest.fixture
def alone(folder: Path) -> tuple[PolicyFollower, Deciding]:
    """A follower of published policies that nothing feeds."""
    outreach = OutreachSettings(builtin_policies=False, policies=(folder,), policies_from=RuleHome.TOPIC)
    processor = Deciding()
    settings = make_settings("127.0.0.1:1").model_copy(update={"outreach": outreach})
    return following(settings, processor, []), processor


def test_published_policies_are_looked_at_once_whatever_else_is_written(alone: tuple[PolicyFollower, Deciding]) -> None:
    follower, processor = alone

    async def scenario() -> None:
        await follower._begin(standing_with(FIRST))
        for stopped in ([], ["r"], []):
            await follower._heard(standing_with(BROKEN, *stopped))
        assert follower._metrics.policies_refused._value.get() == 1
        assert processor.priority == 11

    asyncio.run(scenario())


def test_a_stop_does_not_wait_for_policies_that_came_with_it(alone: tuple[PolicyFollower, Deciding]) -> None:
    follower, processor = alone
    stopped_before: list[frozenset[str]] = []
    take = follower._take

    async def watched(texts: Any) -> None:
        stopped_before.append(processor.books[-1].switches.stopped)
        await take(texts)

    async def scenario() -> None:
        await follower._begin(standing_with(FIRST))
        follower._take = watched  # type: ignore[method-assign]
        await follower._heard(standing_with(SECOND, "r"))
        assert stopped_before == [frozenset({"r"})]
        assert processor.priority == 22

    asyncio.run(scenario())


@pytest.mark.parametrize("value", [None, b'{"hash": "x", "files": 3}'], ids=["with a mistake", "no policies at all"])
def test_a_worker_does_not_start_on_published_policies_with_mistakes(settings: Settings, value: bytes | None) -> None:
    settings = changed(settings, policies_from=RuleHome.TOPIC)

    async def scenario() -> None:
        if value is None:
            await publish_policies(settings, "?", [RuleText(name="shop.yaml", text=BROKEN)])
        else:
            await put(settings, POLICIES, KEY, value)
        processor = Deciding()
        with pytest.raises(FileError, match=r"shop\.yaml:3:21" if value is None else "topic policies:1:1"):
            await following(settings, processor, []).__aenter__()
        assert processor.books == []

    on_topics(settings, scenario)


def test_a_stop_that_can_not_be_read_stops_all_the_same(settings: Settings) -> None:
    async def scenario() -> None:
        await put(settings, POLICIES, b"stop/r", b"{")
        processor = Sending()
        async with SwitchFollower(settings, processor.switch, Metrics("deliver"), lambda _: None):
            assert processor.switches[-1].stopped == {"r"}

    on_topics(settings, scenario)


def test_it_may_be_held_again_and_knows_what_came_meanwhile(settings: Settings, folder: Path) -> None:
    processor = Deciding()

    async def scenario() -> None:
        follower = following(settings, processor, [])
        async with follower:
            assert processor.books[-1].switches.stopped == frozenset()
        await stop(settings, "r")
        (folder / "shop.yaml").write_text(SECOND)
        async with follower:
            assert processor.books[-1].switches.stopped == {"r"}
            await until(lambda: processor.priority == 22)

    on_topics(settings, scenario)


def test_trouble_that_nobody_foresaw_ends_the_worker(settings: Settings) -> None:
    class Trouble:
        async def next(self) -> Any:
            raise ZeroDivisionError

    async def scenario() -> None:
        follower = following(settings, Deciding(), stopped)
        reload = follower._ways

        def ways() -> Any:
            follower._folder = Trouble()  # type: ignore[assignment]
            return reload()

        follower._ways = ways  # type: ignore[method-assign]
        async with follower:
            await until(lambda: stopped)
        assert "ZeroDivisionError" in str(stopped[0])

    stopped: list[BaseException] = []
    on_topics(settings, scenario)


def test_without_the_topic_it_says_what_to_do(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("touchline.agents.runtime.topics._DEADLINE", 0.0)

    async def scenario() -> None:
        with pytest.raises(WorkerError, match="Run `touchline topics create`"):
            await following(settings, Deciding(), []).__aenter__()

    asyncio.run(scenario())


def test_outreach_has_such_a_companion(settings: Settings) -> None:
    processor: Any = Deciding()

    async def scenario() -> None:
        await stop(settings, "r")
        async with outreach.companion(settings, processor, Metrics("outreach"), lambda _: None):
            assert (processor.priority, processor.books[-1].switches.stopped) == (11, {"r"})

    on_topics(settings, scenario)


def test_several_companions_are_held_as_one_and_left_when_one_fails() -> None:
    log: list[str] = []

    @dataclass
    class Part:
        name: str
        fails: bool = False

        async def __aenter__(self) -> None:
            if self.fails:
                raise BrokerAway(self.name)
            log.append(f"in {self.name}")

        async def __aexit__(self, *_: object) -> None:
            log.append(f"out {self.name}")

    async def scenario() -> None:
        two = Together(Part("a"), Part("b"))
        for _ in range(2):
            async with two:
                log.append("held")
        with pytest.raises(BrokerAway):
            await Together(Part("a"), Part("c", fails=True)).__aenter__()

    asyncio.run(scenario())
    assert log == ["in a", "in b", "held", "out b", "out a"] * 2 + ["in a", "out a"]
