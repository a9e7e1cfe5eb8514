"""From a touchpoint as it was published to the enriched one."""

from datetime import datetime
from typing import Final

from touchline.pipeline.enrichment.identity import customer_key
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.enrichment.sentiment import Sentiment
from touchline.schemas.touchpoint import EnrichedTouchpoint, Touchpoint

_new: Final = EnrichedTouchpoint.__new__


class Assembler:
    """Identifies, places and reads touchpoints. It knows nothing of time and order."""

    def __init__(self, catalogue: Catalogue, sentiment: Sentiment) -> None:
        self._place = catalogue.place
        self._score = sentiment.score

    def enriched(
        self, touchpoint: Touchpoint, received_at: datetime, partition: int, offset: int, late_seconds: float
    ) -> tuple[EnrichedTouchpoint, bool]:
        """The enriched touchpoint, and whether its kind is listed in the catalogue. It shares parts with the
        touchpoint, which must not be used any more."""
        place = self._place(touchpoint.kind)
        text = touchpoint.text
        # Every part was validated a moment ago or is our own: the constructor, which validates, would double the cost.
        # A test holds that no field is forgotten here.
        it = _new(EnrichedTouchpoint)
        it.event_id = touchpoint.event_id
        it.source = touchpoint.source
        it.occurred_at = touchpoint.occurred_at
        it.kind = touchpoint.kind
        it.identifiers = touchpoint.identifiers
        it.subjects = touchpoint.subjects
        it.text = text
        it.score = touchpoint.score
        it.wait_seconds = touchpoint.wait_seconds
        it.duration_seconds = touchpoint.duration_seconds
        it.attributes = touchpoint.attributes
        it.trace = touchpoint.trace
        it.customer = customer_key(touchpoint.customer_id, touchpoint.identifiers)
        it.channel = touchpoint.channel or place.channel
        it.stage = touchpoint.stage or place.stage
        it.party = touchpoint.party or place.party
        it.actor = touchpoint.actor or place.actor
        it.received_at = received_at
        it.raw_partition = partition
        it.raw_offset = offset
        it.late_seconds = late_seconds
        it.sentiment = self._score(text) if text else None
        return it, place.known
