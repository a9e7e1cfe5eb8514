"""The desk: requests of outreach and what workforce systems say in; tasks for people and notices to owners out.

Time is in band: as far as the slowest shard of outreach has come. What comes is put on an agenda by its own time, and
worked off when time has come so far: so whichever of the two inputs is read first, and however batches are cut, the
same follows. What comes too late for its time counts at the next tick.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from touchline.pipeline.desk import agenda, intake
from touchline.pipeline.desk.owners import Owners
from touchline.pipeline.desk.queues import Queues
from touchline.pipeline.desk.routes import RouteBook
from touchline.pipeline.desk.state import DeskState
from touchline.pipeline.desk.tasks import QueuePolicy, Tasks
from touchline.pipeline.engine.clock import MINUTE, SECOND, to_ms
from touchline.pipeline.engine.records import Batch, Outbox, Record
from touchline.pipeline.engine.reject import Refusal, reject
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.intake.errors import InvalidEvent
from touchline.schemas.codec import DecodeError, decode_request
from touchline.schemas.control import Tick
from touchline.schemas.rejection import RejectCode
from touchline.schemas.types import EARLIEST, LATEST
from touchline.schemas.wire import REQUESTS, STAFF

_EARLIEST: Final = to_ms(EARLIEST)
_LATEST: Final = to_ms(LATEST) - 1


@dataclass(frozen=True, slots=True)
class DeskPolicy:
    """How queues are run, and how owners are told. An event of staff more than `future_tolerance` (milliseconds) ahead
    of its arrival is refused on the live clock."""

    queues: QueuePolicy = field(default_factory=QueuePolicy)
    owners: RouteBook = field(default_factory=RouteBook)
    live: bool = True
    future_tolerance: int = 5 * MINUTE


class DeskProcessor:
    """The logic of `desk` for one shard. Counters: of `Queues` and `Owners`, `undecodable`, `rejected.<code>`."""

    inputs: Sequence[str] = (REQUESTS, STAFF)

    def __init__(self, policy: DeskPolicy | None = None) -> None:
        self.policy = policy or DeskPolicy()

    def new_state(self) -> DeskState:
        """Empty state."""
        return DeskState()

    def process(self, batch: Batch, state: DeskState, out: Outbox) -> None:
        """Takes in requests and ticks, or events of staff. An empty batch changes nothing: time comes in by ticks."""
        for record in batch.records:
            tick = tick_of(record) if record.headers else None
            if tick is not None:
                self._tick(tick, state, out)
            elif batch.topic == REQUESTS:
                _request(record, state, out)
            else:
                self._staff(record, batch, state, out)
        if batch.records:
            state.sweep()

    def _staff(self, record: Record, batch: Batch, state: DeskState, out: Outbox) -> None:
        arrived = min(max(batch.arrived(record), _EARLIEST), _LATEST)
        try:
            event = intake.parse(record.value, record.key)
            self._check_time(to_ms(event.at), arrived)
        except InvalidEvent as error:
            out.count(f"rejected.{error.code}")
            refusal = Refusal(error.code, error.field, error.message)
            reject(out, STAFF, batch.partition, record, refusal, arrived)
            return
        entry = agenda.key(agenda.STAFF, event.queue, event.event_id)
        state.agenda.put(entry, record.value or b"", due=to_ms(event.at))

    def _check_time(self, at: int, arrived: int) -> None:
        tolerance = self.policy.future_tolerance
        if self.policy.live and at > arrived + tolerance:
            ahead, allowed = (at - arrived) // SECOND, tolerance // SECOND
            message = f"lies {ahead} s ahead of its arrival; {allowed} s are allowed"
            raise InvalidEvent(RejectCode.FUTURE_TIME, "at", message)

    def _tick(self, tick: Tick, state: DeskState, out: Outbox) -> None:
        """Works off what was to come until then, each as of its own time."""
        before = state.now
        if not state.marks.tick(tick):
            return
        work = _Work(Tasks(self.policy.queues, state, out, before), Owners(self.policy.owners, state, out))
        for due, entry, value in state.agenda.due(state.now):
            state.agenda.drop(entry)
            work.do(max(due, work.tasks.now), entry, value)


def _request(record: Record, state: DeskState, out: Outbox) -> None:
    try:
        request = decode_request(record.value or b"")
    except DecodeError:
        out.count("undecodable")
        return
    entry = agenda.key(agenda.REQUEST, request.request_id, f"{request.revision:010}")
    state.agenda.put(entry, record.value or b"", due=to_ms(request.at))


class _Work:
    """What a tick sets going."""

    def __init__(self, tasks: Tasks, owners: Owners) -> None:
        self.tasks = tasks
        self._queues = Queues(tasks)
        self._owners = owners

    def do(self, now: int, entry: str, value: bytes) -> None:
        """One entry of the agenda, and what follows from it for who gets which task."""
        self.tasks.now = self._owners.now = now
        kind, about = entry[0], agenda.parts(entry)
        if kind == agenda.STAFF:
            self._queues.staff(intake.read(value))
        elif kind == agenda.REQUEST:
            request = decode_request(value)
            (self._queues if request.target.startswith("queue:") else self._owners).ask(request)
        elif kind == agenda.PERSON:
            self._queues.person_timer(*about)
        elif kind == agenda.QUEUE:
            self.tasks.touched[about[0]] = None
        elif kind == agenda.TASK:
            self.tasks.timer(about[0])
        else:
            self._owners.digest(about[0])
        self._queues.dispatch()
