"""The API on real topics: who may ask, what is answered, and how old it is."""

import asyncio
import socket
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from pydantic import TypeAdapter

from tests.api.support import (
    KEY,
    KEYS,
    address,
    context,
    decision,
    delivery,
    erased,
    serving,
    settings_for,
    write,
)
from touchline.agents.api.keys import Keys, key_in
from touchline.agents.api.run import Api
from touchline.agents.settings import load_settings
from touchline.schemas.answer import CustomerAnswer
from touchline.schemas.codec import encode
from touchline.schemas.vocabulary import DeliveryStatus
from touchline.schemas.wire import CONTEXT, CUSTOMERS, DECISIONS, DELIVERIES
from touchline.schemas.yamlfile import FileError

BEARER = {"Authorization": f"Bearer {KEY}"}
ASKED = "/v1/customers/{}/context"
PATIENCE = 30.0


def now() -> int:
    return round(time.time() * 1_000)


async def ask(client: ClientSession, api: Api, customer: str = "c-1", **headers: str) -> tuple[int, Any, Any]:
    """Status, body and headers."""
    path = address(api, ASKED.format(customer))
    async with client.get(path, headers={**BEARER, **headers}, allow_redirects=False) as answer:
        told = await answer.json() if answer.status != 304 else await answer.read()
        return answer.status, told, answer.headers


async def until(client: ClientSession, api: Api, customer: str, wanted: Any) -> dict[str, Any]:
    """Asks until the answer is as wanted."""
    async with asyncio.timeout(PATIENCE):
        while True:
            told = (await ask(client, api, customer))[1]
            if wanted(told):
                return dict(told)
            await asyncio.sleep(0.05)


def test_a_context_with_its_messages_and_its_age(broker: str) -> None:
    async def main() -> None:
        begun = now()
        rows = [
            (CONTEXT, "c-1", context()),
            (CONTEXT, "Zoë/1", context("Zoë/1", health=70)),
            (DECISIONS, "c-1", encode(decision(at=begun - 5_000))),
            (DELIVERIES, "c-1", encode(delivery(at=begun - 4_000))),
        ]
        async with serving(settings_for(broker), rows) as api, ClientSession() as client:
            status, told, headers = await ask(client, api)
            answer = TypeAdapter(CustomerAnswer).validate_python(told)
            assert (status, answer.known, answer.health, answer.care, answer.open_count) == (200, True, 50, True, 3)
            (message,) = answer.messages
            assert (message.rule, message.channel, message.status) == ("long_wait", "email", DeliveryStatus.SENT)
            assert begun - 1 <= answer.as_of.timestamp() * 1_000 <= now()
            assert datetime.fromisoformat(headers["Touchline-As-Of"]) == answer.as_of
            assert headers["Content-Type"] == "application/json"
            assert "Access-Control-Allow-Origin" not in headers
            status, told, _ = await ask(client, api, "Zo%C3%AB%2F1")
            assert (status, told["customer"], told["health"], told["messages"]) == (200, "Zoë/1", 70, [])
            status, told, _ = await ask(client, api, "nobody")
            assert (status, told["known"], told["health"], told["care"], told["at"]) == (200, False, 100, False, None)
            TypeAdapter(CustomerAnswer).validate_python(told)

    asyncio.run(main())


def test_the_view_follows_the_topics_and_the_erased_are_gone(broker: str) -> None:
    async def main() -> None:
        settings = settings_for(broker)
        async with serving(settings, [(CONTEXT, "c-1", context())]) as api, ClientSession() as client:
            first = (await ask(client, api))[1]["as_of"]
            rows = [(CONTEXT, "c-2", context("c-2")), (DECISIONS, "c-2", encode(decision("c-2", now() - 1_000)))]
            await write(settings, rows)
            told = await until(client, api, "c-2", lambda told: told["known"] and told["messages"])
            assert told["as_of"] > first
            await write(settings, [(CUSTOMERS, "c-2", erased("c-2", now())), (CONTEXT, "c-1", None)])
            await until(client, api, "c-2", lambda told: not told["known"] and not told["messages"])
            await until(client, api, "c-1", lambda told: not told["known"])

    asyncio.run(main())


