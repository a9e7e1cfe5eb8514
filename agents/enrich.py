"""`enrich`: from raw records to enriched touchpoints."""

from touchline.agents.settings import Settings
from touchline.pipeline.enrichment.assemble import Assembler
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.enrichment.processor import EnrichPolicy, EnrichProcessor
from touchline.pipeline.enrichment.sentiment import Sentiment
from touchline.pipeline.intake.formats import Intake


def build(settings: Settings) -> EnrichProcessor:
    """The processor as the settings want it."""
    enrich = settings.enrich
    policy = EnrichPolicy(
        partitions=settings.kafka.partitions,
        clock=settings.clock,
        future_tolerance=enrich.future_tolerance,
        duplicate_ids=enrich.duplicate_ids,
        duplicate_age=enrich.duplicate_age,
        reject_share=enrich.reject_share,
    )
    intake = Intake(flatten_attributes=enrich.flatten_attributes)
    return EnrichProcessor(policy, intake, Assembler(Catalogue(own_party=enrich.own_party), Sentiment()))
