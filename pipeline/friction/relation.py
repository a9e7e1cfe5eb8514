"""What is kept of a relationship beside its open signals: nothing, for a customer who never had one."""

from typing import Final

import msgspec

from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.measures.health import COUNTED, SPARE, Ended, HealthPolicy, heaviest
from touchline.schemas.context import MAX_CONTACTS, MAX_PROMISES, NEUTRAL

CONTACT_KINDS: Final = (
    "contact.opened", "call.started", "call.completed", "call.abandoned", "call.made", "chat.started", "chat.ended",
    "chat.abandoned", "bot.started", "bot.ended", "ivr.completed", "email.received", "email.answered", "sms.received",
    "sms.sent", "push.sent", "social.posted", "ticket.opened", "ticket.answered", "ticket.reopened", "complaint.made",
    "follow_up.made", "desk.visited", "store.visited", "self_service.failed", "survey.sent", "survey.answered",
    "contact.resolved", "ticket.resolved", "message.replied",
)  # fmt: skip
"""The kinds that are contacts. They are kept by their place: add at the end, and never take one away."""

PLACES: Final = {kind: place for place, kind in enumerate(CONTACT_KINDS)}
_SETTLED: Final = DAY
"""So long after its end, beyond the horizon, a signal is hardly said anew: then no spare is kept for it."""

Met = tuple[int, int, str]
"""A contact: when, in milliseconds since 1970 UTC; the place of its kind; the channel."""

Told = tuple[int, str, int]
"""A promise: when it was told, what it is about, and the promised time; 0 when it was kept or came to nothing."""

_PROMISES: Final = MAX_PROMISES + 1
"""So many are kept, among them some that are over."""


class Relation(msgspec.Struct, array_like=True, gc=False):
    """Times in milliseconds since 1970 UTC. `due`: the watermark at which time alone changes what was told.

    `at`, `health`, `revision`: of what was told last, and `seen` stands for the rest of it. `ended`: the heaviest
    first. `contacts` and `promises`: the newest first, of promises one for each subject.
    """

    due: int = NEVER
    at: int = 0
    health: int = NEUTRAL
    revision: int = 0
    seen: int = 0
    ended: list[Ended] = []
    contacts: list[Met] = []
    promises: list[Told] = []

    def meet(self, contact: Met) -> None:
        """Notes a contact."""
        if contact not in self.contacts:
            self.contacts = sorted((*self.contacts, contact), reverse=True)[:MAX_CONTACTS]

    def promise(self, told: Told) -> bool:
        """Notes what was promised last about a subject, whatever order promises come in. Returns whether it is new."""
        for one in self.promises:
            if one[1] == told[1] and one >= told:
                return False
        others = [one for one in self.promises if one[1] != told[1]]
        self.promises = sorted((told, *others), reverse=True)[:_PROMISES]
        return told in self.promises

    def end(self, signal: int, ended: Ended | None) -> None:
        """What became of a signal: how it ended; None when it is open (again), or never was one."""
        if self.ended:
            self.ended = [one for one in self.ended if one.signal != signal]
        if ended is not None:
            self.ended.append(ended)

    def trim(self, policy: HealthPolicy, now: int, horizon: int) -> list[Ended]:
        """Lets go of what counts no more. Returns what does.

        Only the heaviest are kept. Which these are does not depend on the order in which they come; but when one of
        them turns out not to have ended, the next one takes its place, so some more are kept for as long as that may
        well happen."""
        if not self.ended:
            return []
        left = heaviest(policy, self.ended, now)
        counted, rest = left[:COUNTED], left[COUNTED:]
        fresh = any(one.at >= horizon - _SETTLED for one in counted)
        self.ended = [*counted, *rest[:SPARE]] if fresh else counted
        return counted
