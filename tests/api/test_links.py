"""Links on a real server and broker: what is answered, and what stands on the topic."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession
from pydantic import TypeAdapter

from tests.api.support import SECRET, address, serving, settings_for
from touchline.agents.api import links as module
from touchline.agents.api.links import target_of, touchpoint_of
from touchline.agents.api.pages import language_of
from touchline.agents.api.returns import Full, Returns
from touchline.agents.api.run import Api
from touchline.agents.enrich import build
from touchline.agents.runtime.clients import new_reader
from touchline.agents.settings import Settings
from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.outreach.links import PATH, Links
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.vocabulary import Channel, Purpose
from touchline.schemas.wire import RAW, TOUCHPOINTS

LINKS = Links("https://links.example.com", SECRET.encode())
SHOP = "https://shop.example.com/orders/12?code=s3cret#top"
CLICK = LINKS.click("c-1", "d-1", Channel.EMAIL, SHOP)
OPEN = LINKS.open("c-1", "d-1", Channel.EMAIL)
UNSUBSCRIBE = LINKS.unsubscribe("c-1", "d-1", Channel.EMAIL, Purpose.MARKETING)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
PATIENCE = 30.0


def token(link: str) -> str:
    return link.partition(PATH)[2]


class Browser:
    """A client of a server of links that follows no redirects."""

    def __init__(self, api: Api, client: ClientSession) -> None:
        self.api, self.client = api, client

    async def get(self, link: str, method: str = "GET", **options: Any) -> ClientResponse:
        path = link.removeprefix("https://links.example.com")
        answer = await self.client.request(method, address(self.api, path), allow_redirects=False, **options)
        await answer.read()
        return answer


@asynccontextmanager
async def browser(settings: Settings) -> AsyncIterator[Browser]:
    async with serving(settings) as api, ClientSession() as client:
        yield Browser(api, client)


async def touchpoints(settings: Settings, count: int) -> list[tuple[int, bytes, Touchpoint]]:
    """So many records of the raw topic, with their partition and key."""
    reader = new_reader(settings.kafka)
    reader.subscribe([settings.topic(RAW)])
    await reader.start()
    found: list[Any] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                for records in (await reader.getmany(timeout_ms=200)).values():
                    found += records
    finally:
        await reader.stop()
    read = TypeAdapter(Touchpoint).validate_json
    return [(one.partition, one.key, read(one.value, strict=True)) for one in found]


def test_links_are_answered_and_published(broker: str) -> None:
    settings = settings_for(broker, keys={}, links=True)

    async def main() -> None:
        async with browser(settings) as web:
            answer = await web.get(CLICK, "HEAD")
            assert (answer.status, answer.headers["Location"]) == (302, SHOP)
            answer = await web.get(CLICK)
            assert (answer.status, answer.headers["Location"]) == (302, SHOP)
            answer = await web.get(OPEN)
            picture = await answer.read()
            assert (answer.status, answer.content_type, picture[:6], picture[-1:]) == (
                200,
                "image/gif",
                b"GIF89a",
                b";",
            )
            assert answer.headers["Cache-Control"] == "no-store"
            found = await touchpoints(settings, 2)
            kinds = {one.kind: (one, partition, key) for partition, key, one in found}
            assert kinds.keys() == {"message.clicked", "message.opened"}
            click, partition, key = kinds["message.clicked"]
            assert (key, partition) == (b"c-1", partition_of(b"c-1", settings.kafka.raw_partitions))
            assert (click.source, click.customer_id, click.channel) == ("links", "c-1", Channel.EMAIL)
            assert click.attributes == {"decision_id": "d-1", "link": "https://shop.example.com/orders/12"}
            async with web.client.get(address(web.api, "/v1/customers/c-1/context")) as closed:
                assert closed.status == 404  # without keys nobody may ask

    asyncio.run(main())


def test_to_look_at_an_unsubscription_changes_nothing_and_one_click_ends_it(broker: str) -> None:
    settings = settings_for(broker, keys={}, links=True)

    async def main() -> None:
        async with browser(settings) as web:
            page = await web.get(UNSUBSCRIBE)
            text = await page.text()
            assert page.status == 200
            assert "You will get no more news and offers by e-mail." in text
            assert len(re.findall("<button", text)) == 1
            assert "c-1" not in text
            assert "script" not in text
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]
            assert (await web.get(UNSUBSCRIBE, "POST")).status == 400
            assert (await web.get(UNSUBSCRIBE, "POST", data={"List-Unsubscribe": "no"})).status == 400
            done = await web.get(UNSUBSCRIBE, "POST", data=ONE_CLICK)
            assert (done.status, "Unsubscribed" in await done.text()) == (200, True)
            found = await touchpoints(settings, 1)
            assert len(found) == 1
            _, _, withdrawn = found[0]
            assert (withdrawn.kind, withdrawn.customer_id) == ("consent.withdrawn", "c-1")
            assert withdrawn.attributes == {"purpose": "marketing", "channel": "email", "decision_id": "d-1"}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-FR, fr;q=0.9, en;q=0.7, de;q=0.8", "de"),
        ("en;q=0.5,de;q=0.5", "en"),
        ("de;q=0", "en"),
        ("de;q=much, *;q=0.1", "en"),
        ("fr", "en"),
    ],
)
def test_pages_are_in_the_language_that_the_browser_prefers_of_those_there_are(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_a_page_is_in_one_language_throughout(broker: str) -> None:
    settings = settings_for(broker, keys={}, links=True)

    async def main() -> None:
        async with browser(settings) as web:
            german = {"Accept-Language": "de-AT"}
            for method, more in (("GET", {}), ("POST", {"data": ONE_CLICK})):
                page = await web.get(UNSUBSCRIBE, method, headers=german, **more)
                text = await page.text()
                assert 'lang="de"' in text
                assert "keine Neuigkeiten und Angebote per E-Mail mehr" in text
                assert page.headers["Content-Language"] == "de"
            unknown = await web.get("/l/nothing", headers=german)
            assert (unknown.status, "nicht gültig" in await unknown.text()) == (404, True)

    asyncio.run(main())


def test_what_was_not_signed_leads_nowhere(broker: str) -> None:
    settings = settings_for(broker, keys={}, links=True)
    other = Links("https://links.example.com", b"another secret of at least 32 bytes")

    async def main() -> None:
        async with browser(settings) as web:
            for link in (
                other.click("c-1", "d-1", Channel.EMAIL, SHOP),
                CLICK[:-1],
                CLICK + "A",
                f"{PATH}x",
                CLICK + "/",
            ):
                answer = await web.get(link)
                assert answer.status == 404
                assert "Location" not in answer.headers
            assert (await web.get(other.unsubscribe("c", "d", Channel.SMS, Purpose.SERVICE), "POST")).status == 404
            assert (await web.get(CLICK, "POST", data=ONE_CLICK)).status == 405
            assert (await web.get(UNSUBSCRIBE, "POST", data={"x": "y" * 40_000})).status == 413
            assert web.api.returns is not None
            assert (web.api.returns.published, len(web.api.returns)) == (0, 0)

    asyncio.run(main())


def test_with_the_broker_away_clicks_lead_on_and_an_unsubscription_says_not_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.3)

    async def main() -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))  # nobody listens: no broker there
            settings = settings_for(f"127.0.0.1:{silent.getsockname()[1]}", keys={}, links=True)
            api = Api(settings)
            await api.start()
            try:
                async with ClientSession() as client:
                    web = Browser(api, client)
                    for _ in range(2):
                        assert (await web.get(CLICK)).status == 302
                    later = await web.get(UNSUBSCRIBE, "POST", data=ONE_CLICK)
                    assert (later.status, "try again in a minute" in await later.text()) == (503, True)
                    assert api.returns is not None
                    assert len(api.returns) == 3
            finally:
                await api.stop()

    asyncio.run(main())


def test_what_waits_is_published_when_the_broker_is_back_and_no_more_than_fits_waits(broker: str) -> None:
    async def main() -> None:
        settings = settings_for(broker, keys={}, links=True)
        returns = Returns(settings, most=3)
        events = [touchpoint_of(LINKS.read(token(link)), token(link), 1_790_000_000_000) for link in (CLICK, OPEN)]
        for event in (*events, events[0]):
            returns.publish(event)
        with pytest.raises(Full):
            returns.publish(events[0])
        assert (len(returns), returns.refused) == (3, 1)
        async with serving(settings):  # makes the topics
            task = asyncio.create_task(returns.run())
            await returns.drain(PATIENCE)
            task.cancel()
            await asyncio.wait([task])
        assert (len(returns), returns.published) == (0, 3)

    asyncio.run(main())


def test_a_program_that_follows_a_link_again_and_again_is_one_click_and_a_withdrawal_is_not_lost() -> None:
    def event(link: str, at: int) -> Touchpoint:
        return touchpoint_of(LINKS.read(token(link)), token(link), at)

    start = 1_790_000_000_000
    shard = LocalShard(build(Settings()), 0, 1)
    events = [event(CLICK, start + n) for n in range(3)] + [event(OPEN, start), event(UNSUBSCRIBE, start)]
    events.append(event(UNSUBSCRIBE, start + 60_000))
    records = [PlainRecord(n, start + 60_000, b"c-1", json.dumps(_plain(one)).encode()) for n, one in enumerate(events)]
    sent = [out for out in shard.process(RAW, records, start + 60_000) if out.topic == TOUCHPOINTS and out.key]
    assert len(sent) == 4
    assert shard.counts["duplicates"] == 2
    other = LINKS.click("c-1", "d-2", Channel.EMAIL, SHOP)
    assert event(CLICK, start).event_id == event(CLICK, start + 5).event_id != event(other, start).event_id


def _plain(event: Touchpoint) -> dict[str, Any]:
    return {
        "event_id": event.event_id, "source": event.source, "kind": event.kind, "customer_id": event.customer_id,
        "occurred_at": event.occurred_at.isoformat(), "channel": event.channel, "attributes": event.attributes,
    }  # fmt: skip


def test_a_survey_is_told_the_decision_that_asked() -> None:
    link = LINKS.click("c-1", "d 1&x", Channel.EMAIL, "https://survey.example.com/s?d=~decision~&lang=en")
    assert target_of(LINKS.read(token(link))) == "https://survey.example.com/s?d=d%201%26x&lang=en"


def test_the_time_of_a_touchpoint_is_the_time_of_the_request() -> None:
    assert touchpoint_of(LINKS.read(token(OPEN)), token(OPEN), 1_790_000_000_123).occurred_at == from_ms(
        1_790_000_000_123
    )
