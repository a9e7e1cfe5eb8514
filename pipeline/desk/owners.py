"""Owners: requests become notices, at once or in a digest, within each owner's alert budget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from touchline.pipeline.desk import agenda, texts
from touchline.pipeline.desk.budget import begin_day, bucket_of, enter, has_place, severity_of
from touchline.pipeline.desk.disclosure import item_of
from touchline.pipeline.desk.routes import Route, RouteBook, When
from touchline.pipeline.desk.state import REMEMBERED, DeskState, Kept, Owner
from touchline.pipeline.engine.clock import DAY, from_ms, to_ms
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.outreach.ids import notice_id
from touchline.schemas.codec import encode
from touchline.schemas.notice import MAX_ITEMS, Means, Notice, NoticeItem
from touchline.schemas.outreach import Message
from touchline.schemas.request import Request
from touchline.schemas.vocabulary import Severity
from touchline.schemas.wire import NOTICES

MAX_KEPT: Final = 200
"""How many signals wait for a digest at the most; of the least urgent beyond them only the number is told."""

_KEPT_TEXT: Final = 1_000
_OBSERVED: Final = "observed "
_SEVERITIES: Final = list(Severity)


@dataclass(frozen=True, slots=True)
class _Content:
    """What a notice says. `what`: the request that it tells of, or which digest it is; `words`: subject and text."""

    items: Sequence[NoticeItem]
    what: str
    words: tuple[str, str]
    count: int
    cut: int = 0
    digest: bool = False


class Owners:
    """The owners of one shard. What is only observed has budgets and digests of its own, so that it takes nobody's
    place.

    Counters: `notices.at_once`, `notices.digest`, `notices.cut` (left for a digest, the budget being used up),
    `notices.below_least`, `notices.withheld` (no matter of that partner's), `notices.ended` (over before a digest told
    it), `notices.dropped`, `duplicates`.
    """

    def __init__(self, book: RouteBook, state: DeskState, out: Outbox) -> None:
        self._book = book
        self._state = state
        self._out = out
        self.now = 0

    def ask(self, request: Request) -> None:
        """A request to tell an owner, or its end."""
        seen = self._state.told.get(request.request_id, self.now)
        if seen is not None and (request.revision <= seen or not request.cancelled):
            self._out.count("duplicates")
            return
        self._state.told.put(request.request_id, request.revision, expires=self.now + REMEMBERED)
        if request.cancelled:
            self._end(request)
            return
        if _SEVERITIES.index(request.signal.severity) < _SEVERITIES.index(self._book.of(request.target).least):
            self._out.count("notices.below_least")
            return
        observed = request.decision.observed or self._book.observe
        entry = f"{_OBSERVED if observed else ''}{request.target}"
        self._tell(entry, self._owner(entry), request)

    def _end(self, request: Request) -> None:
        """It matters only while the request waits for a digest, which it does where the mode of then has put it."""
        for entry in (request.target, f"{_OBSERVED}{request.target}"):
            owner = self._state.owners.get(entry, self.now) or Owner()
            left = [kept for kept in owner.kept if kept.request != request.request_id]
            if len(left) < len(owner.kept):
                owner.kept = left
                self._state.owners.put(entry, owner)
                self._out.count("notices.ended")

    def _tell(self, entry: str, owner: Owner, request: Request) -> None:
        route, item = self._book.of(request.target), item_of(request)
        if item is None:
            self._out.count("notices.withheld")
            return
        bucket = bucket_of(request.signal.severity, request.priority)
        left = enter(owner, bucket, self.now, route.zone)
        if route.when is When.AT_ONCE and has_place(owner, bucket, left, route.budget):
            owner.used += 1
            self._send(entry, route, _Content((item,), request.request_id, texts.at_once(item, route.zone), count=1))
            return
        if route.when is When.AT_ONCE:
            self._out.count("notices.cut")
        owner.kept.append(Kept(request.request_id, bucket, to_ms(request.signal.at), _short(item)))
        if len(owner.kept) > MAX_KEPT:
            owner.kept.sort(key=_urgency)
            owner.kept.pop()
            owner.dropped += 1
            self._out.count("notices.dropped")
        if len(owner.kept) + owner.dropped == 1:
            self._state.agenda.put(agenda.key(agenda.DIGEST, entry), b"", due=route.next_digest(self.now))

    def digest(self, entry: str) -> None:
        """The time of a digest has come."""
        owner, route = self._owner(entry), self._book.of(entry.removeprefix(_OBSERVED))
        kept, dropped = sorted(owner.kept, key=_urgency), owner.dropped
        owner.kept, owner.dropped = [], 0
        if not kept and not dropped:
            return
        if route.when is When.AT_ONCE:  # all of them are what the budget left out
            shown, count = kept, len(kept) + dropped
            items, cut = [one.item for one in shown[:MAX_ITEMS]], count
            words = texts.left_out(items, cut, budget=route.budget, zone=route.zone)
        else:
            shown = self._within_budget(owner, route, kept)
            items, count, cut = [one.item for one in shown[:MAX_ITEMS]], len(shown), len(kept) - len(shown) + dropped
            words = texts.digest(items, count, cut, budget=route.budget, zone=route.zone)
        self._send(entry, route, _Content(items, f"digest {self.now}", words, count, cut, digest=True))

    def _within_budget(self, owner: Owner, route: Route, kept: Sequence[Kept]) -> list[Kept]:
        """The most urgent, as far as the day's budget goes; what is critical is never left out."""
        begin_day(owner, self.now, route.zone)
        shown = []
        for one in kept:
            if owner.used < route.budget or severity_of(one.bucket) is Severity.CRITICAL:
                owner.used += 1
                shown.append(one)
        return shown

    def _send(self, entry: str, route: Route, content: _Content) -> None:
        target, observed = entry.removeprefix(_OBSERVED), self._book.observe or entry.startswith(_OBSERVED)
        subject, text = content.words
        notice = Notice(
            notice_id=notice_id(entry, content.what),
            target=target,
            digest=content.digest,
            means=route.means,
            message=Message(to="" if route.means is Means.QUEUE else route.to, subject=subject, text=text, locale="en"),
            items=tuple(content.items),
            count=content.count,
            cut=content.cut,
            observed=observed,
            at=from_ms(self.now),
            send_before=from_ms(self.now + DAY),
        )
        self._out.count("notices.digest" if content.digest else "notices.at_once")
        self._out.send(NOTICES, target.encode(), encode(notice))

    def _owner(self, entry: str) -> Owner:
        owner = self._state.owners.get(entry, self.now) or Owner()
        self._state.owners.put(entry, owner)
        return owner


def _short(item: NoticeItem) -> NoticeItem:
    """As it is kept for a digest, so that all of them fit into a record."""
    return replace(item, evidence=item.evidence[:_KEPT_TEXT], action=item.action[:_KEPT_TEXT])


def _urgency(kept: Kept) -> tuple[int, int, str]:
    return (-kept.bucket, kept.at, kept.request)
