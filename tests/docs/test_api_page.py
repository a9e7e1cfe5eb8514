"""docs/api.md: its events come to its answer, over HTTP as it shows, and its tables are what the API does."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.api.support import PARTITIONS, context, decision, delivery, serving, settings_for
from tests.docs.pages import ROOT, blocks
from touchline.agents import enrich, journey
from touchline.agents.api.run import Api
from touchline.agents.apisettings import ApiSettings
from touchline.agents.settings import Settings, load_settings
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.local import LocalRun
from touchline.schemas.answer import CustomerAnswer
from touchline.schemas.codec import encode
from touchline.schemas.export import documents
from touchline.schemas.wire import CONTEXT, DECISIONS, DELIVERIES, RAW

PAGE = ROOT / "docs" / "api.md"
EVENTS = next(block.text for block in blocks(PAGE, "ndjson")).splitlines()
ANSWER = json.loads(next(block.text for block in blocks(PAGE, "json")))
PYTHON = next(block.text for block in blocks(PAGE, "python"))
MAKE_KEY, ASK = (
    next(line for block in blocks(PAGE, "sh") for line in block.text.splitlines() if line.startswith(start))
    for start in ("export", "curl")
)
VARIABLE = "TOUCHLINE_API__KEYS__DESK"
KEY = "desk-0123456789abcdefghij"
TABLES = PAGE.read_text("utf-8")


def newest_context() -> bytes:
    """What the events of the page leave on the topic, with the built-in rules and settings."""
    settings = Settings.model_validate({"clock": "log", "kafka": {"raw_partitions": 1, "partitions": 1}})
    run = LocalRun([enrich.build(settings), journey.build(settings)])
    for event in EVENTS:
        now = to_ms(datetime.fromisoformat(json.loads(event)["occurred_at"]))
        run.publish(RAW, b"c-1042", event.encode(), now)
        run.run(now)
    value = run.topics.all(CONTEXT)[-1].value
    assert value is not None
    return value


def rows() -> list[tuple[str, str, bytes | None]]:
    """The context, and the message of the page: of today, for messages are told for some days."""
    at, message = round(time.time() * 1_000) - 60_000, ANSWER["messages"][0]
    sent: dict[str, Any] = {"decision_id": message["decision_id"], "rule": message["rule"]}
    return [
        (CONTEXT, "c-1042", newest_context()),
        (DECISIONS, "c-1042", encode(decision("c-1042", at, **sent))),
        (DELIVERIES, "c-1042", encode(delivery("c-1042", at, **sent))),
    ]


def here(text: str, api: Api) -> str:
    return text.replace("127.0.0.1:8090", f"127.0.0.1:{api.port}")


async def shell(command: str) -> str:
    process = await asyncio.create_subprocess_shell(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, VARIABLE: KEY}
    )
    out, problem = await process.communicate()
    assert process.returncode == 0, problem.decode()
    return out.decode()


def test_the_events_of_the_page_come_to_its_answer_over_http(broker: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")

    async def main() -> dict[str, Any]:
        async with serving(settings_for(broker, keys={"desk": KEY}), rows()) as api:
            return dict(json.loads(await shell(here(ASK, api))))

    told = asyncio.run(main())
    TypeAdapter(CustomerAnswer).validate_python(told)
    assert told.pop("as_of") >= ANSWER["as_of"]
    (message,), (shown,) = told.pop("messages"), ANSWER["messages"]
    assert {**message, "at": shown["at"]} == shown
    assert told == {name: value for name, value in ANSWER.items() if name not in {"as_of", "messages"}}
    assert list(ANSWER) == [*told, "as_of", "messages"]


def test_the_python_of_the_page_asks_and_goes_on_without_an_answer(broker: str, tmp_path: Path) -> None:
    async def run(piece: str) -> str:
        (tmp_path / "piece.py").write_text(piece + '\nprint(context("c-1042")["known"])\n', "utf-8")
        return await shell(f"{sys.executable} {tmp_path / 'piece.py'}")

    async def main() -> tuple[str, str]:
        # On a busy machine the answer may take longer than a caller should wait.
        patient = PYTHON.replace("timeout=0.3", "timeout=20")
        assert patient != PYTHON
        async with serving(settings_for(broker, keys={"desk": KEY}), rows()) as api:
            found = await run(here(patient, api))
            piece = here(PYTHON, api)
        return found, await run(piece)  # nobody listens there any more

    assert asyncio.run(main()) == ("to a person at once: delivery_damaged\nTrue\n", "False\n")


def test_the_key_that_is_made_is_one(tmp_path: Path) -> None:
    made = asyncio.run(shell(f"{MAKE_KEY.replace('python3', sys.executable)}; echo ${VARIABLE}")).strip()
    settings = load_settings(None, {VARIABLE: made})
    assert settings.serves
    assert settings.api.keys["desk"].get_secret_value() == made


def test_the_settings_of_the_page_are_all_and_the_defaults(tmp_path: Path) -> None:
    text = next(block.text for block in blocks(PAGE, "yaml"))
    path = tmp_path / "touchline.yaml"
    path.write_text(text, "utf-8")
    api = load_settings(path, {"DESK_KEY": KEY, "CAMPAIGNS_KEY": KEY[::-1]}).api
    assert list(api.keys) == ["desk", "campaigns"]
    assert api.model_copy(update={"keys": {}}) == ApiSettings()
    assert set(re.findall(r"^  (\w+):", text, re.M)) == set(ApiSettings.model_fields)


def test_every_field_and_every_error_is_told() -> None:
    told = TABLES.split("## The answer")[1].split("## Errors")[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", told, re.M))))
    assert named == {field for field in ANSWER if field != "customer"}
    errors = re.findall(r"^\| (\d+) \| `(\w+)` \|", TABLES.split("## Errors")[1], re.M)
    responses = documents()["openapi.json"]["paths"]["/v1/customers/{id}/context"]["get"]["responses"]
    assert errors == [
        (status, re.findall(r"^`(\w+)`", response["description"])[0])
        for status, response in responses.items()
        if int(status) >= 400
    ]


def test_contexts_of_the_tests_are_like_those_of_the_page() -> None:
    assert json.loads(context()).keys() == ANSWER.keys() - {"known", "as_of", "messages"}
    assert PARTITIONS > 1
