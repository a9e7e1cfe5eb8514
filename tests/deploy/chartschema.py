"""The settings in the chart's values.schema.json: `python -m tests.deploy.chartschema` writes them anew.

What the chart itself knows stands in that file by hand. What `touchline.yaml` may hold is told by the settings, so
that Helm refuses a wrong setting before any pod is started: `$defs`, where names begin with a capital letter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from pydantic import BeforeValidator, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from touchline.agents.settings import Settings
from touchline.schemas.types import Duration

SCHEMA = Path(__file__).parents[2] / "deploy" / "chart" / "values.schema.json"

# What a value of a secret must be: the values are kept in a ConfigMap and in the release, where everybody reads them.
NAMED = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
DURATION = {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*)+$"}
CHOSEN_BY_THE_CHART = {
    "Settings": ("data",),
    "RuntimeSettings": ("agents", "http_host", "http_port"),
    "ApiSettings": ("host", "port"),
}
"""What an operator can't set: the chart does."""

_DURATION_READ = next(part.func for part in get_args(Duration) if isinstance(part, BeforeValidator))
_WORDS = ("title", "description", "default", "discriminator", "format", "writeOnly")


class _Written(GenerateJsonSchema):
    """What may stand in the file, where pydantic tells what becomes of it."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        if schema["function"]["function"] is _DURATION_READ:
            return dict(DURATION)
        return super().function_before_schema(schema)


def settings_schema() -> dict[str, Any]:
    """The settings and their sections by name, as the chart takes them."""
    whole = TypeAdapter(Settings).json_schema(schema_generator=_Written)
    found = {**whole.pop("$defs"), "Settings": whole}
    for section, fields in CHOSEN_BY_THE_CHART.items():
        for field in fields:
            del found[section]["properties"][field]
    return {name: _plain(schema) for name, schema in sorted(found.items())}


def _plain(schema: Any) -> Any:
    """Without words, and with names of variables where secrets are, or where a text has a form."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("writeOnly"):
        return dict(NAMED)
    names = schema.get("properties", {})
    kept = {key: _plain(value) for key, value in schema.items() if key not in _WORDS and key != "properties"}
    if names:
        kept["properties"] = {name: _plain(value) for name, value in names.items()}
    if "pattern" in kept and kept["pattern"] != DURATION["pattern"]:
        return {"anyOf": [kept, dict(NAMED)]}
    return kept


def renewed(text: str) -> str:
    """The chart's schema with the settings as they are now."""
    schema = json.loads(text)
    own = {name: value for name, value in schema["$defs"].items() if name[0].islower()}
    schema["$defs"] = own | settings_schema()
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(renewed(SCHEMA.read_text("utf-8")), "utf-8")
