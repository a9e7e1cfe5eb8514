"""Who a touchpoint is about: the key that all of a customer's touchpoints share."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

ORDER: Final = ("account", "email", "phone", "device", "cookie")
"""Which identifier is taken first when there is no customer id; others follow by name."""

_NOT_DIGITS: Final = re.compile(r"\D+")


def customer_key(customer_id: str | None, identifiers: Mapping[str, str]) -> str:
    """The customer's id where it is known, else a pseudonym of the first identifier.

    The pseudonym `~type:hash` has 64 bit of BLAKE2b over the normalised value, so that no address stands in a key.
    It hides the address from a reader's eye, not from somebody who tries addresses.
    `identifiers` may be empty only when there is a customer id.
    """
    if customer_id is not None:
        return customer_id
    for name in ORDER:
        if name in identifiers:
            return pseudonym(name, identifiers[name])
    first = min(identifiers)
    return pseudonym(first, identifiers[first])


def pseudonym(name: str, value: str) -> str:
    """The key of an identifier."""
    return f"~{name}:{blake2b(normalised(name, value).encode(), digest_size=8).hexdigest()}"


def normalised(name: str, value: str) -> str:
    """One spelling for one address: e-mail in lower case, phone as digits with +; others without space around."""
    value = value.strip()
    if name == "email":
        return value.lower()
    if name == "phone":
        digits = _NOT_DIGITS.sub("", value.replace("(0)", ""))
        digits = digits[2:] if digits.startswith("00") and not value.startswith("+") else digits
        return "+" + digits if digits else value
    return value
