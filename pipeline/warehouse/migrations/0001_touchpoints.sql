-- Touchpoints: the facts, the figures of each minute, and the views to read them by.
-- Facts are sorted by minute, so that a minute is a short read, and then by what makes a touchpoint one.

CREATE TABLE IF NOT EXISTS fact_touchpoints
(
    minute            DateTime('UTC') MATERIALIZED toStartOfMinute(occurred_at) COMMENT 'Start of the minute of occurred_at' CODEC(DoubleDelta, ZSTD(1)),
    occurred_at       DateTime64(3, 'UTC')                COMMENT 'When it happened; times outside 1970 to 2105 are stored as the nearest that fits' CODEC(DoubleDelta, ZSTD(1)),
    source            LowCardinality(String)              COMMENT 'System that reported it',
    event_id          String                              COMMENT 'Id of the event, unique within source' CODEC(ZSTD(1)),
    customer          String                              COMMENT 'Customer id, or a pseudonym that starts with ~ where only an identifier was known' CODEC(ZSTD(1)),
    kind              LowCardinality(String)              COMMENT 'What happened, object first: order.shipped',
    channel           LowCardinality(String)              COMMENT 'Medium that the customer used or met',
    stage             LowCardinality(String)              COMMENT 'Stage of the relationship',
    party             LowCardinality(String)              COMMENT 'Department or partner that answers for it',
    actor             LowCardinality(String)              COMMENT 'Who did it: customer, human (of ours), bot, system, partner',
    subjects          Array(String)                       COMMENT 'What it is about, as type:id' CODEC(ZSTD(1)),
    text              Nullable(String)                    COMMENT 'Free text of the customer or for them' CODEC(ZSTD(3)),
    sentiment         Nullable(Float64)                   COMMENT 'Sentiment of the text, from -1 to 1',
    score_scale       LowCardinality(String)              COMMENT 'Survey scale: csat (1 to 5), nps (0 to 10), ces (raw); empty without a score',
    score             Nullable(Float64)                   COMMENT 'Survey score on its scale',
    score_upper       Nullable(Float64)                   COMMENT 'Upper end of the scale, where it was given',
    score_low_is_good Bool                                COMMENT 'Whether a low score is the good one',
    wait_seconds      Nullable(Float64)                   COMMENT 'Time the customer waited, in seconds',
    duration_seconds  Nullable(Float64)                   COMMENT 'Time it took, in seconds',
    attributes        Map(LowCardinality(String), String) COMMENT 'Further attributes as text, without personal data; absent where the value was null' CODEC(ZSTD(1)),
    received_at       DateTime64(3, 'UTC')                COMMENT 'Lineage: when the broker had it' CODEC(DoubleDelta, ZSTD(1)),
    late_seconds      Float64                             COMMENT 'Lineage: how far it lay behind its raw partition when it came, in seconds',
    raw_partition     UInt32                              COMMENT 'Lineage: partition of touchpoints.raw',
    raw_offset        UInt64                              COMMENT 'Lineage: offset in that partition' CODEC(DoubleDelta, ZSTD(1)),
    inserted_at       DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'Lineage: when the row was written here' CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, source, event_id)
COMMENT 'Storage of touchpoints: may hold a row more than once until parts are merged. Read the view touchpoints.';

