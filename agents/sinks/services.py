"""Messages by Apprise, which knows a hundred services (the extra `apprise`, BSD-2-Clause).

Apprise says whether a message went out, and not why it didn't: a try that failed may have arrived, so its end is
UNKNOWN and it is not made again. It makes its own connections: what they are refused, time-outs beyond the whole
try's and private addresses among it, is Apprise's matter.
"""

import asyncio
import importlib
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from touchline.agents.sinks.template import filled, parts_of, places_in
from touchline.agents.sinks.turns import BUSY, has_turn
from touchline.pipeline.engine.processor import Fatal
from touchline.pipeline.outreach.adapter import Parcel, SendResult, SendStatus
from touchline.schemas.outreach import Message


class AppriseAdapter:
    """Hands the subject and the text to one of Apprise's services. Its URL may have places, such as `{to}`.

    Args:
        timeout: of a whole try, in seconds, and of the wait for a free thread before it.
        at_once: how many threads. A service that hangs keeps its thread beyond the time-out.

    Raises: Fatal when the extra is not installed; ValueError when Apprise knows no such service.
    """

    idempotent: Final = False

    def __init__(self, url: str, timeout: float, *, at_once: int = 8, name: str = "apprise") -> None:
        self.name = name
        places_in(url)
        self._apprise = _library()
        self._url = url
        self._timeout = timeout
        self._at_once = at_once
        self._free = asyncio.Semaphore(at_once)
        self._threads: ThreadPoolExecutor | None = None
        if self._service(dict.fromkeys(("to", "text", "subject", "id", "channel", "locale"), "1")) is None:
            raise ValueError("Apprise knows no service of that URL: see its list of services for how it is written")

    async def send(self, parcel: Parcel) -> SendResult:
        """Tries once."""
        message = parcel.message
        if message is None:
            return SendResult(SendStatus.FAILED, "there is no text to send")
        service = self._service(parts_of(parcel))
        if service is None:
            return SendResult(SendStatus.FAILED, "the recipient's address is not one that the service takes")
        if not await has_turn(self._free, self._timeout):
            return BUSY
        try:
            async with asyncio.timeout(self._timeout):
                done = await asyncio.wrap_future(self._begin(service, message))
        except TimeoutError:
            return SendResult(SendStatus.UNKNOWN, "the service did not answer in time", down=True)
        if done:
            return SendResult(SendStatus.SENT)
        return SendResult(SendStatus.UNKNOWN, "the service did not take it, or did not say that it did", down=True)

    async def close(self) -> None:
        """Waits for nobody: what is under way ends by itself."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    def _begin(self, service: Any, message: Message) -> Future[bool]:
        """Hands it to a thread, whose turn is over when the thread is through, whoever still waits for it."""
        loop = asyncio.get_running_loop()

        def through(_: Future[bool]) -> None:
            with suppress(RuntimeError):  # the loop is closed: there are no more turns
                loop.call_soon_threadsafe(self._free.release)

        job = self._pool().submit(self._notify, service, message.subject, message.text)
        job.add_done_callback(through)
        return job

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._at_once, self.name)
        return self._threads

    def _service(self, parts: dict[str, str]) -> Any:
        quoted = {place: quote(part, safe="") for place, part in parts.items()}
        return self._apprise.Apprise.instantiate(filled(self._url, quoted), suppress_exceptions=True)

    def _notify(self, service: Any, subject: str, text: str) -> bool:
        # Asked for by its front, which turns what a service raises into a failure.
        front = self._apprise.Apprise()
        front.add(service)
        return bool(front.notify(body=text, title=subject, body_format=self._apprise.NotifyFormat.TEXT))


def _library() -> Any:
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        raise Fatal(
            "the settings name an adapter of kind apprise, which is not installed: pip install 'touchline[apprise]'"
        ) from None
    # It tells its log what it sends to whom.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise
