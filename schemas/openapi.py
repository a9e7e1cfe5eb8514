"""The API as an OpenAPI document."""

from typing import Any, Final

from pydantic import TypeAdapter

from touchline.schemas.answer import CustomerAnswer

OPENAPI: Final = "openapi.json"
VERSION: Final = "1.0.0"
"""Of the API: a field that is added raises the second number; nothing is ever renamed within `/v1`."""

_REF: Final = "#/components/schemas/{model}"
_AS_OF: Final = {
    "description": "By this time everything that had been published is in the answer.",
    "schema": {"type": "string", "format": "date-time"},
}
_TAG: Final = {"description": "Of the answer but for its age.", "schema": {"type": "string"}}
_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_PAGE: Final = {"text/html": {"schema": {"type": "string"}}}


def openapi() -> dict[str, Any]:
    """The document."""
    answer = TypeAdapter(CustomerAnswer).json_schema(ref_template=_REF)
    schemas = answer.pop("$defs")
    error = {
        "type": "object",
        "required": ["error", "message"],
        "properties": {
            "error": {"type": "string", "description": "For a program: the codes are listed with each status."},
            "message": {"type": "string", "description": "For people: what it is, and what to do."},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Touchline",
            "version": VERSION,
            "summary": "What to know of a customer while dealing with them, and where links in messages lead.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8090", "description": "api.host and api.port of the settings"}],
        "paths": {
            "/v1/customers/{id}/context": {"get": _context()},
            "/l/{token}": {"parameters": [_parameter("token", "Signed: what stands in a message.")], **_link()},
            "/readyz": {"get": _probe("ready", "Everything was read once: questions can be answered.")},
            "/livez": {"get": _probe("live", "The process works.")},
        },
        "components": {
            "schemas": {"CustomerAnswer": answer, "Error": error, **schemas},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            },
        },
    }


def _parameter(name: str, about: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name, "in": "path", "required": True, "description": about, "schema": {"type": "string", **schema},
    }  # fmt: skip


def _error(about: str) -> dict[str, Any]:
    return {
        "description": about,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _context() -> dict[str, Any]:
    return {
        "operationId": "context",
        "summary": "Health, care, open signals, last contacts, promises and messages of a customer.",
        "description": "A customer of whom nothing is told is answered too: `known` is false, health is 100.",
        "security": [{"bearer": []}, {"header": []}],
        "parameters": [
            _parameter("id", "The customer, as publishers send customer_id.", minLength=1, maxLength=128),
            {
                "name": "If-None-Match", "in": "header", "description": "The ETag of an answer that is at hand.",
                "schema": {"type": "string"},
            },
        ],
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": {"ETag": _TAG, "Touchline-As-Of": _AS_OF},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CustomerAnswer"}}},
            },
            "304": {
                "description": "The answer at hand is still right.",
                "headers": {"ETag": _TAG, "Touchline-As-Of": _AS_OF},
            },
            "400": _error("`bad_customer`: no id."),
            "401": _error("`no_key`: the request brings no key."),
            "403": _error("`unknown_key`: the key is not known."),
            "429": _error("`too_many`: more questions a second than the settings allow with this key."),
            "503": _error("`catching_up`: not everything was read yet."),
        },
    }  # fmt: skip


def _link() -> dict[str, Any]:
    return {
        "get": {
            "operationId": "follow",
            "summary": "Follow a link in a message.",
            "responses": {
                "302": {
                    "description": "A click: on to its target.",
                    "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
                },
                "200": {
                    "description": "A picture (opened), or a page that asks before it unsubscribes.",
                    "content": {"image/gif": {}, **_PAGE},
                },
                "404": {"description": "Not signed here.", "content": _PAGE},
            },
        },
        "post": {
            "operationId": "unsubscribe",
            "summary": "One click ends messages of a kind (RFC 8058).",
            "requestBody": {
                "required": True,
                "content": {
                    kind: {
                        "schema": {
                            "type": "object",
                            "required": ["List-Unsubscribe"],
                            "properties": {"List-Unsubscribe": {"const": "One-Click"}},
                        }
                    }
                    for kind in ("application/x-www-form-urlencoded", "multipart/form-data")
                },
            },
            "responses": {
                "200": {"description": "It is on record.", "content": _PAGE},
                "400": {"description": "The form holds something else.", "content": _TEXT},
                "404": {"description": "Not signed here.", "content": _PAGE},
                "405": {"description": "A link that can only be followed."},
                "503": {"description": "Not on record yet: try again.", "content": _PAGE},
            },
        },
    }


def _probe(name: str, about: str) -> dict[str, Any]:
    responses = {"200": {"description": about, "content": _TEXT}, "503": {"description": "Not so.", "content": _TEXT}}
    return {"operationId": name, "summary": about, "responses": responses}
