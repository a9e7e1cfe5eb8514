"""What is posted, how it is signed, and where it never goes."""

import asyncio
import base64
import hmac
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.deliver.servers import LOCAL, SECRET, Receiver, web_server
from touchline.agents.sinks.guard import GuardedResolver, PrivateAddress, is_public, is_public_host
from touchline.agents.sinks.signing import sign, signing_key
from touchline.agents.sinks.webhook import Endpoint, WebhookAdapter
from touchline.pipeline.outreach.adapter import Parcel, SendResult, SendStatus
from touchline.schemas.outreach import Message
from touchline.schemas.vocabulary import Carried, Channel

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
MESSAGE = Message(to="+49301234567", subject="Your order", text="It is late.")


PARCEL = Parcel("d-1", Channel.SMS, MESSAGE)


def post(answer: Any = None, host: str = LOCAL, parcel: Parcel = PARCEL, **options: Any) -> tuple[SendResult, Receiver]:
    async def main() -> tuple[SendResult, Receiver]:
        async with web_server(Receiver(), answer) as receiver:
            endpoint = Endpoint(
                f"http://{host}:{receiver.port}/hook", SECRET, 1.0, **{"allow_private": True, **options}
            )
            adapter = WebhookAdapter(endpoint, lambda: NOW)
            try:
                return await adapter.send(parcel), receiver
            finally:
                await adapter.close()

    return asyncio.run(main())


def test_the_test_vector_of_the_specification() -> None:
    body = b'{"test": 2432232314}'
    signature = sign(signing_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_posted_and_how_a_receiver_checks_it() -> None:
    result, receiver = post()
    assert result == SendResult(SendStatus.SENT)
    (body,), (headers,) = receiver.bodies, receiver.headers
    assert json.loads(body) == {
        "type": "outreach.message",
        "timestamp": "2026-06-10T12:00:00Z",
        "data": {
            "delivery_id": "d-1",
            "channel": "sms",
            "to": "+49301234567",
            "subject": "Your order",
            "text": "It is late.",
        },
    }
    assert headers["webhook-id"] == "d-1"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = hmac.new(base64.b64decode(SECRET[6:]), content, sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()


def test_notices_and_care_are_of_types_of_their_own() -> None:
    message = Message(to="crm", subject="1 signal", text="parcel_stuck")
    told = Parcel("d-2", Channel.OTHER, message, Carried.NOTICE, {"target": "owner:care", "count": 1})
    care = Parcel("d-3", Channel.OTHER, None, Carried.CARE, {"customer": "c-1", "care": True})
    bodies = [json.loads(post(parcel=parcel)[1].bodies[0]) for parcel in (told, care)]
    assert [body["type"] for body in bodies] == ["outreach.notice", "customer.care"]
    assert bodies[0]["data"] == {
        "delivery_id": "d-2", "subject": "1 signal", "text": "parcel_stuck", "target": "owner:care", "count": 1,
    }  # fmt: skip
    assert bodies[1]["data"] == {"delivery_id": "d-3", "customer": "c-1", "care": True}


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", SECRET[6:], "whsec_short", "whsec_" + "A" * 30, "whsec_!" + SECRET[7:], "whsec_" + "A" * 100],
)
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="a secret is whsec_ and 24 to 64 bytes") as error:
        signing_key(secret)
    assert not secret[6:] or secret[6:] not in str(error.value)


@pytest.mark.parametrize(
    "url", ["", "hooks.example.com", "ftp://example.com/", "file:///etc/passwd", "https://", "http://[::1"]
)
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        WebhookAdapter(Endpoint(url, SECRET))


def status(code: int, **headers: str) -> Any:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=code, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


