"""What an owner may learn of a signal. A department: what we know. A partner: that something is wrong with an order of
theirs, in words made here; nothing of the customer, of us or of other partners."""

from typing import Final

from touchline.schemas.notice import NoticeItem
from touchline.schemas.request import Request
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Scope

ORDERS: Final = ("order", "parcel", "shipment", "delivery", "return", "pickup", "payment", "invoice", "booking")
"""The types of subjects that a partner knows too, those that say most first."""


def in_words(rule: str) -> str:
    """A rule's id as words: `delivery silent`."""
    return rule.replace("_", " ").replace(".", " ").replace("-", " ")


def item_of(request: Request) -> NoticeItem | None:
    """What the owner is told; None when they must not, or need not, be told of it."""
    kind, _, name = request.target.partition(":")
    return _for_partner(request.signal, name) if kind == "party" else _for_department(request.signal)


def _for_department(signal: Signal) -> NoticeItem:
    return NoticeItem(
        signal_id=signal.signal_id,
        status=signal.status,
        rule=signal.rule,
        severity=signal.severity,
        customer=signal.customer,
        group=signal.group,
        at=signal.at,
        evidence=signal.evidence,
        action=signal.action,
    )


def _for_partner(signal: Signal, partner: str) -> NoticeItem | None:
    if signal.party != partner:
        return None
    if signal.scope is Scope.INCIDENT:
        affected = signal.values.get("customers")
        many = isinstance(affected, int) and not isinstance(affected, bool)
        about, evidence = f"party:{partner}", f"{in_words(signal.rule)}: {affected if many else 'many'} customers"
    else:
        order = order_of(signal)
        if order is None:
            return None
        about, evidence = order, f"{in_words(signal.rule)}: {order.replace(':', ' ', 1)}"
    return NoticeItem(
        signal_id=signal.signal_id,
        status=signal.status,
        rule=signal.rule,
        severity=signal.severity,
        customer="",
        group=about,
        at=signal.at,
        evidence=evidence,
        action="",
    )


def order_of(signal: Signal) -> str | None:
    """The order, parcel or other matter of a partner's that a signal is about, None where it is about none."""
    found = {subject.partition(":")[0]: subject for subject in reversed((signal.group, *signal.subjects))}
    return next((found[kind] for kind in ORDERS if kind in found and found[kind] != signal.customer), None)
