"""Looking around, buying, getting it, sending it back, renewing."""

from typing import Final, NamedTuple

from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND
from touchline.simulator.story import Story, iso
from touchline.simulator.support import contact_until_solved, survey


class Carrier(NamedTuple):
    """Who brings parcels: its share of them, and the share of those that comes late."""

    name: str
    share: float
    late: float


CARRIERS: Final = (
    Carrier("carrier-north", 5, 0.04),
    Carrier("carrier-east", 3, 0.07),
    Carrier("carrier-west", 2, 0.20),
)
_CARRIER_SHARES: Final = tuple(carrier.share for carrier in CARRIERS)
_POSTS: Final = (
    "Love my new lamp, thank you!",
    "Does anybody know whether these bags are waterproof?",
    "Ordered on Monday, here on Wednesday. Great.",
)
_PAGES: Final = ("shoes", "lamps", "speakers", "bags", "watches", "phones")


def look_around(story: Story) -> None:
    """A visit to the web shop or the app that ends without a purchase; some come by an advertisement."""
    if story.chance(0.25):
        story.say(
            "campaign.clicked",
            "marketing",
            channel="web",
            attributes={"campaign": f"spring-{story.random.randrange(4)}"},
        )
    elif story.person.marketing and story.chance(0.3):
        story.say("campaign.opened", "marketing", channel="email")
    if story.chance(0.2):
        story.say("search.done", "shop-web", attributes={"results": story.random.randrange(60)})
    _browse(story, 2, 5)
    if story.chance(0.01):
        story.say("social.posted", "social-desk", text=story.pick(_POSTS), attributes={"network": "pictures"})


def visit_unknown(story: Story) -> None:
    """The same, not signed in: only a cookie is known."""
    cookie = f"ck-{story.name}"
    for _ in range(1 + int(story.random.random() * 5)):
        story.say_unknown(cookie, "page.viewed", "shop-web", attributes={"page": story.pick(_PAGES)})
        story.wait(5 * SECOND, 2 * MINUTE)


def _browse(story: Story, least: int, most: int) -> None:
    channel = "app" if story.person.uses_app and story.chance(0.5) else "web"
    for _ in range(least + int(story.random.random() * (most - least))):
        kind = "product.viewed" if story.chance(0.6) else "page.viewed"
        about = "product" if kind == "product.viewed" else "page"
        story.say(kind, f"shop-{channel}", channel=channel, attributes={about: story.pick(_PAGES)})
        story.wait(10 * SECOND, 3 * MINUTE)


def visit_store(story: Story) -> None:
    """A visit to a shop in town."""
    story.say("store.visited", "stores", attributes={"store": f"s-{story.random.randrange(40)}"})
    story.wait(5 * MINUTE, 40 * MINUTE)
    if story.chance(0.4):
        story.say("store.purchased", "stores", subjects=(_order(story),), attributes={"value": _value(story)})


def buy(story: Story) -> None:
    """From the shop window to the door, and what comes after."""
    _browse(story, 1, 4)
    order = _order(story)
    channel = "app" if story.person.uses_app and story.chance(0.4) else "web"
    story.say("cart.updated", f"shop-{channel}", channel=channel, attributes={"items": story.random.randrange(1, 5)})
    story.say("checkout.started", f"shop-{channel}", channel=channel, subjects=(order,))
    story.wait(MINUTE, 4 * MINUTE)
    if not _pays(story, order, channel):
        return
    promised = _promise(story.now)
    value = _value(story)
    story.say(
        "order.placed",
        f"shop-{channel}",
        channel=channel,
        subjects=(order,),
        attributes={"value": value, "promised_at": iso(promised)},
    )
    story.wait(10 * SECOND, MINUTE)
    story.say("order.confirmed", "shop-mail", channel="email", subjects=(order,))
    story.wait(6 * HOUR, 30 * HOUR)
    _deliver(story, order, promised)


def _order(story: Story) -> str:
    return f"order:o-{story.name}"


def _value(story: Story) -> float:
    return round(story.random.lognormvariate(4.0, 0.7), 2)


