"""The section `api`: who may ask about customers, and where."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from touchline.agents.section import Section
from touchline.schemas.types import Duration, Name

MIN_KEY = 24
"""The shortest key of the API, in characters."""


def _api_key(key: SecretStr) -> SecretStr:
    value = key.get_secret_value()
    if len(value) < MIN_KEY or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"a key has at least {MIN_KEY} letters, digits or signs, and no blank")
    return key


class ApiSettings(Section):
    """The server that other systems ask about customers, and to which links in messages lead. `keys`: of those who may
    ask, each by a name of its own. `rate`: so many questions a second with each key, 0 for any number.
    `messages_within`: how far back messages are told."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8090
    keys: dict[Name, Annotated[SecretStr, AfterValidator(_api_key)]] = Field(default_factory=dict)
    rate: Annotated[int, Field(ge=0)] = 0
    messages_within: Annotated[Duration, Field(ge=60_000, le=28 * 86_400_000)] = 14 * 86_400_000
