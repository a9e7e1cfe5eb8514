"""The life of a task, from the request until it has ended. Each step is told on `outreach.tasks`."""

from bisect import insort
from dataclasses import dataclass, field, replace
from typing import Final

from touchline.pipeline.desk import agenda
from touchline.pipeline.desk.hours import hours_of
from touchline.pipeline.desk.match import Wanted
from touchline.pipeline.desk.state import REMEMBERED, DeskState, Person, Queue, TaskState
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms, to_ms
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.outreach.ids import escalation_id
from touchline.schemas.codec import encode
from touchline.schemas.request import Request
from touchline.schemas.staff import queue_key
from touchline.schemas.task import Task, TaskStatus
from touchline.schemas.wire import REQUESTS, TASKS

_SHORTEST: Final = MINUTE
_AGAIN: Final = 15 * MINUTE
"""What is late is offered to others after so long at the soonest."""


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """How queues are run. Lengths in milliseconds.

    `aging`: for so much waiting a task gains one point of priority, so that none waits for ever behind more urgent
    ones. `most_waiting` and `due`: of queues that say nothing of their own. `keep`: a task that is open for so long
    after it was due expires. `observe`: nobody gets a task.
    """

    aging: int = 6 * MINUTE
    most_waiting: int = 500
    due: int = 8 * HOUR
    keep: int = 7 * DAY
    observe: bool = False


