"""`touchline up` with a key: the API is there beside the agents, and what customers do with links comes back."""

import json
import socket
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from touchline.agents.settings import Settings
from touchline.client import Publisher
from touchline.embedded import PortInUseError
from touchline.pipeline.outreach.links import PATH, Links
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.vocabulary import Channel, Purpose
from touchline.up import Environment
from touchline.up.ports import neighbours

KEY = "desk-0123456789abcdefghij"
SECRET = "a-secret-of-links-0123456789-abcdefgh"
PATIENCE = 60.0


def until(what: Callable[[], Any]) -> Any:
    begun = time.monotonic()
    while not (found := what()):
        assert time.monotonic() - begun < PATIENCE, "not in time"
        time.sleep(0.1)
    return found


def request(url: str, form: bytes | None = None) -> bytes:
    """The body of an answer of our own server."""
    asked = urllib.request.Request(url, data=form, headers={"X-Api-Key": KEY})  # noqa: S310
    with urllib.request.urlopen(asked) as answer:  # noqa: S310
        return bytes(answer.read())


def settings(port: int = 0) -> Settings:
    return Settings.model_validate(
        {
            "api": {"port": port, "keys": {"desk": KEY}},
            "outreach": {"links": {"base": "https://links.example.com", "secret": SECRET}},
        }
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_question_is_answered_and_an_unsubscription_holds(tmp_path: Path) -> None:
    with Environment(settings(), tmp_path / "data") as running:
        assert running.api is not None
        assert [agent.name for agent in running.agents] == list(running.settings.runtime.agents)
        assert SECRET not in running.settings_file.read_text("utf-8")
        assert KEY not in running.settings_file.read_text("utf-8")

        def ask(customer: str) -> dict[str, Any]:
            return dict(json.loads(request(f"{running.api}/v1/customers/{customer}/context")))

        assert ask("c-1")["known"] is False
        with Publisher(running.bootstrap) as publisher:
            event = Touchpoint(
                event_id="t-1", source="desk", occurred_at=datetime.now(UTC), kind="ticket.reopened",
                customer_id="c-1", subjects=("ticket:7",),
            )  # fmt: skip
            publisher.publish(event).result()
        told = until(lambda: (found := ask("c-1"))["known"] and found)
        assert [signal["rule"] for signal in told["open_signals"]] == ["ticket_reopened"]
        link = Links("https://x.example", SECRET.encode()).unsubscribe("c-1", "d-1", Channel.EMAIL, Purpose.SERVICE)
        page = request(running.api + PATH + link.partition(PATH)[2], b"List-Unsubscribe=One-Click")
        assert b"Unsubscribed" in page
        store = running.settings.warehouse
        client = Client(store.host, port=store.port, database=store.database, user="reader")
        sql = "SELECT attributes['decision_id'] FROM touchpoints WHERE kind = 'consent.withdrawn' AND customer = 'c-1'"
        assert until(lambda: client.execute(sql)) == [("d-1",)]
        client.disconnect()


def test_a_port_of_the_api_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    port = neighbours("the API", 0, 1)
    named = f"the API cannot listen on .*{port}"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortInUseError, match=named):
        Environment(settings(port), tmp_path / "data").start()
