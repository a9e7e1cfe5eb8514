"""How the servers that `deliver` writes to stand, for those who look after them."""

import logging
from typing import Final, Self

from touchline.agents.runtime.metrics import Metrics
from touchline.pipeline.outreach.delivery import DeliverProcessor
from touchline.pipeline.outreach.targets import Circuit

_LEVELS: Final = {Circuit.CLOSED: logging.INFO, Circuit.HALF_OPEN: logging.INFO, Circuit.OPEN: logging.WARNING}


class TargetNews:
    """Hears of every target's breaker while it is held; may be entered again."""

    def __init__(self, processor: DeliverProcessor, metrics: Metrics) -> None:
        self._processor = processor
        self._metrics = metrics
        self._log = logging.getLogger(f"touchline.{metrics.agent}")

    async def __aenter__(self) -> Self:
        """Listens."""
        self._processor.targets.listen(self._changed)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listens no longer."""
        self._processor.targets.listen(None)

    def _changed(self, name: str, circuit: Circuit, why: str) -> None:
        self._metrics.target(name, circuit.value)
        if why:
            self._log.log(_LEVELS[circuit], "adapter %s: its breaker is %s: %s", name, circuit.value, why)
