"""Help: questions, contacts on every channel, calls, bots, tickets, complaints."""

from typing import Any, Final

from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND
from touchline.simulator.story import Story

CHANNELS: Final = ("voice", "email", "chat", "service_desk", "social", "sms", "store", "app")
_CHANNEL_WEIGHTS: Final = (34.0, 22.0, 24.0, 8.0, 4.0, 3.0, 2.0, 3.0)
TOPICS: Final = ("delivery", "billing", "device", "account", "returns", "product")

_QUESTIONS: Final = (
    "Hello, could you help me with this please?",
    "I have a question about my order.",
    "How do I change my address?",
    "Thanks for the quick help last time. One more question.",
    "The app shows something else than the e-mail.",
)
_AGAIN: Final = (
    "I asked about this before and nobody came back to me.",
    "Still not solved. This is the same problem as last week.",
    "Third time I am asking. Please read my earlier messages.",
    "I was told it would be fixed by yesterday. It is not.",
)
_COMPLAINTS: Final = (
    "Terrible support, still waiting for my refund!",
    "I am really disappointed. This is the last time I order here.",
    "Nobody takes responsibility. I want to make a formal complaint.",
    "This was promised to me twice and did not happen. Awful.",
    "I have wasted hours on this. Unacceptable.",
)
_COMPLAINT_CHANNELS: Final = ("email", "voice", "social", "chat", "store")


def about(story: Story, subject: str | None) -> tuple[str, ...]:
    """The subjects of a contact in this episode: its case, and what it is about."""
    case = f"case:{story.name}"
    return (case,) if subject is None else (case, subject)


def complain(story: Story, topic: str, subject: str | None) -> None:
    """The customer complains, and gets an answer that seldom makes them happy."""
    channel = story.pick(_COMPLAINT_CHANNELS, (38, 24, 18, 12, 8))
    subjects = about(story, subject)
    story.say(
        "complaint.made",
        "service-desk",
        channel=channel,
        subjects=subjects,
        text=story.pick(_COMPLAINTS),
        attributes={"topic": topic},
    )
    story.wait(4 * HOUR, 2 * DAY)
    story.say("contact.resolved", "service-desk", channel=channel, subjects=subjects, attributes={"topic": topic})
    answered = story.chance(0.5)
    story.wait(2 * HOUR, DAY)
    value = story.pick((1, 2, 3, 4), (45, 30, 15, 10))
    if answered:
        _score(story, value, subjects)
        story.wait(HOUR, DAY)
        story.say("follow_up.made", "service-desk", channel="email", subjects=subjects)


def question(story: Story) -> None:
    """The customer needs something: perhaps helps themselves, else asks."""
    topic = story.pick(TOPICS, (30, 22, 16, 14, 10, 8))
    if story.chance(0.45) and _helps_themselves(story, topic):
        return
    contact_until_solved(story, topic, None)


def _helps_themselves(story: Story, topic: str) -> bool:
    story.say("self_service.viewed", "help-centre", attributes={"article": f"{topic}-{story.random.randrange(9)}"})
    if story.chance(0.7):
        return True
    story.wait(MINUTE, 5 * MINUTE)
    story.say("self_service.failed", "help-centre", attributes={"topic": topic})
    if story.chance(0.35):
        return True  # gave up
    story.friction("self_service_failed", at=story.now)
    story.wait(2 * MINUTE, 90 * MINUTE)
    return False


class Case:
    """One matter with which a customer comes to us, perhaps several times."""

    __slots__ = ("_hopped", "_opened", "channels", "story", "subject", "subjects", "topic")

    def __init__(self, story: Story, topic: str, subject: str | None) -> None:
        self.story = story
        self.topic = topic
        self.subject = subject
        self.subjects = about(story, subject)
        self.channels: set[str] = set()
        self._opened = 0
        self._hopped = False

    def say(self, kind: str, source: str, *, attributes: dict[str, Any] | None = None, **fields: Any) -> None:
        """Something happens about this matter."""
        fields.setdefault("subjects", self.subjects)
        self.story.say(kind, source, attributes={"topic": self.topic, **(attributes or {})}, **fields)

    def open(self, channel: str) -> None:
        """The customer comes to us with it, on this channel. The third time is friction, and the third channel too."""
        self._opened += 1
        self.channels.add(channel)
        text = None
        if channel not in {"voice", "store"}:
            text = self.story.pick(_QUESTIONS if self._opened == 1 else _AGAIN)
        self.say("contact.opened", "service-desk", channel=channel, text=text)
        if self._opened == 3:
            self.story.friction("repeated_contact", at=self.story.now, subject=self.subject)

    def hopped(self) -> None:
        """The customer tried several channels on one day."""
        if len(self.channels) > 2 and not self._hopped:
            self._hopped = True
            self.story.friction("channel_hopping", at=self.story.now, subject=self.subject)


