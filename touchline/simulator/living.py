"""Being a customer: profile and consent, the app, devices at home."""

from typing import Any

from touchline.pipeline.engine.clock import HOUR, MINUTE, SECOND
from touchline.simulator.story import Story
from touchline.simulator.support import contact_until_solved


def become_known(story: Story) -> None:
    """The profile and the consents, as a customer system would publish them."""
    person = story.person
    if person.is_new:
        story.say("campaign.clicked", "marketing", channel="web", attributes={"campaign": "welcome"})
        story.wait(MINUTE, 10 * MINUTE)
        story.say("account.created", "shop-web", channel="web")
        story.wait(SECOND, 10 * SECOND)
        story.say("welcome.sent", "shop-mail", attributes={"template": "hello"})
    profile: dict[str, Any] = {
        "locale": person.region.locale,
        "zone": person.region.zone,
        "country": person.region.country,
        "value": float(person.value),
    }
    if person.uses_app:
        profile["push_token"] = f"push-{person.customer_id}"
    if person.preferred is not None:
        profile["preferred_channel"] = person.preferred
    identifiers = {"email": person.email, "phone": person.phone}
    story.say("profile.updated", "customer-system", identifiers=identifiers, attributes=profile)
    kind = "consent.granted" if person.marketing else "consent.withdrawn"
    story.say(kind, "customer-system", attributes={"purpose": "marketing"})
    if person.service_opt_out:
        story.wait(HOUR, 5 * HOUR)
        story.say("consent.withdrawn", "customer-system", attributes={"purpose": "service"})


def use_app(story: Story) -> None:
    """Opens the app, perhaps from a notification."""
    if story.chance(0.3):
        story.say("push.opened", "shop-app", channel="push")
    story.say("app.opened", "shop-app", channel="app", attributes={"version": story.pick(("5.1", "5.2", "5.3"))})
    for _ in range(int(story.random.random() * 4)):
        story.wait(5 * SECOND, 4 * MINUTE)
        story.say("page.viewed", "shop-app", channel="app", attributes={"page": "orders"})


def use_device(story: Story) -> None:
    """A device at home is used; errors make some people ask."""
    subjects = (f"device:d-{story.person.index:06d}",)
    seconds = round(story.random.expovariate(1 / 900), 1)
    feature = story.pick(("timer", "remote", "sleep"))
    story.say(
        "feature.used", "devices", channel="iot", subjects=subjects, attributes={"feature": feature, "seconds": seconds}
    )
    if not story.chance(0.10):
        return
    story.wait(SECOND, HOUR)
    story.say("device.error", "devices", subjects=subjects, attributes={"code": story.pick(("E12", "E31", "E77"))})
    if story.chance(0.4):
        story.wait(5 * MINUTE, HOUR)
        story.say("device.recovered", "devices", subjects=subjects)
    elif story.chance(0.7):
        story.wait(10 * MINUTE, 6 * HOUR)
        contact_until_solved(story, "device", subjects[0])
