"""In observe mode nothing reaches any server, as the servers' own logs show: the whole flow, with servers that wait."""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.deliver.servers import SECRET, Receiver, mail_server, web_server
from tests.faults.harness import Reading, publish
from touchline.agents.runtime.topics import create_topics
from touchline.agents.settings import Settings, load_settings
from touchline.schemas.codec import decode_decision, decode_delivery, encode
from touchline.schemas.notice import Means, Notice
from touchline.schemas.outreach import Decision, Delivery, Message
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.vocabulary import Carried, DeliveryStatus
from touchline.schemas.wire import DECISIONS, DELIVERIES, NOTICES, RAW

AGENTS = ("enrich", "journey", "incident", "outreach", "deliver")
PATIENCE = 90.0


SETTINGS = """
environment: {environment}
kafka:
  bootstrap: "{broker}"
  partitions: 1
  raw_partitions: 1
  checkpoint: idempotent
  broker_time: false
  session_timeout: 2s
outreach: {{mode: {mode}, quiet_hours: null}}
deliver:
  adapters:
    mail: {{kind: smtp, host: 127.0.0.1, port: {mail}, starttls: false, sender: care@example.com}}
    hook: {{kind: webhook, url: "http://127.0.0.1:{web}/hook", secret: "${{WEBHOOK_SECRET}}", allow_private: true}}
    texts:
      kind: http
      url: http://127.0.0.1:{web}/sms
      json: {{to: "{{to}}", body: "{{text}}", reference: "{{id}}"}}
      allow_private: true
  channels: {{email: mail, sms: texts}}
  care: hook
runtime: {{log_format: text}}
"""


def _settings(file: Path, **values: object) -> Settings:
    file.write_text(SETTINGS.format(**values))
    return load_settings(file, {"WEBHOOK_SECRET": SECRET})


@contextmanager
def _workers(file: Path) -> Iterator[Callable[[], str]]:
    """All agents, each in a process of its own; what is handed out says what they log."""
    log = file.with_suffix(".log")
    command = [sys.executable, "-m", "touchline.agents.runtime.worker", "--settings", str(file), *AGENTS]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "WEBHOOK_SECRET": SECRET})
        try:
            yield log.read_text
        finally:
            process.terminate()
            process.wait(30)


def _touchpoints(customer: str) -> list[tuple[bytes, bytes]]:
    """A customer with an address who calls three times, which is a signal, and asks for care."""
    now = datetime.now(UTC)
    told = [("profile.updated", {"identifiers": {"email": f"{customer}@example.com"}})]
    calls: list[tuple[str, dict[str, Any]]] = [("call.started", {}) for _ in range(3)]
    return [
        (
            customer.encode(),
            encode(
                Touchpoint(
                    event_id=f"{customer}-{number}", source="test", occurred_at=now, kind=kind, customer_id=customer,
                    **more,
                )
            ),
        )
        for number, (kind, more) in enumerate([*told, *calls])
    ]  # fmt: skip


def _notice(number: int) -> Notice:
    message = Message(to="team@example.com", subject="1 signal", text="a signal")
    now = datetime.now(UTC)
    return Notice(
        notice_id=f"n-{number}", target="owner:care", digest=False, means=Means.EMAIL, message=message, items=(),
        count=1, at=now,
    )  # fmt: skip


async def _flow(
    settings: Settings, file: Path, customer: str, done: Callable[[Sequence[Delivery], Sequence[Decision]], bool]
) -> list[Delivery]:
    """Runs all agents until it is done; what the ledger says of that customer and of owners."""
    await publish(settings, RAW, _touchpoints(customer), 1)
    await publish(settings, NOTICES, [(b"owner:care", encode(_notice(len(customer))))], 1)
    end = time.monotonic() + PATIENCE
    async with Reading(settings, [DELIVERIES, DECISIONS]) as reading:
        with _workers(file) as log:
            while True:
                await reading.catch_up()
                found = [decode_delivery(record.value) for record in reading.records.get(DELIVERIES, [])]
                mine = [one for one in found if one.customer in {customer, "owner:care"}]
                decided = [decode_decision(r.value) for r in reading.records.get(DECISIONS, []) if not r.headers]
                if done(mine, [one for one in decided if one.customer == customer]):
                    return mine
                assert time.monotonic() < end, f"not in time: {found}, {decided}\n{log()[-5_000:]}"
                await asyncio.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_reaches_any_server_until_it_is_switched_to_live(broker: str, tmp_path: Path) -> None:
    async def main() -> None:
        mail, web = Receiver(), Receiver()
        async with AsyncExitStack() as held:
            await held.enter_async_context(mail_server(mail))
            await held.enter_async_context(web_server(web))
            servers = {"broker": broker, "mail": mail.port, "web": web.port}
            file, name = tmp_path / "touchline.yaml", f"observe{uuid.uuid4().hex[:8]}"
            settings = _settings(file, mode="observe", environment=name, **servers)
            await create_topics(settings)

            def observed(ledger: Sequence[Delivery], decided: Sequence[Decision]) -> bool:
                return {one.what for one in ledger} == set(Carried) and len(decided) > 0

            ledger = await _flow(settings, file, "c-observed", observed)
            assert {one.status for one in ledger} == {DeliveryStatus.OBSERVED}
            assert (mail.connections, web.connections) == (0, 0)

            # The servers were there, and would have been written to.
            live = _settings(file, mode="live", environment=name, **servers)

            def sent(ledger: Sequence[Delivery], decided: Sequence[Decision]) -> bool:
                return {one.what for one in ledger if one.status is DeliveryStatus.SENT} == set(Carried)

            await _flow(live, file, "c-live", sent)
            assert (len(mail.ids), len(web.ids)) == (2, 1)

    asyncio.run(main())
