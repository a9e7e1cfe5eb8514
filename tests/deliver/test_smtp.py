"""What an e-mail looks like, and how the relay is talked to."""

import asyncio
import ssl
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.deliver.servers import LOCAL, Mood, Receiver, mail_server
from touchline.agents.sinks.smtp import Relay, SmtpAdapter
from touchline.pipeline.outreach.adapter import Bounce, Parcel, SendResult, SendStatus
from touchline.schemas.outreach import Message
from touchline.schemas.vocabulary import Channel

PARCEL = Parcel("d-1", Channel.EMAIL, Message(to="c@example.com", subject="s", text="t"))
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)


def post(message: Message, delivery_id: str = "d-1") -> tuple[SendResult, Receiver]:
    async def main() -> tuple[SendResult, Receiver]:
        async with mail_server(Receiver()) as receiver:
            relay = Relay(LOCAL, receiver.port, "Käre Team <care@example.com>", starttls=False)
            adapter = SmtpAdapter(relay, lambda: NOW)
            result = await adapter.send(Parcel(delivery_id, Channel.EMAIL, message))
            await adapter.close()
            return result, receiver

    return asyncio.run(main())


def test_the_message() -> None:
    text = "Hello,\n\n.\nüber uns: " + "long " * 400 + "\nbye\n"
    result, receiver = post(Message(to="c-1042@example.com", subject="Ihre Bestellung — 12", text=text))
    assert result == SendResult(SendStatus.SENT)
    assert receiver.headers == [{"from": "care@example.com", "to": "['c-1042@example.com']"}]
    assert receiver.bodies[0].isascii()
    mail = message_from_bytes(receiver.bodies[0], policy=policy.default)
    assert mail["Message-ID"] == "<d-1@example.com>"
    assert mail["From"] == "Käre Team <care@example.com>"
    assert mail["Subject"] == "Ihre Bestellung — 12"
    assert mail["Date"] == "Wed, 10 Jun 2026 12:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == text


def test_a_text_with_a_form_for_those_who_see_it() -> None:
    link = "https://example.com/u/" + "x" * 400
    message = Message(
        to="c@example.com", subject="s", text="It is late.\n", html="<p>It is <b>late</b>: ü</p>\n", unsubscribe=link
    )
    result, receiver = post(message)
    assert result.status is SendStatus.SENT
    mail = message_from_bytes(receiver.bodies[0], policy=policy.default)
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.iter_parts()
    assert (plain.get_content_type(), plain.get_content().strip()) == ("text/plain", "It is late.")
    assert (html.get_content_type(), html.get_content().strip()) == ("text/html", "<p>It is <b>late</b>: ü</p>")
    assert mail["List-Unsubscribe"] == f"<{link}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in receiver.bodies[0]


@pytest.mark.parametrize(
    "link", ["https://example.com/\r\nBcc: a@example.org", "https://example.com/>,<x", "javascript:1", "https://ü/"]
)
def test_a_link_that_is_none_is_no_header(link: str) -> None:
    result, receiver = post(Message(to="c@example.com", subject="s", text="t", unsubscribe=link))
    assert result.status is SendStatus.SENT
    mail = message_from_bytes(receiver.bodies[0], policy=policy.default)
    assert mail["List-Unsubscribe"] is mail["List-Unsubscribe-Post"] is mail["Bcc"] is None


def test_a_connection_is_used_again_and_not_when_the_server_has_hung_up() -> None:
    async def main() -> None:
        async with mail_server(Receiver()) as receiver:
            adapter = SmtpAdapter(Relay(LOCAL, receiver.port, "care@example.com", starttls=False))
            for number in range(5):
                assert (await adapter.send(replace(PARCEL, parcel_id=f"d-{number}"))).status is SendStatus.SENT
            assert receiver.connections == 1
            receiver.hang_up()
            await asyncio.sleep(0)
            assert (await adapter.send(replace(PARCEL, parcel_id="d-5"))).status is SendStatus.SENT
            assert receiver.connections == 2
            receiver.mood = Mood.NEVER
            assert (await adapter.send(replace(PARCEL, parcel_id="d-6"))).status is SendStatus.FAILED
            receiver.mood = Mood.FINE
            assert (await adapter.send(replace(PARCEL, parcel_id="d-7"))).status is SendStatus.SENT
            assert receiver.ids == [f"d-{number}" for number in (0, 1, 2, 3, 4, 5, 7)]
            await adapter.close()

    asyncio.run(main())