def contact_until_solved(story: Story, topic: str, subject: str | None) -> None:
    """Contacts until it is solved, on the same or on other channels."""
    case = Case(story, topic, subject)
    channel = story.pick(CHANNELS, _CHANNEL_WEIGHTS)
    solves = 0.78 if topic == "device" else 0.86
    for number in range(1, 6):
        _contact(case, channel)
        if story.chance(solves if number == 1 else 0.45):
            _solved(case, channel)
            return
        if number < 3 and story.chance(0.35):
            _hop(case, channel)
        story.wait(8 * HOUR, 2 * DAY)
        if story.chance(0.45):
            channel = story.pick(CHANNELS, _CHANNEL_WEIGHTS)


def _hop(case: Case, first: str) -> None:
    """Tries two more channels on the same day."""
    for channel in [channel for channel in ("chat", "email", "voice") if channel != first][:2]:
        case.story.wait(20 * MINUTE, 3 * HOUR)
        _contact(case, channel)
    case.hopped()


def _contact(case: Case, channel: str) -> None:
    story = case.story
    if channel == "voice":
        if _gets_through(case):
            case.open(channel)
            _call(case)
    elif channel == "chat":
        if story.chance(0.4) or not _bot_solves(case):
            case.open(channel)
            wait = round(story.random.expovariate(1 / 90), 1)
            story.wait(4 * MINUTE, 15 * MINUTE)
            case.say("chat.ended", "service-desk", wait_seconds=wait)
    else:
        case.open(channel)
        if channel in {"email", "service_desk", "app"}:
            _ticket(case, channel)


def _gets_through(case: Case) -> bool:
    """The menu before the call; some give up in it."""
    outcome = case.story.pick(("transferred", "contained", "abandoned"), (80, 13, 7))
    seconds = round(30 + case.story.random.expovariate(1 / 50), 1)
    case.say("ivr.completed", "telephony", duration_seconds=seconds, attributes={"outcome": outcome})
    return outcome == "transferred"


def _bot_solves(case: Case) -> bool:
    outcome = case.story.pick(("resolved", "handed_over", "abandoned"), (42, 46, 12))
    turns = case.story.random.randrange(2, 12)
    case.say("bot.ended", "chat-bot", attributes={"outcome": outcome, "turns": turns})
    case.story.wait(30 * SECOND, 10 * MINUTE)
    return outcome == "resolved"


def _call(case: Case) -> None:
    story = case.story
    wait = round(story.random.lognormvariate(4.3, 1.0), 1)
    transfers = story.pick((0, 1, 2, 3), (80, 15, 4, 1))
    talk = round(story.random.lognormvariate(5.6, 0.6), 1)
    story.now += int((wait + talk) * SECOND)
    case.say(
        "call.completed", "telephony", wait_seconds=wait, duration_seconds=talk, attributes={"transfers": transfers}
    )
    if wait > 600 or transfers >= 2:
        story.friction("long_wait", at=story.now)


def _ticket(case: Case, channel: str) -> None:
    story = case.story
    ticket = f"ticket:{story.name}.{story.number}"
    subjects = (*case.subjects, ticket)
    case.say("ticket.opened", "service-desk", channel=channel, subjects=subjects)
    story.wait(HOUR, 20 * HOUR)
    case.say("ticket.answered", "service-desk", channel=channel, subjects=subjects)
    story.wait(HOUR, 20 * HOUR)
    case.say("ticket.resolved", "service-desk", channel=channel, subjects=subjects)
    if story.chance(0.07):
        story.wait(3 * HOUR, 2 * DAY)
        text = story.pick(_AGAIN)
        case.say("ticket.reopened", "service-desk", channel=channel, subjects=subjects, text=text)
        story.friction("ticket_reopened", at=story.now, subject=ticket)


def _solved(case: Case, channel: str) -> None:
    case.say("contact.resolved", "service-desk", channel=channel)
    case.story.wait(HOUR, 8 * HOUR)
    survey(case.story, case.subjects, (4, 6, 15, 40, 35))


def survey(story: Story, subjects: tuple[str, ...], weights: tuple[float, ...]) -> None:
    """Asks for a score from 1 to 5; few answer. A bad one is followed up by a person, or is not."""
    story.say("survey.sent", "survey-tool", subjects=subjects)
    if not story.chance(0.3):
        return
    story.wait(HOUR, DAY)
    value = story.pick((1, 2, 3, 4, 5), weights)
    _score(story, value, subjects)
    if value > 2:
        return
    if story.chance(0.55):
        story.wait(2 * HOUR, 30 * HOUR)
        story.say("follow_up.made", "service-desk", channel="voice", subjects=subjects)
    else:
        story.friction("bad_score_unanswered", at=story.now, subject=subjects[0])


def _score(story: Story, value: int, subjects: tuple[str, ...]) -> None:
    story.say("survey.answered", "survey-tool", subjects=subjects, score={"scale": "csat", "value": value})