def _asked(wait: int) -> SendResult:
    return SendResult(SendStatus.RETRY, "the server answered 503", wait, down=True)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (status(200), SendResult(SendStatus.SENT)),
        (status(429, retry_after="120"), SendResult(SendStatus.RETRY, "the server answered 429", 120_000)),
        (status(500), SendResult(SendStatus.RETRY, "the server answered 500", down=True)),
        (status(503, retry_after="nonsense"), SendResult(SendStatus.RETRY, "the server answered 503", down=True)),
        (status(503, retry_after="-5"), SendResult(SendStatus.RETRY, "the server answered 503", down=True)),
        (status(503, retry_after="Mon, 01 Jan 99999999999 00:00:00 GMT"), _asked(0)),
        (status(503, retry_after="Mon, 01 Jan 2027 00:00:00 +99999999999999"), _asked(0)),
        (
            status(503, retry_after="9" * 30),
            SendResult(SendStatus.RETRY, "the server answered 503", 86_400_000, down=True),
        ),
        (
            status(503, retry_after="Wed, 10 Jun 2026 12:01:30 GMT"),
            _asked(90_000),
        ),
        (status(404), SendResult(SendStatus.FAILED, "the server answered 404")),
        (status(410), SendResult(SendStatus.FAILED, "the server answered 410")),
    ],
)
def test_what_an_answer_means(answer: Any, expected: SendResult) -> None:
    assert post(answer)[0] == expected


def test_a_redirect_is_not_followed() -> None:
    """Such as one to the address where clouds keep credentials."""
    result, receiver = post(status(307, location="http://169.254.169.254/latest/meta-data/"))
    assert result == SendResult(SendStatus.FAILED, "the server answered 307: redirects are not followed")
    assert receiver.connections == 1


def test_an_answer_without_end_is_not_read() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except ConnectionError:
            return response

    began = time.monotonic()
    assert post(answer)[0] == SendResult(SendStatus.SENT)
    assert time.monotonic() - began < 1


def test_headers_that_drip_are_cut_off_in_time() -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            try:
                while not reader.at_eof():
                    writer.write(b"x-drip: 1\r\n")
                    await writer.drain()
                    await asyncio.wait_for(reader.read(4_096), 0.05)
            except TimeoutError:
                pass
            except ConnectionError:
                pass
            await reader.read()
            writer.close()
            gone.set()

        server = await asyncio.start_server(drip, LOCAL, 0)
        port = server.sockets[0].getsockname()[1]
        adapter = WebhookAdapter(Endpoint(f"http://{LOCAL}:{port}/", SECRET, 0.3, allow_private=True))
        result = await adapter.send(PARCEL)
        assert result == SendResult(SendStatus.UNKNOWN, "the server did not answer in time", down=True)
        await adapter.close()
        await gone.wait()
        server.close()
        await server.wait_closed()

    asyncio.run(main())


@pytest.mark.parametrize(
    "host",
    [
        LOCAL,
        "localhost",
        "[::1]",
        "10.0.0.1",
        "169.254.169.254",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",  # noqa: S104
        "2130706433",
        "127.1",
    ],
)
def test_private_addresses_are_refused_before_anything_is_sent(host: str) -> None:
    result, receiver = post(host=host, allow_private=False)
    assert result.status is SendStatus.FAILED
    assert result.error == "the URL leads to a private address, which the settings do not allow"
    assert receiver.connections == 0


class _Rebinding(AbstractResolver):
    """A name server that answers with a public address first and a private one afterwards."""

    def __init__(self) -> None:
        self.answers = ["93.184.216.34", LOCAL]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self.answers.pop(0)
        return [ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


def test_a_name_that_changes_its_mind_gets_nowhere() -> None:
    async def main() -> None:
        resolver = GuardedResolver(_Rebinding())
        assert (await resolver.resolve("rebind.example.com"))[0]["host"] == "93.184.216.34"
        with pytest.raises(PrivateAddress):
            await resolver.resolve("rebind.example.com")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),  # noqa: S104
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
        ("no address", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_name_may_be_asked_for() -> None:
    assert is_public_host("hooks.example.com")
    assert is_public_host("0x.example.com")
    assert not is_public_host("127.1")
    assert not is_public_host("0x7f000001")


def test_a_date_in_the_past_asks_for_no_wait() -> None:
    past = (NOW - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert post(status(429, retry_after=past))[0].retry_after == 0
