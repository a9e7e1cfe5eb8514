"""The programs in examples/consumers, each as a process of its own against a real HTTP server."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.client.support import Topic, signal
from tests.client.test_docs import adapted
from touchline.client import SignalConsumer
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Severity, SignalStatus

FOLDER = Path(__file__).parents[2] / "examples" / "consumers"
WAIT = 60
"""Seconds; it is over as soon as what is waited for is there."""


@dataclass
class Taker:
    """An HTTP server: what it was sent, and with which status codes it answers first, before it says 200."""

    answers: list[int] = field(default_factory=list)
    taken: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The bodies, once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.taken) >= count, WAIT), self.taken
            return [body for _, _, body in self.taken]

    @contextmanager
    def listening(self) -> Iterator["Taker"]:
        taker = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with taker.changed:
                    status = taker.answers.pop(0) if taker.answers else 200
                    taker.tokens.add(self.headers["authorization"])
                    taker.taken.append((self.command, self.path, json.loads(body)))
                    taker.changed.notify_all()
                self.send_response(status)
                self.end_headers()

            do_POST = do_PUT = _take  # noqa: N815

            def log_message(self, *_arguments: Any) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        yield self
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def topic(bootstrap: str, environment: str) -> Iterator[Topic]:
    topic = Topic(bootstrap, environment)
    topic.tick()
    yield topic
    topic.producer.close()


@pytest.fixture
def taker() -> Iterator[Taker]:
    with Taker().listening() as listening:
        yield listening


@dataclass
class Program:
    """One of the examples, with the address of the test's broker."""

    folder: Path
    bootstrap: str
    environment: str
    session: float

    @contextmanager
    def running(self, name: str, **variables: str) -> Iterator[None]:
        """While it runs, in the folder."""
        text = adapted((FOLDER / name).read_text("utf-8"), self.bootstrap, self.environment, self.session)
        limits = f"from touchline.client import Limits\nlimits = Limits(session_timeout={self.session})\n"
        (self.folder / name).write_text(limits + text, "utf-8")
        with (self.folder / "errors.txt").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, name], cwd=self.folder, env={**os.environ, **variables}, stderr=errors
            )
            yield
            assert process.poll() is None, (self.folder / "errors.txt").read_text("utf-8")
            process.terminate()
            process.wait(WAIT)


@pytest.fixture
def program(bootstrap: str, environment: str, tmp_path: Path, request: pytest.FixtureRequest) -> Program:
    return Program(tmp_path, bootstrap, environment, 1.0 if "embedded" in request.node.name else 6.0)


def ended(number: int, revision: int, status: SignalStatus = SignalStatus.RESOLVED) -> Signal:
    return replace(signal(number, revision), status=status)


def test_a_page_is_triggered_and_called_off_and_what_fails_is_set_aside(
    program: Program, topic: Topic, taker: Taker
) -> None:
    taker.answers = [503, 200, *[500] * 4]
    topic.signals(signal(1), signal(2, severity=Severity.MEDIUM), signal(3), ended(1, 2))
    with program.running("pager.py", PAGER_URL=taker.url, PAGER_KEY="key"):
        bodies = taker.wait_for(7)
    assert [body["event_action"] for body in bodies] == ["trigger"] * 6 + ["resolve"]
    assert [body["dedup_key"] for body in bodies] == ["s1", "s1", *["s3"] * 4, "s1"]
    assert bodies[0]["payload"]["summary"] == "delivery_promise_broken: promised and not delivered"
    assert bodies[0]["payload"]["severity"] == "error"
    (aside,) = (json.loads(line) for line in (program.folder / "not-paged.ndjson").read_text("utf-8").splitlines())
    assert (aside["signal_id"], aside["error"]) == ("s3", "HTTP Error 500: Internal Server Error")


def test_a_case_follows_its_signal_and_a_repeat_does_no_harm(program: Program, topic: Topic, taker: Taker) -> None:
    taker.answers = [200, 409, 503, 200]
    mine = [replace(one, owner="customer_service") for one in (signal(1), signal(2), ended(1, 2))]
    topic.signals(mine[0], signal(9), *mine[1:])
    with program.running("crm_case.py", CRM_URL=f"{taker.url}/cases", CRM_TOKEN="secret"):
        bodies = taker.wait_for(4)
    assert [(method, path) for method, path, _ in taker.taken] == [
        ("PUT", f"/cases/{name}") for name in ("s1", "s2", "s1", "s1")
    ]
    assert [(body["revision"], body["state"], body["why"]) for body in bodies] == [
        (1, "open", "opened"),
        (1, "open", "opened"),
        (2, "closed", "resolved"),
        (2, "closed", "resolved"),
    ]
    assert taker.tokens == {"Bearer secret"}


def test_a_room_hears_of_a_signal_once_whatever_happens(program: Program, topic: Topic, taker: Taker) -> None:
    topic.signals(signal(1), signal(1, 2), replace(signal(2), owner="care"))
    with program.running("chat_alert.py", CHAT_WEBHOOK=taker.url):
        (body,) = taker.wait_for(1)
        assert body == {
            "text": "[high] delivery_promise_broken, carrier: promised and not delivered. tell the customer first."
        }
        topic.signals(signal(3))
        taker.wait_for(2)
    topic.signals(signal(1), signal(3), signal(4))
    with program.running("chat_alert.py", CHAT_WEBHOOK=taker.url):
        assert len(taker.wait_for(3)) == 3
    assert "c-1" not in json.dumps([body for _, _, body in taker.taken])


def test_every_example_is_tested_and_uses_the_client() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == {"pager.py", "crm_case.py", "chat_alert.py"}
    for path in FOLDER.glob("*.py"):
        assert SignalConsumer.__name__ + '("127.0.0.1:9092", ' in path.read_text("utf-8")
