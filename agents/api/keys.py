"""Who may ask: keys compared in constant time, and how often each may ask."""

import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

_BEARER: Final = "bearer "


class Keys:
    """The keys of the settings.

    Args:
        keys: key by name.
        rate: questions a second with each, 0 for any number. A second's worth may come at once.
        clock: seconds that only grow.
    """

    def __init__(self, keys: Mapping[str, str], rate: int, clock: Callable[[], float]) -> None:
        # Digests are of one length, so how long a comparison takes says nothing of a key.
        self._digests = {name: sha256(key.encode()).digest() for name, key in keys.items()}
        self._rate = rate
        self._clock = clock
        self._left = dict.fromkeys(keys, float(rate))
        self._seen = dict.fromkeys(keys, clock())

    def name_of(self, key: str) -> str | None:
        """The name of a key, None for one that is not known. Each is compared, whichever it is."""
        digest = sha256(key.encode("utf-8", "surrogateescape")).digest()
        found = None
        for name, known in self._digests.items():
            if hmac.compare_digest(known, digest):
                found = name
        return found

    def may_ask(self, name: str) -> bool:
        """Counts a question; whether it is within the rate."""
        if not self._rate:
            return True
        now = self._clock()
        left = min(float(self._rate), self._left[name] + (now - self._seen[name]) * self._rate)
        self._seen[name] = now
        self._left[name] = left - 1.0 if left >= 1.0 else left
        return left >= 1.0


def key_in(headers: Mapping[str, str]) -> str | None:
    """The key that a request brings: `Authorization: Bearer …` or `X-Api-Key: …`."""
    told = headers.get("Authorization", "")
    if told[: len(_BEARER)].lower() == _BEARER:
        return told[len(_BEARER) :].strip()
    return headers.get("X-Api-Key")
