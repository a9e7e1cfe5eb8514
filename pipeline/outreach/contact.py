"""What reached a customer before, as `decide` counts it."""

from typing import Final

import msgspec

from touchline.pipeline.engine.clock import DAY
from touchline.schemas.vocabulary import Channel, Route, Severity

_SEVERITIES: Final = {severity: place for place, severity in enumerate(Severity)}

_KEPT: Final = 30 * DAY
_MOST: Final = 32
"""Contacts that matter no more are kept for a while, a few of them: a person asks for the last ones, and a policy with
a longer window may come."""


def rank_of(priority: int, severity: Severity) -> int:
    """Which of two signals goes first: the higher priority, then the graver one."""
    return priority * len(_SEVERITIES) + _SEVERITIES[severity]


class Contact(msgspec.Struct, array_like=True, frozen=True, gc=False, omit_defaults=True):
    """A message that went to a customer, or a request about them, `at` milliseconds since 1970 UTC.

    `rule`: what it was about. `observed`: only decided, never sent. `group`: its cap group. `rank`: see `rank_of`.
    """

    at: int
    rule: str
    observed: bool = False
    channel: Channel = Channel.EMAIL
    group: str = ""
    route: Route = Route.CUSTOMER
    rank: int = 0


def remembered(contacts: list[Contact], at: int, memory: int) -> list[Contact]:
    """Those to keep: all that may count within `memory`, and the newest of the rest."""
    counting = [contact for contact in contacts if at - contact.at < memory]
    others = [contact for contact in contacts if memory <= at - contact.at < _KEPT]
    return [*others[-_MOST:], *counting]
