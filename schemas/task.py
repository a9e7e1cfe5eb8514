"""A task for one of our people: who is to help which customer, until when, and all they need for it."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.request import MAX_JOURNEY, Skill
from touchline.schemas.signal import Signal
from touchline.schemas.staff import QueueName
from touchline.schemas.types import ID, Name, Text, Time
from touchline.schemas.vocabulary import Channel


class TaskStatus(StrEnum):
    """The life of a task. WAITING in its queue; ASSIGNED: offered to a person; TAKEN by them. The others end it.
    REFUSED: the queue was full. OBSERVED: observe mode, so nobody gets it."""

    WAITING = "waiting"
    ASSIGNED = "assigned"
    TAKEN = "taken"
    DONE = "done"
    CANCELLED = "cancelled"
    ESCALATED = "escalated"
    EXPIRED = "expired"
    REFUSED = "refused"
    OBSERVED = "observed"

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do it."""
        return self in {TaskStatus.WAITING, TaskStatus.ASSIGNED, TaskStatus.TAKEN}


@dataclass(slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Task:
    """One state of a task, on `outreach.tasks`, keyed by `queue:<queue>`; the highest `revision` counts.

    `task_id` is the id of its request. `person`: whom it is offered to, or who has it, or who finished it. `at`: when
    it came into this state, in event time; `opened_at`: when it was asked for. `late`: `due_at` has passed. `signal`,
    `journey` (in lines, the newest last), `suggestion` (a reply to start from) and `linked` (other open signals of the
    customer) are what a person needs. `why`: in words, why it is in this state and with this person. `outcome`: how it
    was done. `escalated_to`: the queue or the owner where it went on.
    """

    task_id: ID
    revision: int
    queue: QueueName
    person: ID | None
    status: TaskStatus
    customer: ID
    decision_id: ID
    signal: Signal
    priority: int
    at: Time
    opened_at: Time
    due_at: Time
    late: bool
    language: str | None
    skill: Skill
    channel: Channel | None
    suggestion: Text
    journey: Annotated[tuple[str, ...], Field(max_length=MAX_JOURNEY)]
    linked: Annotated[tuple[ID, ...], Field(max_length=20)]
    why: str
    outcome: Name | None = None
    escalated_to: str = ""
