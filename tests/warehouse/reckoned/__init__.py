"""Every measure once more, in pandas, written from its definition and not from its SQL: what a view must equal."""

from tests.warehouse.reckoned.frames import Frames
from tests.warehouse.reckoned.friction import FRICTION
from tests.warehouse.reckoned.loyalty import LOYALTY
from tests.warehouse.reckoned.scores import SCORES
from tests.warehouse.reckoned.service import SERVICE

MEASURES = {**SCORES, **SERVICE, **FRICTION, **LOYALTY}
"""By the name of the measure: from the facts to a frame with the columns of its view, without those of `LEFT_OUT`."""

__all__ = ["MEASURES", "Frames"]