@dataclass(slots=True)
class Tasks:
    """Tasks of one shard, as of `now`. `touched`: the queues in which somebody may have to get one."""

    policy: QueuePolicy
    state: DeskState
    out: Outbox
    now: int = 0
    touched: dict[str, None] = field(default_factory=dict)

    def queue(self, name: str) -> Queue:
        """A queue, about to be changed."""
        queue = self.state.queues.get(name, self.now) or Queue()
        self.state.queues.put(name, queue)
        return queue

    def get(self, task_id: str) -> TaskState | None:
        """A task, None when it is not known, or no more."""
        return self.state.tasks.get(task_id, self.now)

    def begin(self, request: Request) -> TaskState:
        """A task as it is asked for; nothing of it is kept yet."""
        name = request.target.partition(":")[2]
        queue, opened = self.queue(name), to_ms(request.at)
        if request.due_at is not None:
            due = to_ms(request.due_at)
        else:
            due = hours_of(queue.hours, queue.zone).add(opened, queue.due or self.policy.due)
        due = max(due, opened + _SHORTEST)
        return TaskState(
            request.revision, TaskStatus.WAITING, name, request=request, opened=opened, due=due, deadline=due
        )

    def wait(self, task_id: str, task: TaskState, why: str) -> None:
        """Puts a task into its queue. Where that is full the least urgent of all is refused."""
        queue = self.queue(task.queue)
        task.status, task.person = TaskStatus.WAITING, None
        place = (self.rank(task), task_id)
        insort(queue.waiting, place)
        most = queue.most_waiting or self.policy.most_waiting
        if len(queue.waiting) <= most or queue.waiting[-1] != place:
            self.tell(task_id, task, why)
        else:
            self.state.tasks.put(task_id, task)
        self.trim(queue)
        self.touched[task.queue] = None

    def trim(self, queue: Queue) -> None:
        """Refuses what is too much for a queue; what may go on to somebody else does."""
        most = queue.most_waiting or self.policy.most_waiting
        while len(queue.waiting) > most:
            _, task_id = queue.waiting.pop()
            task = self.get(task_id)
            if task is None:
                continue
            if task.request is not None and task.request.escalate_to:
                self.escalate(task_id, task, f"the queue is full: {most} tasks wait")
            else:
                self.end(task_id, task, TaskStatus.REFUSED, f"the queue is full: {most} more urgent tasks wait")

    def rank(self, task: TaskState) -> int:
        """The lower, the sooner: a point of priority counts as much as a length of waiting. It changes with the setting
        `aging` alone, so the order of two tasks doesn't change otherwise."""
        return task.opened - (task.request.priority if task.request else 0) * self.policy.aging

    def assign(self, task_id: str, task: TaskState, who: str, why: str) -> None:
        """Offers a task to somebody."""
        queue = self.queue(task.queue)
        _take_out(queue, task_id)
        queue.people[who].tasks.append(task_id)
        half = task.opened + (task.due - task.opened) // 2
        task.half = half if self.now < half else NEVER
        task.status, task.person = TaskStatus.ASSIGNED, who
        self.tell(task_id, task, why)

    def take_back(self, task_id: str, task: TaskState, why: str) -> None:
        """From the one who has it, into the queue again."""
        self.leave(task_id, task)
        self.wait(task_id, task, why)

    def leave(self, task_id: str, task: TaskState) -> None:
        """Takes a task out of the queue, or from the one who has it."""
        queue = self.queue(task.queue)
        if task.status is TaskStatus.WAITING:
            _take_out(queue, task_id)
        person = queue.people.get(task.person or "")
        if person is not None and task_id in person.tasks:
            person.tasks.remove(task_id)
            person.idle = self.now
        self.touched[task.queue] = None

    def end(
        self,
        task_id: str,
        task: TaskState,
        status: TaskStatus,
        why: str,
        *,
        outcome: str | None = None,
    ) -> None:
        """It is over."""
        self.leave(task_id, task)
        task.status = status
        self.tell(task_id, task, why, outcome=outcome)
        task.request = None
        self.state.tasks.put(task_id, task, expires=self.now + REMEMBERED)
        self.state.agenda.drop(agenda.key(agenda.TASK, task_id))

    def escalate(self, task_id: str, task: TaskState, why: str) -> None:
        """It goes on to another queue, or to an owner."""
        request = task.request
        if request is None:
            return
        task.escalated_to = target = request.escalate_to
        self.end(task_id, task, TaskStatus.ESCALATED, why)
        further = replace(
            request,
            request_id=escalation_id(task_id, target),
            revision=0,
            target=target,
            at=from_ms(max(self.now, task.opened)),
            due_at=None,
            escalate_after=None,
            escalate_to="",
        )
        self.out.send(REQUESTS, target.encode(), encode(further))

    def withdraw(self, task_id: str, task: TaskState, request: Request) -> None:
        """The request was cancelled; where it has gone on, that is withdrawn too."""
        task.seen = request.revision
        if task.status.is_open:
            self.end(task_id, task, TaskStatus.CANCELLED, f"not needed any more: the signal is {request.signal.status}")
            return
        self.state.tasks.put(task_id, task, expires=self.now + REMEMBERED)
        if task.escalated_to:
            target = task.escalated_to
            further = replace(request, request_id=escalation_id(task_id, target), target=target, escalate_to="")
            self.out.send(REQUESTS, target.encode(), encode(further))

    def tell(self, task_id: str, task: TaskState, why: str, *, outcome: str | None = None) -> None:
        """Writes the state of a task, keeps it, and says when it is looked at next."""
        request = task.request
        if request is None:
            return
        task.revision += 1
        record = Task(
            task_id=task_id,
            revision=task.revision,
            queue=task.queue,
            person=task.person,
            status=task.status,
            customer=request.signal.customer,
            decision_id=request.decision.decision_id,
            signal=request.signal,
            priority=request.priority,
            at=from_ms(self.now),
            opened_at=request.at,
            due_at=from_ms(task.due),
            late=task.late,
            language=request.language,
            skill=request.skill,
            channel=request.channel,
            suggestion=request.suggestion,
            journey=request.journey,
            linked=request.decision.linked,
            why=why,
            outcome=outcome,
            escalated_to=task.escalated_to,
        )
        self.out.count(f"tasks.{task.status}")
        self.out.send(TASKS, queue_key(task.queue).encode(), encode(record))
        self.keep(task_id, task)

    def keep(self, task_id: str, task: TaskState) -> None:
        """Keeps an open task, and says when it is looked at next."""
        self.state.tasks.put(task_id, task)
        half = task.half if task.status is TaskStatus.ASSIGNED else NEVER
        due = min(half, task.deadline, self._escalates(task), task.due + self.policy.keep)
        self.state.agenda.put(agenda.key(agenda.TASK, task_id), b"", due=due)

    def _escalates(self, task: TaskState) -> int:
        """When a task goes on to somebody else: what was taken by then has until it is due."""
        request = task.request
        if request is None or not request.escalate_to:
            return NEVER
        if request.escalate_after is None or task.status is TaskStatus.TAKEN:
            return task.due
        return task.opened + request.escalate_after

    def timer(self, task_id: str) -> None:
        """Its time has come for something."""
        task = self.get(task_id)
        if task is None or not task.status.is_open:
            return
        now = self.now
        if now >= task.due + self.policy.keep:
            self.end(task_id, task, TaskStatus.EXPIRED, "nobody finished it, long after it was due")
        elif now >= self._escalates(task):
            said = "was not finished" if task.status is TaskStatus.TAKEN else "nobody took it"
            self.escalate(task_id, task, f"{said} in time")
        elif now >= task.deadline:
            self._late(task_id, task)
        elif task.status is TaskStatus.ASSIGNED and now >= task.half:
            self._pass_on(task_id, task, "did not take it in half of its time")
        else:
            self.keep(task_id, task)

    def _late(self, task_id: str, task: TaskState) -> None:
        """It was due. What was not taken is offered to others, and again each time that as long has passed."""
        first, task.late = not task.late, True
        task.deadline = self.now + max(task.due - task.opened, _AGAIN)
        task.returned.clear()
        if task.status is TaskStatus.ASSIGNED:
            self._pass_on(task_id, task, "did not take it until it was due")
        elif first:
            self.tell(task_id, task, "it is due, and not done")
        else:
            self.keep(task_id, task)
        self.touched[task.queue] = None

    def _pass_on(self, task_id: str, task: TaskState, what: str) -> None:
        who = task.person or ""
        task.half = NEVER
        task.passed = [*(name for name in task.passed if name != who), who][-16:]
        self.take_back(task_id, task, f"{who} {what}")

    def wanted(self, task: TaskState) -> Wanted | None:
        """What matters of a task for who gets it."""
        request = task.request
        if request is None:
            return None
        knew = self.state.known.get(known_key(task.queue, request.signal.customer), self.now)
        return Wanted(request.skill, request.language, knew, task.returned, task.passed)

    def remember(self, task: TaskState, who: str) -> None:
        """This one knows the customer now."""
        if task.request is not None:
            key = known_key(task.queue, task.request.signal.customer)
            self.state.known.put(key, who, expires=self.now + REMEMBERED)

    def free(self, queue: Queue) -> dict[str, Person]:
        """Those who are there and have room."""
        return {who: one for who, one in queue.people.items() if one.room > 0 and one.present(self.now)}


def _take_out(queue: Queue, task_id: str) -> None:
    """What waits is found by its id: its rank may be of another `aging`, from before a restart."""
    queue.waiting[:] = [place for place in queue.waiting if place[1] != task_id]


def known_key(queue: str, customer: str) -> str:
    """Who last helped a customer is remembered by queue."""
    return f"{queue}\n{customer}"