def test_one_recipient_refused_and_the_others_not() -> None:
    async def main() -> None:
        async with mail_server(Receiver(unknown={"gone@example.com"})) as receiver:
            adapter = SmtpAdapter(Relay(LOCAL, receiver.port, "care@example.com", starttls=False))
            parcels = [
                Parcel(f"d-{n}", Channel.EMAIL, Message(to=to, subject="s", text="t"))
                for n, to in enumerate(["a@example.com", "gone@example.com", "b@example.com"])
            ]
            results = await asyncio.gather(*map(adapter.send, parcels))
            assert [(r.status, r.bounce) for r in results] == [
                (SendStatus.SENT, Bounce.NONE),
                (SendStatus.FAILED, Bounce.HARD),
                (SendStatus.SENT, Bounce.NONE),
            ]
            await adapter.close()

    asyncio.run(main())


def test_a_subject_adds_no_header() -> None:
    evil = "Hi\r\nBcc: someone@example.org\r\n\r\nnew body\u2028X-More: 1"
    result, receiver = post(Message(to="c-1@example.com", subject=evil, text="text"))
    assert result.status is SendStatus.SENT
    mail = message_from_bytes(receiver.bodies[0], policy=policy.default)
    assert mail["Bcc"] is None
    assert mail["X-More"] is None
    assert mail.get_content().strip() == "text"
    assert receiver.headers[0]["to"] == "['c-1@example.com']"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b@example.com",
        "a@example.com\r\nRCPT TO:<x@example.org>",
        "a@example.com, b@example.com",
        "<a@example.com>",
        "A <a@example.com>",
        "a b@example.com",
        "ü@example.com",
        "a@" + "x" * 64 + ".example.com",
        "a@example..com",
    ],
)
def test_an_address_that_is_none_fails_and_is_not_repeated(address: str) -> None:
    result, receiver = post(Message(to=address, subject="s", text="t"))
    assert result.status is SendStatus.FAILED
    assert result.error is not None
    assert result.error.startswith("the customer's e-mail address")
    assert result.bounce is Bounce.HARD
    assert receiver.connections == 0