-- A recount writes every group of a minute under one version. A group that is gone gets a row of zeros (sql/clear_*.sql).
CREATE TABLE IF NOT EXISTS minute_touchpoints
(
    minute             DateTime('UTC')                 COMMENT 'Start of the minute' CODEC(DoubleDelta, ZSTD(1)),
    channel            LowCardinality(String)          COMMENT 'Channel',
    kind               LowCardinality(String)          COMMENT 'Kind',
    stage              LowCardinality(String)          COMMENT 'Stage',
    party              LowCardinality(String)          COMMENT 'Party',
    actor              LowCardinality(String)          COMMENT 'Actor',
    version            UInt64                          COMMENT 'Server time of the recount in nanoseconds since 1970; the highest is in force' CODEC(ZSTD(1)),
    touchpoints        UInt64                          COMMENT 'Touchpoints' CODEC(ZSTD(1)),
    customers          AggregateFunction(uniq, String) COMMENT 'Distinct customers, mergeable' CODEC(ZSTD(1)),
    waits              UInt64                          COMMENT 'Touchpoints with a wait' CODEC(ZSTD(1)),
    wait_ms            UInt64                          COMMENT 'Sum of waits in milliseconds' CODEC(ZSTD(1)),
    wait_quantiles     AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64) COMMENT 'Waits in seconds, mergeable, within 1 %' CODEC(ZSTD(1)),
    durations          UInt64                          COMMENT 'Touchpoints with a duration' CODEC(ZSTD(1)),
    duration_ms        UInt64                          COMMENT 'Sum of durations in milliseconds' CODEC(ZSTD(1)),
    duration_quantiles AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64) COMMENT 'Durations in seconds, mergeable, within 1 %' CODEC(ZSTD(1)),
    sentiments         UInt64                          COMMENT 'Touchpoints with a sentiment' CODEC(ZSTD(1)),
    sentiment_micros   Int64                           COMMENT 'Sum of sentiments in millionths' CODEC(ZSTD(1)),
    csat_answers       UInt64                          COMMENT 'CSAT scores' CODEC(ZSTD(1)),
    csat_satisfied     UInt64                          COMMENT 'CSAT scores of 4 and more' CODEC(ZSTD(1)),
    csat_micros        Int64                           COMMENT 'Sum of CSAT scores in millionths' CODEC(ZSTD(1)),
    nps_answers        UInt64                          COMMENT 'NPS scores' CODEC(ZSTD(1)),
    nps_promoters      UInt64                          COMMENT 'NPS scores of 9 and more' CODEC(ZSTD(1)),
    nps_detractors     UInt64                          COMMENT 'NPS scores of less than 7' CODEC(ZSTD(1)),
    nps_micros         Int64                           COMMENT 'Sum of NPS scores in millionths' CODEC(ZSTD(1)),
    ces_answers        UInt64                          COMMENT 'CES scores' CODEC(ZSTD(1)),
    ces_micros         Int64                           COMMENT 'Sum of raw CES scores in millionths, each taken as at most a million' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(minute)
ORDER BY (minute, channel, kind, stage, party, actor)
COMMENT 'Storage of figures by minute, recounted from fact_touchpoints. Read the views touchpoints_by_minute, touchpoints_by_hour, touchpoints_by_day.';

CREATE OR REPLACE VIEW touchpoints
(
    occurred_at       DateTime64(3, 'UTC')                COMMENT 'When it happened (UTC)',
    minute            DateTime('UTC')                     COMMENT 'Start of the minute of occurred_at: filter on it for a fast read',
    source            LowCardinality(String)              COMMENT 'System that reported it',
    event_id          String                              COMMENT 'Id of the event, unique within source',
    customer          String                              COMMENT 'Customer id, or a pseudonym that starts with ~ where only an identifier was known',
    kind              LowCardinality(String)              COMMENT 'What happened, object first: order.shipped',
    channel           LowCardinality(String)              COMMENT 'Medium that the customer used or met',
    stage             LowCardinality(String)              COMMENT 'Stage of the relationship',
    party             LowCardinality(String)              COMMENT 'Department or partner that answers for it',
    actor             LowCardinality(String)              COMMENT 'Who did it: customer, human (of ours), bot, system, partner',
    subjects          Array(String)                       COMMENT 'What it is about, as type:id',
    text              Nullable(String)                    COMMENT 'Free text of the customer or for them',
    sentiment         Nullable(Float64)                   COMMENT 'Sentiment of the text, from -1 to 1',
    score_scale       LowCardinality(String)              COMMENT 'Survey scale: csat (1 to 5), nps (0 to 10), ces (raw); empty without a score',
    score             Nullable(Float64)                   COMMENT 'Survey score on its scale',
    score_upper       Nullable(Float64)                   COMMENT 'Upper end of the scale, where it was given',
    score_low_is_good Bool                                COMMENT 'Whether a low score is the good one',
    wait_seconds      Nullable(Float64)                   COMMENT 'Time the customer waited, in seconds',
    duration_seconds  Nullable(Float64)                   COMMENT 'Time it took, in seconds',
    attributes        Map(LowCardinality(String), String) COMMENT 'Further attributes as text: toFloat64OrNull(attributes[''name'']) for a number',
    received_at       DateTime64(3, 'UTC')                COMMENT 'When the broker had it',
    late_seconds      Float64                             COMMENT 'How far it lay behind its raw partition when it came, in seconds'
)
COMMENT 'Every touchpoint once.'
AS SELECT
    occurred_at, minute, source, event_id, customer, kind, channel, stage, party, actor, subjects, text, sentiment,
    score_scale, score, score_upper, score_low_is_good, wait_seconds, duration_seconds, attributes, received_at,
    late_seconds
