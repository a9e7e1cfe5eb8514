"""Attributes and other JSON scalars as the warehouse holds them: text, and nothing that tells how to reach a person.

Identifiers of touchpoints and the messages of decisions are not stored at all.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from touchline.schemas.types import Scalar

PERSONAL: Final = frozenset(
    {
        *("email", "e_mail", "mail", "email_address", "phone", "phone_number", "mobile", "telephone", "push_token"),
        *("address", "street", "house_number", "postcode", "postal_code", "zip", "zip_code", "latitude", "longitude"),
        *("name", "full_name", "first_name", "last_name", "surname", "birth_date", "date_of_birth", "iban"),
        *("card_number", "ip", "ip_address", "user_agent", "cookie", "device_id", "account_number", "tax_id"),
    }
)
"""Names of attributes that are never stored."""

PROFILE_ATTRIBUTES: Final = frozenset(
    {"purpose", "channel", "locale", "zone", "country", "value", "preferred_channel", "decision_id"}
)
"""All that is stored of the attributes of profile and consent events, which are about the person."""

_PROFILE_KINDS: Final = ("profile.", "consent.", "customer.")
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def public_attributes(kind: str, attributes: Mapping[str, Scalar]) -> dict[str, str]:
    """The attributes that may be stored, as text: without those named in `PERSONAL` and without values that hold an
    e-mail address; of profile and consent events only `PROFILE_ATTRIBUTES`."""
    if kind.startswith(_PROFILE_KINDS):
        attributes = {name: value for name, value in attributes.items() if name in PROFILE_ATTRIBUTES}
    public = {}
    for name, value in attributes.items():  # one pass: this is the costliest of a touchpoint's columns
        if value is not None and not _is_personal(name):
            text = value if type(value) is str else _text(value)
            if "@" not in text or _ADDRESS.search(text) is None:
                public[name] = text
    return public


def as_text(values: Mapping[str, Scalar]) -> dict[str, str]:
    """JSON scalars as text, as JSON writes them but strings without quotes; null is left out."""
    return {name: value if type(value) is str else _text(value) for name, value in values.items() if value is not None}


def _text(value: Scalar) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


@lru_cache(4_096)
def _is_personal(name: str) -> bool:
    return name.lower() in PERSONAL
