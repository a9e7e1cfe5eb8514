"""The process: how it begins and ends, and that it answers while the broker is away."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner

from tests.api.support import KEY, address, context, serving, settings_for, write
from touchline.agents.api.run import _serve
from touchline.agents.runtime.supervisor import EXIT_FATAL
from touchline.agents.runtime.topics import create_topics
from touchline.cli import main
from touchline.embedded import EmbeddedBroker
from touchline.schemas.wire import CONTEXT
from touchline.up.ports import neighbours

PATIENCE = 60.0


def started(folder: Path, tree: dict[str, Any]) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    path = folder / "touchline.yaml"
    path.write_text(json.dumps(tree), "utf-8")
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "touchline.cli", "--settings", str(path), "api"]
        return subprocess.Popen(command, stdout=log, stderr=log)


def get(url: str, **headers: str) -> bytes:
    """The body, once there is one."""
    begun = time.monotonic()
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:  # noqa: S310
                return bytes(answer.read())
        except OSError:
            assert time.monotonic() - begun < PATIENCE, "not in time"
            time.sleep(0.1)


def tree_of(settings: Any, port: int, status: int) -> dict[str, Any]:
    kafka = {"bootstrap": settings.kafka.bootstrap, "partitions": 2, "raw_partitions": 2}
    return {
        "environment": settings.environment,
        "kafka": kafka,
        "api": {"port": port, "keys": {"desk": KEY}},
        "runtime": {"http_port": status},
    }


def test_the_command_serves_until_it_is_told_to_stop(broker: str, tmp_path: Path) -> None:
    settings = settings_for(broker)
    asyncio.run(create_topics(settings))
    asyncio.run(write(settings, [(CONTEXT, "c-1", context())]))
    port = neighbours("the API", 0, 2)
    process = started(tmp_path, tree_of(settings, port, port + 1))
    try:
        assert get(f"http://127.0.0.1:{port}/readyz") == b"ready\n"
        told = json.loads(get(f"http://127.0.0.1:{port}/v1/customers/c-1/context", **{"X-Api-Key": KEY}))
        assert (told["known"], told["health"]) == (True, 50)
        assert get(f"http://127.0.0.1:{port + 1}/readyz") == b"ready\n"
        metrics = get(f"http://127.0.0.1:{port + 1}/metrics").decode()
        assert 'touchline_api_questions_total{key="desk"} 1.0' in metrics
        assert 'touchline_api_seconds_count{route="context",status="200"} 1.0' in metrics
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
    log = (tmp_path / "log").read_text("utf-8")
    assert KEY not in log
    assert "c-1" not in log


def test_a_port_that_is_taken_is_named(broker: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main_(port: int) -> int:
        return await _serve(settings_for(broker, port=port), 0, asyncio.Event())

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert asyncio.run(main_(port)) == EXIT_FATAL
    assert f"can't listen on 127.0.0.1:{port}" in caplog.text


def test_without_keys_and_links_it_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["api"])
    assert result.exit_code == 2
    assert "there is nothing to serve: set api.keys" in result.stderr


def test_while_the_broker_is_away_it_answers_what_it_knows_and_says_how_old_that_is(tmp_path: Path) -> None:
    async def main_() -> None:
        broker = EmbeddedBroker(log_file=tmp_path / "broker.log")
        broker.start()
        try:
            settings = settings_for(broker.bootstrap)
            async with serving(settings, [(CONTEXT, "c-1", context())]) as api, ClientSession() as client:

                async def ask() -> dict[str, Any]:
                    url = address(api, "/v1/customers/c-1/context")
                    async with client.get(url, headers={"X-Api-Key": KEY}) as answer:
                        assert answer.status == 200
                        return dict(await answer.json())

                await asyncio.to_thread(broker.stop)
                assert api.follower is not None
                async with asyncio.timeout(PATIENCE):
                    while time.time() - api.follower.as_of / 1_000 < 2.0:
                        assert (await ask())["health"] == 50
                        await asyncio.sleep(0.1)
                told, again = await ask(), await ask()
                assert (told["known"], told["health"]) == (True, 50)
                assert told["as_of"] == again["as_of"]
        finally:
            broker.stop()

    asyncio.run(main_())