FROM fact_touchpoints FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW touchpoint_states
(
    minute             DateTime('UTC')                 COMMENT 'Start of the minute (UTC)',
    channel            LowCardinality(String)          COMMENT 'Channel',
    kind               LowCardinality(String)          COMMENT 'Kind of touchpoint',
    stage              LowCardinality(String)          COMMENT 'Stage',
    party              LowCardinality(String)          COMMENT 'Party that answers for it',
    actor              LowCardinality(String)          COMMENT 'Who did it',
    touchpoints        UInt64                          COMMENT 'Touchpoints',
    customers          AggregateFunction(uniq, String) COMMENT 'Distinct customers: uniqMerge(customers)',
    waits              UInt64                          COMMENT 'Touchpoints with a wait',
    wait_seconds       Float64                         COMMENT 'Sum of waits in seconds',
    wait_quantiles     AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64) COMMENT 'Waits in seconds, within 1 %: quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(wait_quantiles)',
    durations          UInt64                          COMMENT 'Touchpoints with a duration',
    duration_seconds   Float64                         COMMENT 'Sum of durations in seconds',
    duration_quantiles AggregateFunction(quantilesDD(0.01, 0.5, 0.9, 0.99), Float64) COMMENT 'Durations in seconds, within 1 %: quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(duration_quantiles)',
    sentiments         UInt64                          COMMENT 'Touchpoints with a sentiment',
    sentiment_sum      Float64                         COMMENT 'Sum of sentiments',
    csat_answers       UInt64                          COMMENT 'CSAT scores',
    csat_satisfied     UInt64                          COMMENT 'CSAT scores of 4 and 5: CSAT is csat_satisfied / csat_answers',
    csat_sum           Float64                         COMMENT 'Sum of CSAT scores',
    nps_answers        UInt64                          COMMENT 'NPS scores',
    nps_promoters      UInt64                          COMMENT 'NPS scores of 9 and 10',
    nps_detractors     UInt64                          COMMENT 'NPS scores of 0 to 6: NPS is 100 * (nps_promoters - nps_detractors) / nps_answers',
    nps_sum            Float64                         COMMENT 'Sum of NPS scores',
    ces_answers        UInt64                          COMMENT 'CES scores',
    ces_sum            Float64                         COMMENT 'Sum of raw CES scores: an average means something only where one scale is in use'
)
COMMENT 'Touchpoints counted by minute and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    minute, channel, kind, stage, party, actor, touchpoints, customers,
    waits, wait_ms / 1000 AS wait_seconds, wait_quantiles,
    durations, duration_ms / 1000 AS duration_seconds, duration_quantiles,
    sentiments, sentiment_micros / 1000000 AS sentiment_sum,
    csat_answers, csat_satisfied, csat_micros / 1000000 AS csat_sum,
    nps_answers, nps_promoters, nps_detractors, nps_micros / 1000000 AS nps_sum,
    ces_answers, ces_micros / 1000000 AS ces_sum
FROM minute_touchpoints FINAL
WHERE touchpoints > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;