def test_an_answer_that_has_not_changed_costs_no_body(broker: str) -> None:
    async def main() -> None:
        settings = settings_for(broker)
        async with serving(settings, [(CONTEXT, "c-1", context())]) as api, ClientSession() as client:
            _, _, headers = await ask(client, api)
            tag = headers["ETag"]
            status, body, headers = await ask(client, api, **{"If-None-Match": tag})
            assert (status, body, headers["ETag"]) == (304, b"", tag)
            assert "Touchline-As-Of" in headers
            await write(settings, [(CONTEXT, "c-1", context(health=90))])
            await until(client, api, "c-1", lambda told: told["health"] == 90)
            status, _, headers = await ask(client, api, **{"If-None-Match": tag})
            assert status == 200
            assert headers["ETag"] != tag

    asyncio.run(main())


def test_who_may_ask(broker: str) -> None:
    async def main() -> None:
        async with serving(settings_for(broker, rate=3)) as api, ClientSession() as client:
            path = address(api, ASKED.format("c-1"))

            async def status(**headers: str) -> int:
                async with client.get(path, headers=headers) as answer:
                    if answer.status >= 400:
                        assert (await answer.json()).keys() == {"error", "message"}
                    if answer.status == 401:
                        assert answer.headers["WWW-Authenticate"] == "Bearer"
                    return answer.status

            assert await status() == 401
            assert await status(Authorization="Basic YTpi") == 401
            assert await status(**{"X-Api-Key": KEY + "x"}) == 403
            assert await status(**{"X-Api-Key": ""}) == 403
            assert await status(**{"X-Api-Key": KEYS["campaigns"]}) == 200
            assert await status(Authorization=f"bearer {KEY}") == 200
            assert 429 in [await status(**BEARER) for _ in range(50)]
            async with client.get(address(api, ASKED.format("a%00b")), headers={"X-Api-Key": KEYS["campaigns"]}) as bad:
                assert (bad.status, (await bad.json())["error"]) == (400, "bad_customer")
            async with client.post(path, headers=BEARER) as wrong:
                assert wrong.status == 405
            async with client.get(address(api, "/v1/customers")) as unknown:
                assert unknown.status == 404

    asyncio.run(main())


def test_nothing_is_answered_before_everything_was_read() -> None:
    async def main() -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))  # nobody listens: no broker there
            api = Api(settings_for(f"127.0.0.1:{silent.getsockname()[1]}"))
            await api.start()
            try:
                async with ClientSession() as client:
                    async with client.get(address(api, "/readyz")) as ready:
                        assert ready.status == 503
                    async with client.get(address(api, "/livez")) as alive:
                        assert alive.status == 200
                    status, told, headers = await ask(client, api)
                    assert (status, told["error"], headers["Retry-After"]) == (503, "catching_up", "1")
            finally:
                await api.stop()

    asyncio.run(main())


def test_keys_are_found_by_either_header_and_a_rate_is_a_second_s_worth() -> None:
    clock = [100.0]
    keys = Keys(KEYS, 2, lambda: clock[0])
    assert [keys.name_of(key) for key in (KEY, KEYS["campaigns"], KEY[:-1], "", "ü\udcff")] == [
        "desk", "campaigns", None, None, None,
    ]  # fmt: skip
    assert [keys.may_ask("desk") for _ in range(3)] == [True, True, False]
    assert keys.may_ask("campaigns")
    clock[0] += 0.5
    assert [keys.may_ask("desk") for _ in range(2)] == [True, False]
    assert key_in({"Authorization": f"BEARER  {KEY} "}) == key_in({"X-Api-Key": KEY}) == KEY
    assert key_in({}) is None
    without = Keys(KEYS, 0, lambda: clock[0])
    assert all(without.may_ask("desk") for _ in range(1_000))


@pytest.mark.parametrize("key", ["short", "with a blank 0123456789012345", "ümlaut-0123456789-0123456789"])
def test_a_key_that_is_none_is_refused_and_not_repeated(key: str, tmp_path: Path) -> None:
    path = tmp_path / "touchline.yaml"
    path.write_text(f"api: {{keys: {{desk: '{key}'}}}}", "utf-8")
    with pytest.raises(FileError, match=r"1:20: api\.keys\.desk: a key has at least 24 letters") as error:
        load_settings(path, {})
    assert key not in str(error.value)
