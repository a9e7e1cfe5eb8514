"""Providers of SMS, chats, Apprise and the console: what they are handed, and what their answers mean."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from tests.deliver.servers import LOCAL, SMS, Receiver, provider, web_server
from tests.deliver.test_webhook import status
from touchline.agents.sinks.chat import ChatAdapter, Kind
from touchline.agents.sinks.console import ConsoleAdapter
from touchline.agents.sinks.http import Line
from touchline.agents.sinks.provider import Meanings, Provider, ProviderAdapter
from touchline.agents.sinks.services import AppriseAdapter
from touchline.agents.sinks.template import BadTemplate, filled, places_in
from touchline.pipeline.engine.processor import Fatal
from touchline.pipeline.outreach.adapter import Adapter, Bounce, Parcel, SendResult, SendStatus
from touchline.schemas.outreach import Message
from touchline.schemas.vocabulary import Carried, Channel

TRICKY = 'It is "late"\n& {to} <@channel> ü'
MESSAGE = Message(to="+49 30 1234567", subject="Your <order>", text=TRICKY, locale="de")
PARCEL = Parcel("d-1", Channel.SMS, MESSAGE)
OPEN = Line(2.0, allow_private=True)


def post(make: Callable[[str], Adapter], answer: Any = None, parcel: Parcel = PARCEL) -> tuple[SendResult, Receiver]:
    async def main() -> tuple[SendResult, Receiver]:
        async with web_server(Receiver(), answer) as receiver:
            adapter = make(f"http://{LOCAL}:{receiver.port}/v1/messages")
            try:
                return await adapter.send(parcel), receiver
            finally:
                await adapter.close()

    return asyncio.run(main())


def by(**options: Any) -> Callable[[str], Adapter]:
    return lambda url: ProviderAdapter(Provider(url, **{"json": SMS, **options}), OPEN)


def test_a_json_body_holds_the_message_as_it_is() -> None:
    body = {
        "to": ["{to}"],
        "content": {"text": "{text}", "n": 1},
        "reference": "{id}/{channel}/{locale}",
        "{{x}}": None,
    }
    result, receiver = post(by(json=body, headers={"Authorization": "Bearer abc"}))
    assert result == SendResult(SendStatus.SENT)
    assert json.loads(receiver.bodies[0]) == {
        "to": ["+49 30 1234567"],
        "content": {"text": TRICKY, "n": 1},
        "reference": "d-1/sms/de",
        "{{x}}": None,
    }
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert receiver.headers[0]["Authorization"] == "Bearer abc"


def test_a_form() -> None:
    form = {"To": "{to}", "Body": "{text}", "Tag": "{{{id}}}"}
    _, receiver = post(by(json=None, form=form, idempotency_header="Idempotency-Key"))
    found = parse_qs(receiver.bodies[0].decode(), strict_parsing=True)
    assert found == {"To": ["+49 30 1234567"], "Body": [TRICKY], "Tag": ["{d-1}"]}
    assert receiver.headers[0]["Content-Type"] == "application/x-www-form-urlencoded"
    assert receiver.ids == ["d-1"]


@pytest.mark.parametrize(
    ("options", "idempotent"),
    [({}, False), ({"idempotency_header": "Idempotency-Key"}, True), ({"idempotent": True}, True)],
)
def test_only_a_provider_that_takes_a_key_is_asked_again(options: dict[str, Any], idempotent: bool) -> None:
    adapter = ProviderAdapter(Provider("https://sms.example.com", json=SMS, **options), OPEN)
    assert adapter.idempotent is idempotent


@pytest.mark.parametrize("text", ["{name}", "{", "}", "{to", "{to.__class__}", "{0}"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadTemplate, match="is no place for a part of a message"):
        places_in({"a": [{"b": text}]})
    assert filled("{{{to}}}", {"to": "{x}"}) == "{{x}}"


def says(code: int, body: str) -> Any:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=code, text=body)

    return answer


MEANINGS = Meanings(
    sent=frozenset({409}),
    retry=frozenset({420}),
    failed=frozenset({501}),
    bounced=frozenset({410}),
    bounced_words=("21211",),
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (status(202), SendResult(SendStatus.SENT)),
        (status(409), SendResult(SendStatus.SENT)),
        (status(420, retry_after="3"), SendResult(SendStatus.RETRY, "the server answered 420", 3_000)),
        (status(429, retry_after="3"), SendResult(SendStatus.RETRY, "the server answered 429", 3_000)),
        (status(501), SendResult(SendStatus.FAILED, "the server answered 501")),
        (status(502), SendResult(SendStatus.RETRY, "the server answered 502", down=True)),
        (status(410), SendResult(SendStatus.FAILED, "the server answered 410", bounce=Bounce.HARD)),
        (
            says(400, '{"code": 21211, "to": "+49301234567"}'),
            SendResult(SendStatus.FAILED, "the server answered 400", bounce=Bounce.HARD),
        ),
        (says(400, '{"code": 21610}'), SendResult(SendStatus.FAILED, "the server answered 400")),
        (says(200, "21211"), SendResult(SendStatus.SENT)),
    ],
)
def test_what_a_providers_answer_means(answer: Any, expected: SendResult) -> None:
    assert post(by(meanings=MEANINGS), answer)[0] == expected


async def _drips(request: web.Request) -> web.StreamResponse:
    """A refusal whose body never ends."""
    response = web.StreamResponse(status=400)
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.01)
    except ConnectionError:
        return response


async def _giant(request: web.Request) -> web.StreamResponse:
    """A refusal that is as large as anybody likes, with the words only at its end."""
    response = web.StreamResponse(status=400)
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x" * 65_536)
    except ConnectionError:
        return response


@pytest.mark.parametrize("answer", [_drips, _giant])
def test_a_body_is_read_so_far_and_no_further(answer: Any) -> None:
    result, _ = post(by(meanings=MEANINGS), answer)
    assert result == SendResult(SendStatus.FAILED, "the server answered 400")


def test_a_private_address_is_refused() -> None:
    result, receiver = post(lambda url: ProviderAdapter(Provider(url, json=SMS), Line()))
    assert result.error == "the URL leads to a private address, which the settings do not allow"
    assert receiver.connections == 0


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_a_chat_gets_the_text_and_nothing_in_it_is_a_command(kind: Kind) -> None:
    result, receiver = post(lambda url: ChatAdapter(kind, url, OPEN))
    assert result == SendResult(SendStatus.SENT)
    body = json.loads(receiver.bodies[0])
    if kind == "slack":
        assert body == {"text": '*Your &lt;order&gt;*\nIt is "late"\n&amp; {to} &lt;@channel&gt; ü'}
    else:
        (attachment,) = body["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert [block["text"] for block in attachment["content"]["body"]] == ["Your <order>", TRICKY]


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_a_long_text_is_cut(kind: Kind) -> None:
    long = Parcel("d-1", Channel.SOCIAL, Message(to="", subject="", text="ü" * 16_000))
    result, receiver = post(lambda url: ChatAdapter(kind, url, OPEN), parcel=long)
    assert result.status is SendStatus.SENT
    assert len(receiver.bodies[0]) < 28_000


def test_a_chats_url_is_in_no_error() -> None:
    result, _ = post(lambda url: ChatAdapter("slack", url, OPEN), status(404))
    assert result == SendResult(SendStatus.FAILED, "the server answered 404")
    with pytest.raises(ValueError, match="a URL to post to begins with") as error:
        ChatAdapter("slack", "hooks.example.com/T00/B00/secret", OPEN)
    assert "secret" not in str(error.value)


def test_apprise_hands_it_to_the_service() -> None:
    def make(url: str) -> Adapter:
        return AppriseAdapter(url.replace("http://", "json://") + "/{to}", 5.0)

    result, receiver = post(make)
    assert result == SendResult(SendStatus.SENT)
    body = json.loads(receiver.bodies[0])
    assert (body["title"], body["message"]) == ("Your <order>", TRICKY)


def test_what_apprise_could_not_send_is_unknown_for_it_does_not_say_why(caplog: pytest.LogCaptureFixture) -> None:
    result, _ = post(lambda url: AppriseAdapter(url.replace("http://", "json://"), 5.0), status(500))
    assert result.status is SendStatus.UNKNOWN
    assert MESSAGE.to not in caplog.text


def test_an_apprise_service_that_is_silent_is_given_up_in_time() -> None:
    released = asyncio.Event()

    async def silent(request: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async def main() -> None:
        async with web_server(Receiver(), silent) as receiver:
            adapter = AppriseAdapter(f"json://{LOCAL}:{receiver.port}/x?rto=10", 0.2)
            result = await adapter.send(PARCEL)
            assert (result.status, result.error) == (SendStatus.UNKNOWN, "the service did not answer in time")
            released.set()
            await adapter.close()

    asyncio.run(main())


def test_what_waits_for_a_thread_was_not_tried_and_has_as_long_for_its_try_as_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop's clock leaps: nobody waits for it."""

    async def main() -> None:
        loop, leap = asyncio.get_running_loop(), 0.0
        clock = loop.time
        monkeypatch.setattr(loop, "time", lambda: clock() + leap)
        async with web_server(Receiver(delay=lambda: 400.0)) as receiver:
            adapter = AppriseAdapter(f"json://{LOCAL}:{receiver.port}/x?rto=600", 200.0, at_once=1)

            async def taken(count: int) -> None:
                while len(receiver.ids) < count:  # noqa: ASYNC110 -- a list has no event
                    await asyncio.sleep(0.01)

            both = [asyncio.create_task(adapter.send(PARCEL)) for _ in range(2)]
            await taken(1)
            leap = 250.0
            hangs, waits = await asyncio.gather(*both)
            assert (hangs.status, waits.status) == (SendStatus.UNKNOWN, SendStatus.BUSY)
            receiver.delay = lambda: 100.0
            third = asyncio.create_task(adapter.send(PARCEL))
            await asyncio.sleep(0)
            leap = 400.0
            await taken(2)
            leap = 550.0
            assert await third == SendResult(SendStatus.SENT)
            await adapter.close()

    asyncio.run(main())


