"""The outreach agent: what becomes of each signal."""

from collections.abc import Callable
from typing import Final

from touchline.agents.policybook import book_of
from touchline.agents.policyfollower import PolicyFollower
from touchline.agents.runtime.errors import WorkerError
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import Settings
from touchline.agents.texts import messages_of
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.schemas.control import ClockMode

__all__ = ["book_of", "build", "companion"]

_PREVIEW: Final = (
    "the secret of outreach.links is that of previews, as in the file that `touchline up` writes for other commands: "
    "run this worker with the settings that have the real one"
)


def build(settings: Settings) -> OutreachProcessor:
    """The processor with the policies in force.

    Raises: FileError when a policy or a message text is wrong."""
    live = settings.clock is ClockMode.LIVE
    return OutreachProcessor(book_of(settings), messages_of(settings.outreach), live=live)


def companion(
    settings: Settings, processor: OutreachProcessor, metrics: Metrics, stop: Callable[[BaseException], None]
) -> PolicyFollower:
    """Takes over policies and stops that change while it runs.

    Raises: WorkerError when customers would get links that no server takes."""
    if settings.outreach.links is not None and settings.outreach.served is None:
        raise WorkerError(_PREVIEW)
    return PolicyFollower(settings, processor.put_in_force, metrics, stop)