def test_a_domain_of_other_letters() -> None:
    result, receiver = post(Message(to="c-1@bücher.example", subject="s", text="t"))
    assert result.status is SendStatus.SENT
    assert receiver.headers[0]["to"] == "['c-1@xn--bcher-kva.example']"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", f"subjectAltName=IP:{LOCAL}", "-days", "2"]
    try:
        subprocess.run([*command, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return cert, key


def _login(server: object, session: object, envelope: object, mechanism: str, data: object) -> AuthResult:
    right = LoginPassword(b"relay", b"pa55")
    return AuthResult(success=data == right, handled=data == right)


def encrypted(certificate: tuple[Path, Path], password: str, *, trusted: bool, starttls: bool = True) -> SendResult:
    async def main() -> SendResult:
        cert, key = certificate
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(cert, key)
        ours = ssl.create_default_context(cafile=str(cert)) if trusted else None
        options = {"tls_context": server, "require_starttls": True, "auth_required": True, "authenticator": _login}
        async with mail_server(Receiver(), **options) as receiver:
            relay = Relay(LOCAL, receiver.port, "care@example.com", starttls, "relay", password, 5, context=ours)
            result = await SmtpAdapter(relay).send(PARCEL)
            assert len(receiver.ids) == (result.status is SendStatus.SENT)
            assert password not in (result.error or "")
            return result

    return asyncio.run(main())


def test_encrypted_and_logged_in(certificate: tuple[Path, Path]) -> None:
    assert encrypted(certificate, "pa55", trusted=True).status is SendStatus.SENT


def test_a_wrong_password_is_no_fault_of_the_message(certificate: tuple[Path, Path]) -> None:
    result = encrypted(certificate, "wr0ng", trusted=True)
    assert result == SendResult(SendStatus.RETRY, "the server refused the connection: 535 5.7.8", down=True)


def test_a_server_that_nobody_vouches_for_gets_nothing(certificate: tuple[Path, Path]) -> None:
    assert encrypted(certificate, "pa55", trusted=False) == SendResult(
        SendStatus.RETRY, "no connection to the server", down=True
    )


def test_without_encryption_nothing_is_sent() -> None:
    async def main() -> None:
        async with mail_server(Receiver()) as receiver:
            relay = Relay(LOCAL, receiver.port, "care@example.com", starttls=True)
            result = await SmtpAdapter(relay).send(PARCEL)
            assert result.status is SendStatus.RETRY
            assert result.error == "the server offers no STARTTLS"
            assert receiver.ids == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ({"greet": "554 go away"}, SendResult(SendStatus.RETRY, "the server refused the connection: 554", down=True)),
        ({"MAIL": "451 4.3.0 later"}, SendResult(SendStatus.RETRY, "the server answered 451 4.3.0")),
        ({"RCPT": "552 full"}, SendResult(SendStatus.FAILED, "the server answered 552", bounce=Bounce.SOFT)),
        ({"RCPT": "550 no"}, SendResult(SendStatus.FAILED, "the server answered 550", bounce=Bounce.HARD)),
        ({"RCPT": "550 5.7.1 no"}, SendResult(SendStatus.FAILED, "the server answered 550 5.7.1", bounce=Bounce.SOFT)),
        (
            {"RCPT": "552 5.2.2 full"},
            SendResult(SendStatus.FAILED, "the server answered 552 5.2.2", bounce=Bounce.SOFT),
        ),
        ({"RCPT": "451 later"}, SendResult(SendStatus.RETRY, "the server answered 451", bounce=Bounce.SOFT)),
        ({"text": "550 5.1.1 no"}, SendResult(SendStatus.FAILED, "the server answered 550 5.1.1", bounce=Bounce.HARD)),
        ({"DATA": "452 no room"}, SendResult(SendStatus.RETRY, "the server answered 452")),
        ({"text": "554 5.6.0 spam"}, SendResult(SendStatus.FAILED, "the server answered 554 5.6.0")),
        ({"text": "451 later"}, SendResult(SendStatus.RETRY, "the server answered 451")),
        ({"RCPT": None}, SendResult(SendStatus.RETRY, "the connection broke", down=True)),
        ({"text": None}, SendResult(SendStatus.UNKNOWN, "the connection broke after the text was sent", down=True)),
        (
            {"text": "hello?"},
            SendResult(SendStatus.UNKNOWN, "the server's answer made no sense after the text was sent", down=True),
        ),
        ({"text": "250 OK", "QUIT": None}, SendResult(SendStatus.SENT)),
    ],
)
def test_where_the_talk_ends(script: dict[str, str | None], expected: SendResult) -> None:
    """A server that answers as written; None hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        plan = {"greet": "220 mx", "EHLO": "250 mx", "DATA": "354 go", "text": "250 OK", **script}
        step: str = "greet"
        while (answer := plan.get(step, "250 OK")) is not None:
            writer.write(f"{answer}\r\n".encode())
            if step == "DATA" and answer.startswith("354"):
                await reader.readuntil(b"\r\n.\r\n")
                step = "text"
                continue
            line = await reader.readline()
            if not line:
                break
            step = line.decode().split()[0].upper()
        writer.close()
        hung_up.set()

    hung_up = asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(talk, LOCAL, 0)
        port = server.sockets[0].getsockname()[1]
        adapter = SmtpAdapter(Relay(LOCAL, port, "care@example.com", starttls=False, timeout=3))
        assert await adapter.send(PARCEL) == expected
        await adapter.close()
        await hung_up.wait()
        server.close()
        await server.wait_closed()

    asyncio.run(main())
