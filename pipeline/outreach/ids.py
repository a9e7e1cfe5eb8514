"""Ids that follow from their cause, so that a replay gives the same ones."""

from hashlib import sha1
from typing import Final
from uuid import UUID

_NAMESPACE: Final = UUID("5b0d7c1e-6a51-4f0e-9c6e-3f2f3d8f5a10").bytes
_FIXED: Final = ~((0xF000 << 64) | (0xC000 << 48))
_VERSION_5: Final = (5 << 76) | (0x8000 << 48)


def decision_id(signal_id: str) -> str:
    """The one decision on a signal."""
    return _uuid5(f"decision:{signal_id}")


def request_id(decision: str) -> str:
    """What is asked of one of us by a decision."""
    return _uuid5(f"request:{decision}")


def delivery_id(decision: str, revision: int) -> str:
    """The delivery of one revision of a decision; a receiver may tell a repeat by it."""
    return _uuid5(f"delivery:{decision}:{revision}")


def care_id(customer: str, revision: int, at: int) -> str:
    """A change of care, told by a revision of the customer's context. `at` (milliseconds) is part of it because
    revisions begin anew after a tombstone."""
    return _uuid5(f"care:{customer}:{revision}:{at}")


def care_end_id(begin: str) -> str:
    """The end of a care that nothing but a tombstone tells."""
    return _uuid5(f"care-end:{begin}")


def escalation_id(request: str, target: str) -> str:
    """The request that follows when another was not answered in time."""
    return _uuid5(f"escalation:{request}:{target}")


def notice_id(target: str, what: str) -> str:
    """A notice to an owner. `what`: the request that it tells of, or which digest it is."""
    return _uuid5(f"notice:{target}:{what}")


def _uuid5(name: str) -> str:
    """The same as `str(uuid.uuid5(namespace, name))` (RFC 9562, 5.5), at a third of its time."""
    digest = sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()
    text = f"{int.from_bytes(digest[:16]) & _FIXED | _VERSION_5:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
