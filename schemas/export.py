"""The published form of the contracts: a JSON Schema for each, an AsyncAPI document of the topics, an OpenAPI document
of the API."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from touchline.schemas import wire
from touchline.schemas.candidate import Candidate
from touchline.schemas.context import CustomerContext
from touchline.schemas.control import Control, Tick
from touchline.schemas.customer import Profile
from touchline.schemas.incident import Incident
from touchline.schemas.notice import Notice
from touchline.schemas.openapi import OPENAPI, openapi
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.policyset import PublishedPolicies, Stop
from touchline.schemas.rejection import RejectCode, Rejection
from touchline.schemas.request import Request
from touchline.schemas.ruleset import PublishedRules
from touchline.schemas.signal import Signal
from touchline.schemas.staff import PersonChanged, QueueChanged, TaskDone, TaskReturned, TaskTaken
from touchline.schemas.task import Task
from touchline.schemas.touchpoint import EnrichedTouchpoint, Touchpoint

CONTRACTS: Final[Mapping[str, type[Any]]] = {
    "touchpoint": Touchpoint,
    "enriched_touchpoint": EnrichedTouchpoint,
    "profile": Profile,
    "context": CustomerContext,
    "signal": Signal,
    "candidate": Candidate,
    "incident": Incident,
    "decision": Decision,
    "delivery": Delivery,
    "request": Request,
    "person_changed": PersonChanged,
    "queue_changed": QueueChanged,
    "task_taken": TaskTaken,
    "task_done": TaskDone,
    "task_returned": TaskReturned,
    "task": Task,
    "notice": Notice,
    "rejection": Rejection,
    "rules": PublishedRules,
    "policies": PublishedPolicies,
    "stop": Stop,
    "tick": Tick,
    "control": Control,
}
"""Each contract by the name of its file, `<name>.schema.json`."""

PUBLISHED: Final = Path(__file__).with_name("published")
ASYNCAPI: Final = "asyncapi.json"
VERSION: Final = "1.1.0"
"""Of the contracts: a field that is added raises the second number; nothing is ever renamed."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_FORMAT: Final = "application/schema+json;version=2020-12"
_CUSTOMER: Final = "the customer"
_READ: Final = "Read committed records only (isolation_level=read_committed)."

# topic: what its key is, what it holds, and the contracts of its messages
_TOPICS: Final = {
    wire.RAW: (
        "what the publisher chose, the same for the same customer",
        "What publishers send: a touchpoint as JSON, or as a CloudEvent 1.0 (binary or structured).",
        ("touchpoint", "control"),
    ),
    wire.TOUCHPOINTS: (_CUSTOMER, f"Enriched touchpoints, and ticks of time. {_READ}", ("enriched_touchpoint", "tick")),
    wire.REJECTED: ("as it came", f"Dead letters: the original record, with the reason in headers. {_READ}", ()),
    wire.SIGNALS: ("the customer, or the group", f"Friction signals, and ticks of time. {_READ}", ("signal", "tick")),
    wire.CANDIDATES: (
        "the rule and the group",
        f"What may add up to an incident, from one agent of ours to another, and ticks of time. {_READ}",
        ("candidate", "tick"),
    ),
    wire.INCIDENTS: (
        "the incident",
        f"Incidents, compacted: the newest counts; and ticks of time. Each partition holds all: read one. {_READ}",
        ("incident", "tick"),
    ),
    wire.CUSTOMERS: (
        _CUSTOMER,
        f"Profiles, compacted: the newest counts; and in history ticks of time. {_READ}",
        ("profile", "tick"),
    ),
    wire.CONTEXT: (
        _CUSTOMER,
        f"Health, care flag, open signals, compacted. A tombstone: nothing to tell, health 100, no care. {_READ}",
        ("context",),
    ),
    wire.DECISIONS: (_CUSTOMER, f"What outreach made of each signal. {_READ}", ("decision",)),
    wire.DELIVERIES: (_CUSTOMER, f"What became of each message. {_READ}", ("delivery",)),
    wire.OUTBOX: (_CUSTOMER, f"Messages for channels that have no adapter. {_READ}", ("decision",)),
    wire.REQUESTS: (
        "the queue (`queue:service`) or the owner (`owner:logistics`, `party:dhl`)",
        f"What outreach asks of people, from one agent of ours to another, and ticks of time. {_READ}",
        ("request", "tick"),
    ),
    wire.STAFF: (
        "the queue (`queue:service`)",
        "What workforce systems publish: who is there with which skills, and what became of tasks.",
        ("person_changed", "queue_changed", "task_taken", "task_done", "task_returned"),
    ),
    wire.TASKS: ("the queue (`queue:service`)", f"Tasks for people: every state of each. {_READ}", ("task",)),
    wire.NOTICES: ("the owner (`owner:logistics`, `party:dhl`)", f"Notices to owners. {_READ}", ("notice",)),
    wire.RULES: ("always `rules`", f"The rules of all workers, compacted: the newest holds. {_READ}", ("rules",)),
    wire.POLICIES: (
        "`policies`, or `stop/` and the rule",
        f"The policies of all workers and what is stopped, compacted. A tombstone lifts a stop. {_READ}",
        ("policies", "stop"),
    ),
}
_PUBLISHED: Final = frozenset({wire.RAW, wire.STAFF})
"""What others publish."""

