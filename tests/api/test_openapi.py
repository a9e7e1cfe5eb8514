"""The OpenAPI document: references lead somewhere, schemas take what is answered, paths are those served."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.api.support import context, settings_for
from touchline.agents.api.questions import refusal
from touchline.agents.api.run import Api
from touchline.agents.api.view import neutral
from touchline.schemas.export import documents
from touchline.schemas.openapi import OPENAPI

DOCUMENT = documents()[OPENAPI]
TOLD = b',"known":%s,"as_of":"2026-01-01T00:00:00Z","messages":[]}'


def takes(name: str, body: bytes) -> list[str]:
    """What a schema of the document has against a body."""
    resource = Resource.from_contents(DOCUMENT, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:api", resource)
    validator = Draft202012Validator({"$ref": f"urn:api#/components/schemas/{name}"}, registry=registry)
    return [error.message for error in validator.iter_errors(json.loads(body))]


@pytest.mark.parametrize("body", [context()[:-1] + TOLD % b"true", neutral("c-9")[:-1] + TOLD % b"false"])
def test_what_is_answered_is_what_the_document_says(body: bytes) -> None:
    assert takes("CustomerAnswer", body) == []
    assert takes("CustomerAnswer", body.replace(b'"health"', b'"healthiness"')) != []


def test_an_error_is_what_the_document_says() -> None:
    body = refusal(403, "unknown_key", "no").body
    assert isinstance(body, bytes)
    assert takes("Error", body) == []


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    found = references(DOCUMENT)
    assert "#/components/schemas/OpenSignal" in found
    for reference in found:
        node: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_its_paths_and_methods_are_those_that_are_served() -> None:
    app = Api(settings_for("127.0.0.1:1", links=True))._app()
    served = {
        (str(route.resource.canonical).replace("{customer}", "{id}"), route.method.lower())
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    told = {(path, method) for path, of in DOCUMENT["paths"].items() for method in of if method in {"get", "post"}}
    assert served == told
