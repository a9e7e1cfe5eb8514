"""The contract that all adapters keep, against real servers: retry, time-out, half-done, replay."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.deliver.servers import ADAPTERS, LOCAL, SECRET, Mood, Receiver
from touchline.agents.sinks.smtp import Relay, SmtpAdapter
from touchline.agents.sinks.webhook import Endpoint, WebhookAdapter
from touchline.pipeline.outreach.adapter import Adapter, Parcel, SendResult, SendStatus
from touchline.schemas.outreach import Message
from touchline.schemas.vocabulary import Channel

MESSAGE = Message(to="c-1042@example.com", subject="Your order", text="Hello,\n\nit is on its way: über alles.\n.\n")

each_adapter = pytest.mark.parametrize("kind", ADAPTERS)


def run(kind: Any, act: Callable[[Adapter, Receiver], Awaitable[None]], mood: Mood = Mood.FINE, **options: Any) -> None:
    async def main() -> None:
        receiver = Receiver(mood)
        async with kind(receiver, **options) as adapter:
            await act(adapter, receiver)

    asyncio.run(main())


async def send(adapter: Adapter, delivery_id: str = "d-1") -> SendResult:
    result = await adapter.send(Parcel(delivery_id, Channel.EMAIL, MESSAGE))
    assert "c-1042" not in (result.error or "")
    assert SECRET not in (result.error or "")
    return result


@each_adapter
def test_sent(kind: Any) -> None:
    async def act(adapter: Adapter, receiver: Receiver) -> None:
        assert await send(adapter) == SendResult(SendStatus.SENT)
        assert receiver.ids == ["d-1"]

    run(kind, act)


@each_adapter
def test_refused_for_now_is_tried_again(kind: Any) -> None:
    async def act(adapter: Adapter, receiver: Receiver) -> None:
        result = await send(adapter)
        assert result.status is SendStatus.RETRY
        assert receiver.ids == []
        receiver.mood = Mood.FINE
        assert (await send(adapter)).status is SendStatus.SENT

    run(kind, act, Mood.LATER)


@each_adapter
def test_refused_for_good_is_not(kind: Any) -> None:
    async def act(adapter: Adapter, receiver: Receiver) -> None:
        result = await send(adapter)
        assert result.status is SendStatus.FAILED
        assert result.error is not None
        assert result.error.startswith("the server answered 550" if adapter.name == "smtp" else "the server answered 4")

    run(kind, act, Mood.NEVER)


@each_adapter
@pytest.mark.parametrize("mood", [Mood.CUT, Mood.SILENT])
def test_half_done_is_unknown(kind: Any, mood: Mood) -> None:
    async def act(adapter: Adapter, receiver: Receiver) -> None:
        began = time.monotonic()
        assert (await send(adapter)).status is SendStatus.UNKNOWN
        assert time.monotonic() - began < 2
        assert receiver.ids == ["d-1"]

    run(kind, act, mood, limit=0.3)


@each_adapter
def test_a_repeat_has_the_same_id(kind: Any) -> None:
    async def act(adapter: Adapter, receiver: Receiver) -> None:
        for delivery_id in ("d-1", "d-2", "d-1"):
            await send(adapter, delivery_id)
        assert receiver.ids == ["d-1", "d-2", "d-1"]

    run(kind, act)


@each_adapter
def test_many_at_once_over_a_few_connections(kind: Any) -> None:
    async def act(adapter: Adapter, receiver: Receiver) -> None:
        results = await asyncio.gather(*(send(adapter, f"d-{n}") for n in range(50)))
        assert {result.status for result in results} == {SendStatus.SENT}
        assert sorted(receiver.ids) == sorted(f"d-{n}" for n in range(50))

    run(kind, act, connections=3)


@each_adapter
def test_one_that_waits_for_a_stalled_server_is_back_in_time_and_was_not_tried(kind: Any) -> None:
    async def act(adapter: Adapter, receiver: Receiver) -> None:
        began = time.monotonic()
        results = await asyncio.gather(*(send(adapter, f"d-{n}") for n in range(20)))
        assert time.monotonic() - began < 2
        assert results[0].status is SendStatus.UNKNOWN
        # How many come to their turn when the first one gives up, in the instant before their own time is over, is the
        # machine's matter: only that those who are told "busy" never reached the server is ours.
        busy = {f"d-{n}" for n, result in enumerate(results) if result.status is SendStatus.BUSY}
        assert busy
        assert busy.isdisjoint(receiver.ids)
        unknown = sum(result.status is SendStatus.UNKNOWN for result in results)
        assert unknown >= len(receiver.ids)
        assert SendStatus.SENT not in {result.status for result in results}

    run(kind, act, Mood.SILENT, limit=0.4, connections=1)


@each_adapter
def test_what_waited_for_a_connection_has_as_long_for_its_try(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's clock leaps, once as far as the server's answer takes: nobody waits for it."""

    async def act(adapter: Adapter, receiver: Receiver) -> None:
        loop, leap = asyncio.get_running_loop(), 0.0
        clock = loop.time
        monkeypatch.setattr(loop, "time", lambda: clock() + leap)
        receiver.delay = lambda: 150.0
        sending = [asyncio.create_task(send(adapter, f"d-{n}")) for n in range(2)]
        for number in range(2):
            while len(receiver.ids) <= number and not sending[number].done():  # noqa: ASYNC110 -- a list has no event
                await asyncio.sleep(0.01)
            leap += 150.0
        assert await asyncio.gather(*sending) == [SendResult(SendStatus.SENT)] * 2

    run(kind, act, limit=200.0, connections=1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("name", ["smtp", "webhook"])
def test_a_server_that_is_not_there(name: str) -> None:
    async def main() -> None:
        port = _free_port()
        adapter: Adapter
        if name == "smtp":
            adapter = SmtpAdapter(Relay(LOCAL, port, "care@example.com", starttls=False, timeout=5))
        else:
            adapter = WebhookAdapter(Endpoint(f"http://{LOCAL}:{port}/", SECRET, allow_private=True))
        assert await send(adapter) == SendResult(SendStatus.RETRY, "no connection to the server", down=True)
        await adapter.close()

    asyncio.run(main())


@pytest.mark.parametrize("name", ["smtp", "webhook"])
def test_a_server_that_takes_the_call_and_says_nothing(name: str) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.set()

    hung_up = asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(mute, LOCAL, 0)
        port = server.sockets[0].getsockname()[1]
        adapter: Adapter
        if name == "smtp":
            adapter = SmtpAdapter(Relay(LOCAL, port, "care@example.com", starttls=False, timeout=0.3))
            expected = SendStatus.RETRY  # there was no greeting yet, so no message
        else:
            adapter = WebhookAdapter(Endpoint(f"http://{LOCAL}:{port}/", SECRET, 0.3, allow_private=True))
            expected = SendStatus.UNKNOWN
        assert (await send(adapter)).status is expected
        await adapter.close()
        await hung_up.wait()
        server.close()
        await server.wait_closed()

    asyncio.run(main())