def test_a_service_that_apprise_does_not_know() -> None:
    with pytest.raises(ValueError, match="Apprise knows no service of that URL") as error:
        AppriseAdapter("nosuch://secret", 5.0)
    assert "secret" not in str(error.value)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(Fatal, match=r"pip install 'touchline\[apprise\]'"):
        AppriseAdapter("json://localhost", 5.0)


def lines(written: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.splitlines()]


def written_by(adapter: Adapter, parcels: Sequence[Parcel]) -> list[SendResult]:
    async def main() -> list[SendResult]:
        return list(await asyncio.gather(*map(adapter.send, parcels)))

    return asyncio.run(main())


def test_the_console_writes_into_the_file_that_was_named(tmp_path: Path) -> None:
    file = tmp_path / "messages.ndjson"
    care = Parcel("d-2", Channel.OTHER, None, Carried.CARE, {"customer": "c-1", "care": True})
    assert written_by(ConsoleAdapter(str(file)), [PARCEL, care]) == [SendResult(SendStatus.SENT)] * 2
    first, second = lines(file.read_bytes())
    assert (first["id"], first["to"], first["text"]) == ("d-1", MESSAGE.to, TRICKY)
    assert (second["what"], second["care"]) == ("care", True)
    assert file.stat().st_mode & 0o077 == 0


def test_the_console_writes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert written_by(ConsoleAdapter("stdout"), [PARCEL]) == [SendResult(SendStatus.SENT)]
    assert [line["id"] for line in lines(capfdbinary.readouterr().out)] == ["d-1"]


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (result,) = written_by(ConsoleAdapter(str(tmp_path)), [PARCEL])
    assert result.status is SendStatus.RETRY
    assert result.error is not None
    assert "Is a directory" in result.error


def test_a_key_makes_a_repeat_the_same() -> None:
    async def main() -> None:
        receiver = Receiver()
        async with provider(receiver, idempotency_header="Idempotency-Key") as adapter:
            act: Callable[[Parcel], Awaitable[SendResult]] = adapter.send
            await act(PARCEL)
            await act(PARCEL)
        assert receiver.ids == ["d-1", "d-1"]

    asyncio.run(main())
