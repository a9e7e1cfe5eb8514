"""The immediate stop, with a real worker, broker and mail server: no restart, and nothing that is stopped arrives."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.deliver.servers import LOCAL, Receiver, mail_server
from tests.deliver.worker import decision
from tests.runtime.bench import Place, make_settings, on_a_broker
from touchline.agents.runtime import policiestopic
from touchline.agents.runtime.errors import BrokerAway
from touchline.agents.runtime.policiestopic import resume, stop
from touchline.agents.runtime.worker import Worker
from touchline.agents.settings import Settings
from touchline.pipeline.outreach.plan import ALL
from touchline.schemas.codec import decode_delivery, encode
from touchline.schemas.outreach import Delivery
from touchline.schemas.vocabulary import DeliveryStatus
from touchline.schemas.wire import DECISIONS, DELIVERIES


def final(place: Place) -> dict[str, DeliveryStatus]:
    """The status of each delivery that has ended, by customer."""
    newest: dict[str, Delivery] = {}
    for value in place.values(DELIVERIES):
        one = decode_delivery(value)
        newest[one.customer] = one
    open_ = {DeliveryStatus.ATTEMPTED, DeliveryStatus.RETRYING}
    return {customer: one.status for customer, one in newest.items() if one.status not in open_}


async def publish(place: Place, *numbers: int, **changes: Any) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    for number in numbers:
        one = decision(number, send_before=soon, **changes)
        await place.publish(DECISIONS, 0, (one.customer.encode(), encode(one)))


def live(settings: Settings, port: int) -> Settings:
    smtp = {"host": LOCAL, "port": port, "sender": "care@example.com", "starttls": False}
    mine = Settings.model_validate({"outreach": {"mode": "live"}, "deliver": {"smtp": smtp}})
    return settings.model_copy(update={"outreach": mine.outreach, "deliver": mine.deliver})


def test_what_is_stopped_does_not_arrive_and_what_is_resumed_does(broker: str) -> None:
    async def scenario(place: Place) -> None:
        async with mail_server(Receiver()) as server:
            await stop(place.settings, "long_wait")
            await publish(place, 1)  # waits there before the worker has ever run
            worker = Worker(live(place.settings, server.port), "deliver")
            task = asyncio.create_task(worker.run())
            await publish(place, 2, rule="other")
            await place.until(lambda: len(final(place)) == 2, "the first two have ended")
            await stop(place.settings, ALL)
            await place.until(lambda: stops(worker) == 2, "the stop of all is known")
            await publish(place, 3, rule="other")
            await place.until(lambda: len(final(place)) == 3, "the third has ended")
            await resume(place.settings, ALL)
            await resume(place.settings, "long_wait")
            await place.until(lambda: stops(worker) == 0, "nothing is stopped any more")
            await publish(place, 4)
            await place.until(lambda: len(final(place)) == 4, "the fourth has ended")
            worker.stop()
            assert await asyncio.wait_for(task, 30) == 0
            sent = {customer for customer, status in final(place).items() if status is DeliveryStatus.SENT}
            assert sent == {"c-2", "c-4"}
            assert len(server.ids) == 2

    def stops(worker: Worker) -> float:
        return float(worker.metrics.stops._value.get())

    on_a_broker(make_settings(broker), [DELIVERIES], scenario)


def test_a_worker_that_can_not_know_what_is_stopped_sends_nothing(
    broker: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = policiestopic.PoliciesReader.open

    async def away(reader: policiestopic.PoliciesReader) -> policiestopic.Standing:
        if not back.is_set():
            raise BrokerAway("the topic of stops can't be read")
        return await read(reader)

    async def scenario(place: Place) -> None:
        async with mail_server(Receiver()) as server:
            await publish(place, 1)
            worker = Worker(live(place.settings, server.port), "deliver")
            task = asyncio.create_task(worker.run())
            await place.until(lambda: caplog.text.count("trying again") >= 2, "it has tried twice")
            assert (final(place), server.ids, worker.is_ready()) == ({}, [], False)
            back.set()
            await place.until(lambda: len(final(place)) == 1, "it has ended")
            assert len(server.ids) == 1
            worker.stop()
            assert await asyncio.wait_for(task, 30) == 0

    back = asyncio.Event()
    monkeypatch.setattr(policiestopic.PoliciesReader, "open", away)
    on_a_broker(make_settings(broker), [DELIVERIES], scenario)