def _promise(now: int) -> int:
    """The end of the fourth day from now, in UTC."""
    return (now // DAY + 5) * DAY - HOUR


def _pays(story: Story, order: str, channel: str) -> bool:
    """Whether the order comes about. After an error most try again; the others are lost, and annoyed."""
    trouble = story.pick((None, "checkout.error", "payment.failed"), (91, 5, 4))
    if trouble is None:
        return True
    code = story.pick(("card_declined", "timeout", "address_invalid", "server_error"))
    party = {"party": "payment-one"} if trouble == "payment.failed" else {}
    story.say(trouble, f"shop-{channel}", channel=channel, subjects=(order,), attributes={"code": code}, **party)
    if story.chance(0.55):
        story.wait(MINUTE, 10 * MINUTE)
        return True
    story.friction("checkout_abandoned", at=story.now, subject=order)
    return False


def _deliver(story: Story, order: str, promised: int) -> None:
    carrier = story.pick(CARRIERS, _CARRIER_SHARES)
    late = story.chance(carrier.late)
    scan = {"channel": "delivery", "party": carrier.name, "subjects": (order,)}
    story.say(
        "order.shipped",
        "shop-warehouse",
        party=carrier.name,
        subjects=(order,),
        attributes={"promised_at": iso(promised)},
    )
    story.wait(3 * HOUR, 14 * HOUR)
    story.say("delivery.scanned", carrier.name, attributes={"status": "in_transit"}, **scan)
    arrives = promised - int(story.random.betavariate(2, 3) * 2 * DAY)
    if late:
        arrives = promised + 27 * HOUR + int(story.random.expovariate(1 / (2.0 * DAY)))
        story.friction("promise_broken", at=promised, subject=order)
        _asks_where_it_is(story, order, promised, arrives)
    story.now = max(story.now, arrives - 6 * HOUR)
    story.say("delivery.scanned", carrier.name, attributes={"status": "out_for_delivery"}, **scan)
    story.now = max(story.now, arrives)
    story.say("delivery.scanned", carrier.name, attributes={"status": "delivered"}, **scan)
    _after_delivery(story, order, late=late)


def _asks_where_it_is(story: Story, order: str, promised: int, arrives: int) -> None:
    if story.chance(0.35):
        here = story.now
        story.now = promised + int(story.random.random() * (arrives - promised))
        contact_until_solved(story, "delivery", order)
        story.now = max(here, promised)


def _after_delivery(story: Story, order: str, *, late: bool) -> None:
    if story.person.has_device and story.chance(0.3):
        story.wait(HOUR, 20 * HOUR)
        story.say("device.activated", "devices", subjects=(order,))
        story.say("onboarding.step", "shop-app", subjects=(order,), attributes={"step": "tour", "outcome": "done"})
    story.wait(DAY, 2 * DAY)
    survey(story, (order,), (28, 26, 20, 16, 10) if late else (3, 4, 13, 40, 40))
    story.out_of_the_blue(0.008)
    if story.chance(0.07):
        story.wait(DAY, 8 * DAY)
        send_back(story, order)


def send_back(story: Story, order: str) -> None:
    """A return: the form, the parcel, the money."""
    reason = story.pick(("too_small", "broken", "not_as_shown", "changed_mind"))
    story.say("return.requested", "shop-web", channel="returns", subjects=(order,), attributes={"reason": reason})
    story.wait(DAY, 4 * DAY)
    story.say("return.received", "returns-desk", channel="returns", subjects=(order,))
    story.wait(DAY, 6 * DAY)
    story.say("return.refunded", "shop-billing", channel="email", subjects=(order,))


def renew(story: Story) -> None:
    """The subscription comes to its end: reminded, then renewed or cancelled."""
    story.say("renewal.due", "marketing", channel=story.pick(("email", "sms")))
    story.wait(DAY, 5 * DAY)
    if story.chance(0.85):
        story.say("subscription.renewed", "shop-billing", attributes={"value": float(story.person.value)})
    else:
        story.say("subscription.cancelled", "shop-billing", attributes={"reason": story.pick(("price", "service"))})
