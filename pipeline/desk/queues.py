"""Queues: requests become tasks, and tasks go to people who can do them."""

from typing import Final

from touchline.pipeline.desk import agenda
from touchline.pipeline.desk.hours import hours_of
from touchline.pipeline.desk.match import choose, fits, reason
from touchline.pipeline.desk.state import MAX_PEOPLE, Person, Queue, TaskState
from touchline.pipeline.desk.tasks import Tasks
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.store import NEVER
from touchline.schemas.request import Request, Skill
from touchline.schemas.staff import (
    PersonChanged,
    QueueChanged,
    StaffEvent,
    TaskDone,
    TaskReturned,
    TaskTaken,
)
from touchline.schemas.task import TaskStatus

_MAX_RETURNED: Final = 64


class Queues:
    """The queues of one shard at work.

    Counters: `tasks.<status>`, `duplicates`, `staff.<kind>`, `staff.stale` (an older event than what is known),
    `staff.unknown_task` (no open task of that queue), `people.too_many`.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._state = tasks.state
        self._out = tasks.out

    def ask(self, request: Request) -> None:
        """A request for a task, or its end."""
        tasks, task_id = self._tasks, request.request_id
        known = tasks.get(task_id)
        if known is not None and (request.revision <= known.seen or not request.cancelled):
            self._out.count("duplicates")
        elif request.cancelled:
            # One that was cancelled before it came is remembered, so that it never begins.
            ended = TaskState(request.revision, TaskStatus.CANCELLED, request.target.partition(":")[2])
            tasks.withdraw(task_id, known or ended, request)
        else:
            self._begin(task_id, request)

    def _begin(self, task_id: str, request: Request) -> None:
        tasks = self._tasks
        task = tasks.begin(request)
        if request.decision.observed or tasks.policy.observe:
            tasks.end(task_id, task, TaskStatus.OBSERVED, f"observe mode; {self._would_be(task)}")
        else:
            tasks.wait(task_id, task, "asked for")

    def _would_be(self, task: TaskState) -> str:
        wanted, queue = self._tasks.wanted(task), self._tasks.queue(task.queue)
        free = self._tasks.free(queue)
        who = choose(free, wanted) if wanted is not None else None
        if who is None or wanted is None or not hours_of(queue.hours, queue.zone).open_at(self._tasks.now):
            return "it would wait in the queue"
        return f"it would be offered to {who}: {reason(who, free[who], wanted)}"

    def staff(self, event: StaffEvent) -> None:
        """What a workforce system says."""
        self._out.count(f"staff.{event.kind}")
        if isinstance(event, PersonChanged):
            self._person(event)
        elif isinstance(event, QueueChanged):
            self._queue(event)
        else:
            self._task(event)

    def _person(self, event: PersonChanged) -> None:
        tasks, queue = self._tasks, self._tasks.queue(event.queue)
        person = queue.people.get(event.person)
        told = (to_ms(event.at), event.event_id)
        if person is None:
            if len(queue.people) >= MAX_PEOPLE and not self._make_room(queue):
                self._out.count("people.too_many")
                return
            person = queue.people[event.person] = Person(told, idle=tasks.now)
        elif told <= person.told:
            self._out.count("staff.stale")
            return
        was_there = person.present(tasks.now)
        person.told = told
        person.languages, person.topics, person.products = event.languages, event.topics, event.products
        person.seniority, person.capacity = event.seniority, event.capacity
        person.start = NEVER if event.present_from is None else to_ms(event.present_from)
        person.end = NEVER if event.present_until is None else to_ms(event.present_until)
        if not was_there and person.present(tasks.now):
            person.idle = tasks.now
        self._look_at(event.queue, event.person, person)

    def _make_room(self, queue: Queue) -> bool:
        """Forgets the one who is away longest, and has nothing to do."""
        now = self._tasks.now
        away = [(one.told, who) for who, one in queue.people.items() if not one.tasks and not one.present(now)]
        if away:
            del queue.people[min(away)[1]]
        return bool(away)

    def person_timer(self, name: str, who: str) -> None:
        """Somebody comes or goes."""
        person = self._tasks.queue(name).people.get(who)
        if person is not None:
            if person.present(self._tasks.now):
                person.idle = max(person.idle, person.start)
            self._look_at(name, who, person)

    def _look_at(self, name: str, who: str, person: Person) -> None:
        """Takes back what somebody was offered and can't do now, and says when they come or go next."""
        tasks, now = self._tasks, self._tasks.now
        offered = []
        for task_id in person.tasks:
            task = tasks.get(task_id)
            if task is not None and task.request is not None and task.status is TaskStatus.ASSIGNED:
                offered.append((tasks.rank(task), task_id, task, task.request.skill))
        for _, task_id, task, skill in sorted(offered, key=lambda one: one[:2], reverse=True):
            if not person.present(now):
                tasks.take_back(task_id, task, f"{who} is away")
            elif not fits(person, skill):
                tasks.take_back(task_id, task, f"{who} has the skill no more")
            elif person.room < 0:
                tasks.take_back(task_id, task, f"{who} has no place for it any more")
        changes = [time for time in (person.start, person.end) if now < time < NEVER]
        entry = agenda.key(agenda.PERSON, name, who)
        if changes:
            self._state.agenda.put(entry, b"", due=min(changes))
        else:
            self._state.agenda.drop(entry)
        tasks.touched[name] = None

    def _queue(self, event: QueueChanged) -> None:
        queue, told = self._tasks.queue(event.queue), (to_ms(event.at), event.event_id)
        if told <= queue.told:
            self._out.count("staff.stale")
            return
        queue.told = told
        queue.hours, queue.zone = event.hours, event.zone
        queue.most_waiting, queue.due = event.most_waiting, event.due
        self._tasks.trim(queue)
        self._tasks.touched[event.queue] = None

    def _task(self, event: TaskTaken | TaskDone | TaskReturned) -> None:
        task, at = self._tasks.get(event.task_id), to_ms(event.at)
        if task is None or task.queue != event.queue or not task.status.is_open:
            self._out.count("staff.unknown_task")
        elif at < task.said:
            self._out.count("staff.stale")
        elif isinstance(event, TaskTaken):
            self._taken(event, task)
        elif isinstance(event, TaskDone):
            task.said = at
            self._tasks.remember(task, event.person)
            self._tasks.leave(event.task_id, task)
            task.person = event.person
            self._tasks.end(
                event.task_id, task, TaskStatus.DONE, f"done by {event.person}: {event.outcome}", outcome=event.outcome
            )
        elif task.person == event.person:
            task.said = at
            task.returned = [*task.returned, event.person][-_MAX_RETURNED:]
            said = f" ({event.reason})" if event.reason else ""
            self._tasks.take_back(event.task_id, task, f"{event.person} gave it back{said}")
        else:
            self._out.count("staff.stale")

    def _taken(self, event: TaskTaken, task: TaskState) -> None:
        if task.status is TaskStatus.TAKEN and task.person == event.person:
            self._out.count("duplicates")
            return
        tasks, offered = self._tasks, task.person
        task.said = to_ms(event.at)
        tasks.leave(event.task_id, task)
        person = tasks.queue(task.queue).people.get(event.person)
        if person is not None:
            person.tasks.append(event.task_id)
        task.status, task.person = TaskStatus.TAKEN, event.person
        tasks.remember(task, event.person)
        instead = f" instead of {offered}" if offered not in {None, event.person} else ""
        tasks.tell(event.task_id, task, f"taken by {event.person}{instead}")
        if person is not None:
            self._look_at(task.queue, event.person, person)

    def dispatch(self) -> None:
        """Hands out what waits in the queues that were touched."""
        while self._tasks.touched:
            name = min(self._tasks.touched)
            del self._tasks.touched[name]
            self._hand_out(name, self._tasks.queue(name))

    def _hand_out(self, name: str, queue: Queue) -> None:
        tasks = self._tasks
        if not queue.waiting or tasks.policy.observe:  # what waits from before goes on waiting
            return
        opens = hours_of(queue.hours, queue.zone).opens_after(tasks.now)
        if opens > tasks.now:
            self._state.agenda.put(agenda.key(agenda.QUEUE, name), b"", due=opens)
            return
        free, nobody = tasks.free(queue), set[Skill]()
        for _, task_id in list(queue.waiting):
            if not free:
                return
            task = tasks.get(task_id)
            wanted = None if task is None else tasks.wanted(task)
            if task is None or wanted is None or wanted.skill in nobody:
                continue
            who = choose(free, wanted)
            if who is not None:
                tasks.assign(task_id, task, who, f"{who}: {reason(who, free[who], wanted)}")
                if free[who].room <= 0:
                    del free[who]
            elif not task.returned:
                nobody.add(wanted.skill)
