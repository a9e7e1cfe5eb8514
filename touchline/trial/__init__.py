"""What becomes of one event: tried in memory, or published to a running environment and followed."""

from touchline.trial.event import EventError, TrialEvent, read_event
from touchline.trial.live import send_and_follow
from touchline.trial.memory import try_in_memory
from touchline.trial.outcome import Outcome

__all__ = ["EventError", "Outcome", "TrialEvent", "read_event", "send_and_follow", "try_in_memory"]
