"""The words that contracts share. Values are part of the published schema: add, never rename."""

from enum import StrEnum


class Channel(StrEnum):
    """The medium the customer used or met. The medium decides, not the system that reports it."""

    VOICE = "voice"
    IVR = "ivr"
    EMAIL = "email"
    CHAT = "chat"
    CHATBOT = "chatbot"
    SMS = "sms"
    PUSH = "push"
    SOCIAL = "social"
    SELF_SERVICE = "self_service"
    WEB = "web"
    APP = "app"
    STORE = "store"
    DELIVERY = "delivery"
    IOT = "iot"
    SURVEY = "survey"
    SERVICE_DESK = "service_desk"
    RETURNS = "returns"
    OTHER = "other"


class Stage(StrEnum):
    """Where in the relationship: before, during and after the purchase."""

    AWARENESS = "awareness"
    CONSIDERATION = "consideration"
    PURCHASE = "purchase"
    DELIVERY = "delivery"
    ONBOARDING = "onboarding"
    USE = "use"
    SUPPORT = "support"
    RETURNS = "returns"
    RENEWAL = "renewal"


class Actor(StrEnum):
    """Who did it. HUMAN is a person of ours."""

    CUSTOMER = "customer"
    HUMAN = "human"
    BOT = "bot"
    SYSTEM = "system"
    PARTNER = "partner"


class Control(StrEnum):
    """How far the cause is in our hands."""

    OWN = "own"
    PARTNER = "partner"
    OUTSIDE = "outside"


class ScoreScale(StrEnum):
    """Satisfaction (1 to 5), promoter (0 to 10) and effort (kept raw) scores."""

    CSAT = "csat"
    NPS = "nps"
    CES = "ces"


class Polarity(StrEnum):
    """What a signal is: something wrong, something the customer will want, or a good moment."""

    FRICTION = "friction"
    NEED = "need"
    DELIGHT = "delight"


class Scope(StrEnum):
    """Whose a signal is: one customer's, or an incident that many of them have in common."""

    CUSTOMER = "customer"
    INCIDENT = "incident"


class Severity(StrEnum):
    """How bad, in rising order of declaration."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class SignalStatus(StrEnum):
    """The life of a signal. OPENED and UPDATED are open, the others end it."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"
    RETRACTED = "retracted"
    EXPIRED = "expired"


class Purpose(StrEnum):
    """Why we write: SERVICE is about the customer's own order or case and needs no opt-in; MARKETING does."""

    SERVICE = "service"
    MARKETING = "marketing"


class Route(StrEnum):
    """Whom a decision turns to: the customer by a message, one of our people by a task, or the owner by a notice."""

    CUSTOMER = "customer"
    PERSON = "person"
    OWNER = "owner"


class Arm(StrEnum):
    """The side of an experiment that a customer is on. NONE: no hold-out, or the decision did not get so far."""

    NONE = "none"
    TREATED = "treated"
    HELD_OUT = "held_out"


class Outcome(StrEnum):
    """What became of a decision. HELD is not final: it waits for a time and is decided again then."""

    SENT = "sent"
    HELD = "held"
    SUPPRESSED = "suppressed"


class Reason(StrEnum):
    """Why a decision is what it is, in the order in which they are checked: the first that applies is the reason.
    DELAYED (the policy waits on purpose), PACED (so many an hour) and QUIET_HOURS hold it, the others end it."""

    RESOLVED = "resolved"
    ERASED = "erased"
    TOO_OLD = "too_old"
    INCIDENT = "incident"
    NO_CONSENT = "no_consent"
    HOLD_OUT = "hold_out"
    COOLDOWN = "cooldown"
    FREQUENCY_CAP = "frequency_cap"
    LOWER_PRIORITY = "lower_priority"
    DELAYED = "delayed"
    PACED = "paced"
    QUIET_HOURS = "quiet_hours"
    NO_CHANNEL = "no_channel"
    SENT = "sent"


class Carried(StrEnum):
    """What a delivery is: a MESSAGE to a customer, a NOTICE to an owner, or word that CARE began or ended."""

    MESSAGE = "message"
    NOTICE = "notice"
    CARE = "care"


class DeliveryStatus(StrEnum):
    """How a delivery ended. UNKNOWN: the attempt was made and its end is not known, so it is not repeated. CANCELLED:
    it was taken back before it was sent."""

    ATTEMPTED = "attempted"
    SENT = "sent"
    OUTBOX = "outbox"
    OBSERVED = "observed"
    RETRYING = "retrying"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