_MARKED: Final = {"tick": wire.TICK_HEADER, "control": wire.CONTROL_HEADER}


def export(folder: Path) -> list[Path]:
    """Writes the published files into a folder, which is made if need be; the same contracts give the same bytes.

    Returns what was written. Raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in sorted(documents().items()):
        path = folder / name
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def documents() -> dict[str, dict[str, Any]]:
    """The published documents by file name."""
    schemas = {f"{name}.schema.json": json_schema(name) for name in CONTRACTS}
    return {**schemas, ASYNCAPI: _asyncapi(), OPENAPI: openapi()}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a contract by its name in `CONTRACTS`."""
    schema = TypeAdapter(CONTRACTS[name]).json_schema()
    if name == "touchpoint":
        # What the contract checks beyond its fields: somebody is named.
        schema["anyOf"] = [
            {"required": ["customer_id"], "properties": {"customer_id": {"type": "string"}}},
            {"required": ["identifiers"], "properties": {"identifiers": {"minProperties": 1}}},
        ]
    return {"$schema": _DIALECT, "$id": f"urn:touchline:{name}:{VERSION}", **schema}


def _asyncapi() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Touchline",
            "version": VERSION,
            "description": "Topics of the customer-journey pipeline. An environment may prefix their names.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_channel(topic): _channel_of(topic, *about) for topic, about in _TOPICS.items()},
        "operations": {
            f"{'publish' if topic in _PUBLISHED else 'read'}_{_channel(topic)}": {
                # As AsyncAPI 3 has it, an operation says what the application, Touchline, does.
                "action": "receive" if topic in _PUBLISHED else "send",
                "channel": {"$ref": f"#/channels/{_channel(topic)}"},
            }
            for topic in _TOPICS
        },
        "components": {
            "messages": {**{name: _message(name) for name in CONTRACTS if name != "rejection"}, **_letter()}
        },
    }


def _channel(topic: str) -> str:
    return topic.replace(".", "_")


def _channel_of(topic: str, key: str, about: str, contracts: tuple[str, ...]) -> dict[str, Any]:
    messages = contracts or ("dead_letter",)
    return {
        "address": topic,
        "description": f"{about} Key: {key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _message(name: str) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": name,
        "contentType": "application/json",
        "payload": {"schemaFormat": _FORMAT, "schema": {"$ref": f"./{name}.schema.json"}},
    }
    if name in _MARKED:
        mark = _MARKED[name]
        message["summary"] = f"Marked by the header {mark}; whoever does not know it skips it."
        message["headers"] = {"type": "object", "required": [mark], "properties": {mark: {"type": "string"}}}
    return message


def _letter() -> dict[str, Any]:
    texts = {
        wire.ERROR_TOPIC: "the topic that it came on",
        wire.ERROR_PARTITION: "its partition, in digits",
        wire.ERROR_OFFSET: "its offset, in digits",
        wire.ERROR_CLASS: "the code",
        wire.ERROR_MESSAGE: "what was expected",
        wire.ERROR_FIELD: "the path of the field, or nothing",
        wire.ERROR_TIME: "when, in milliseconds since 1970 UTC",
        wire.ERROR_TRUNCATED: "only when the original did not fit: sha256=…;length=…, and the value is its beginning",
    }
    properties: dict[str, Any] = {name: {"type": "string", "description": text} for name, text in texts.items()}
    properties[wire.ERROR_CLASS]["enum"] = [code.value for code in RejectCode]
    required = [name for name in texts if name != wire.ERROR_TRUNCATED]
    letter = {
        "name": "dead_letter",
        "summary": "Key, value and headers of the original record; these headers come beside them.",
        "headers": {"type": "object", "required": required, "properties": properties},
    }
    return {"dead_letter": letter}
