-- Touchpoints by hour and day as tables of their own: hours are recounted from minutes and days from hours, as minutes
-- are from facts (sql/merge_touchpoints.sql). Before, they were views over all minutes: half a year read each of them.

CREATE TABLE IF NOT EXISTS hour_touchpoints
(
    hour               DateTime('UTC')                 COMMENT 'Start of the hour' CODEC(DoubleDelta, ZSTD(1)),
    channel            LowCardinality(String)          COMMENT 'Channel' CODEC(ZSTD(1)),
    kind               LowCardinality(String)          COMMENT 'Kind' CODEC(ZSTD(1)),
    stage              LowCardinality(String)          COMMENT 'Stage' CODEC(ZSTD(1)),
    party              LowCardinality(String)          COMMENT 'Party' CODEC(ZSTD(1)),
    actor              LowCardinality(String)          COMMENT 'Actor' CODEC(ZSTD(1)),
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
PARTITION BY toYear(hour)
ORDER BY (hour, channel, kind, stage, party, actor)
COMMENT 'Storage of figures by hour, recounted from minute_touchpoints. Read the view touchpoints_by_hour.';

CREATE TABLE IF NOT EXISTS day_touchpoints
(
    day                DateTime('UTC')                 COMMENT 'Start of the day' CODEC(DoubleDelta, ZSTD(1)),
    channel            LowCardinality(String)          COMMENT 'Channel' CODEC(ZSTD(1)),
    kind               LowCardinality(String)          COMMENT 'Kind' CODEC(ZSTD(1)),
    stage              LowCardinality(String)          COMMENT 'Stage' CODEC(ZSTD(1)),
    party              LowCardinality(String)          COMMENT 'Party' CODEC(ZSTD(1)),
    actor              LowCardinality(String)          COMMENT 'Actor' CODEC(ZSTD(1)),
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
PARTITION BY toYear(day)
ORDER BY (day, channel, kind, stage, party, actor)
COMMENT 'Storage of figures by day, recounted from hour_touchpoints. Read the view touchpoints_by_day.';

-- What was counted before this migration. Run again it gives the same figures under a newer version.
INSERT INTO hour_touchpoints (
    hour, channel, kind, stage, party, actor, version, touchpoints, customers, waits, wait_ms, wait_quantiles,
    durations, duration_ms, duration_quantiles, sentiments, sentiment_micros, csat_answers, csat_satisfied,
    csat_micros, nps_answers, nps_promoters, nps_detractors, nps_micros, ces_answers, ces_micros
)
SELECT
    toStartOfHour(p.minute) AS hour, p.channel AS channel, p.kind AS kind, p.stage AS stage, p.party AS party,
    p.actor AS actor,
    toUInt64(toUnixTimestamp64Nano(now64(9))) AS version,
    sum(p.touchpoints) AS touchpoints, uniqMergeState(p.customers) AS customers,
    sum(p.waits) AS waits, sum(p.wait_ms) AS wait_ms,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.99)(p.wait_quantiles) AS wait_quantiles,
    sum(p.durations) AS durations, sum(p.duration_ms) AS duration_ms,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.99)(p.duration_quantiles) AS duration_quantiles,
    sum(p.sentiments) AS sentiments, sum(p.sentiment_micros) AS sentiment_micros,
    sum(p.csat_answers) AS csat_answers, sum(p.csat_satisfied) AS csat_satisfied, sum(p.csat_micros) AS csat_micros,
    sum(p.nps_answers) AS nps_answers, sum(p.nps_promoters) AS nps_promoters, sum(p.nps_detractors) AS nps_detractors,
    sum(p.nps_micros) AS nps_micros, sum(p.ces_answers) AS ces_answers, sum(p.ces_micros) AS ces_micros
FROM minute_touchpoints AS p FINAL
WHERE p.touchpoints > 0
GROUP BY hour, channel, kind, stage, party, actor
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0,
    max_bytes_before_external_group_by = 500000000;

INSERT INTO day_touchpoints (
    day, channel, kind, stage, party, actor, version, touchpoints, customers, waits, wait_ms, wait_quantiles,
    durations, duration_ms, duration_quantiles, sentiments, sentiment_micros, csat_answers, csat_satisfied,
    csat_micros, nps_answers, nps_promoters, nps_detractors, nps_micros, ces_answers, ces_micros
)
SELECT
    toStartOfDay(p.hour) AS day, p.channel AS channel, p.kind AS kind, p.stage AS stage, p.party AS party,
    p.actor AS actor,
    toUInt64(toUnixTimestamp64Nano(now64(9))) AS version,
    sum(p.touchpoints) AS touchpoints, uniqMergeState(p.customers) AS customers,
    sum(p.waits) AS waits, sum(p.wait_ms) AS wait_ms,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.99)(p.wait_quantiles) AS wait_quantiles,
    sum(p.durations) AS durations, sum(p.duration_ms) AS duration_ms,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.99)(p.duration_quantiles) AS duration_quantiles,
    sum(p.sentiments) AS sentiments, sum(p.sentiment_micros) AS sentiment_micros,
    sum(p.csat_answers) AS csat_answers, sum(p.csat_satisfied) AS csat_satisfied, sum(p.csat_micros) AS csat_micros,
    sum(p.nps_answers) AS nps_answers, sum(p.nps_promoters) AS nps_promoters, sum(p.nps_detractors) AS nps_detractors,
    sum(p.nps_micros) AS nps_micros, sum(p.ces_answers) AS ces_answers, sum(p.ces_micros) AS ces_micros
FROM hour_touchpoints AS p FINAL
WHERE p.touchpoints > 0
GROUP BY day, channel, kind, stage, party, actor
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0,
    max_bytes_before_external_group_by = 500000000;

CREATE OR REPLACE VIEW touchpoint_states_by_hour
(
    hour               DateTime('UTC')                 COMMENT 'Start of the hour (UTC)',
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
COMMENT 'Touchpoints counted by hour and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    hour, channel, kind, stage, party, actor, touchpoints, customers,
    waits, wait_ms / 1000 AS wait_seconds, wait_quantiles,
    durations, duration_ms / 1000 AS duration_seconds, duration_quantiles,
    sentiments, sentiment_micros / 1000000 AS sentiment_sum,
    csat_answers, csat_satisfied, csat_micros / 1000000 AS csat_sum,
    nps_answers, nps_promoters, nps_detractors, nps_micros / 1000000 AS nps_sum,
    ces_answers, ces_micros / 1000000 AS ces_sum
FROM hour_touchpoints AS f FINAL
WHERE touchpoints > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW touchpoint_states_by_day
(
    day                Date                            COMMENT 'Start of the day (UTC)',
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
COMMENT 'Touchpoints counted by day and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    toDate(f.day) AS day, channel, kind, stage, party, actor, touchpoints, customers,
    waits, wait_ms / 1000 AS wait_seconds, wait_quantiles,
    durations, duration_ms / 1000 AS duration_seconds, duration_quantiles,
    sentiments, sentiment_micros / 1000000 AS sentiment_sum,
    csat_answers, csat_satisfied, csat_micros / 1000000 AS csat_sum,
    nps_answers, nps_promoters, nps_detractors, nps_micros / 1000000 AS nps_sum,
    ces_answers, ces_micros / 1000000 AS ces_sum
FROM day_touchpoints AS f FINAL
WHERE touchpoints > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW touchpoints_by_hour
(
    hour             DateTime('UTC')        COMMENT 'Start of the hour (UTC)',
    channel          LowCardinality(String) COMMENT 'Channel',
    kind             LowCardinality(String) COMMENT 'Kind of touchpoint',
    stage            LowCardinality(String) COMMENT 'Stage',
    party            LowCardinality(String) COMMENT 'Party that answers for it',
    actor            LowCardinality(String) COMMENT 'Who did it',
    touchpoints      UInt64                 COMMENT 'Touchpoints',
    customers        UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see touchpoint_states_by_hour)',
    waits            UInt64                 COMMENT 'Touchpoints with a wait',
    wait_seconds     Float64                COMMENT 'Sum of waits in seconds',
    wait_p50         Nullable(Float64)      COMMENT 'Median wait in seconds, within 1 %',
    wait_p90         Nullable(Float64)      COMMENT 'Wait that 9 of 10 stay below, in seconds, within 1 %',
    wait_p99         Nullable(Float64)      COMMENT 'Wait that 99 of 100 stay below, in seconds, within 1 %',
    durations        UInt64                 COMMENT 'Touchpoints with a duration',
    duration_seconds Float64                COMMENT 'Sum of durations in seconds',
    duration_p50     Nullable(Float64)      COMMENT 'Median duration in seconds, within 1 %',
    duration_p90     Nullable(Float64)      COMMENT 'Duration that 9 of 10 stay below, in seconds, within 1 %',
    duration_p99     Nullable(Float64)      COMMENT 'Duration that 99 of 100 stay below, in seconds, within 1 %',
    sentiments       UInt64                 COMMENT 'Touchpoints with a sentiment',
    sentiment_sum    Float64                COMMENT 'Sum of sentiments',
    csat_answers     UInt64                 COMMENT 'CSAT scores',
    csat_satisfied   UInt64                 COMMENT 'CSAT scores of 4 and 5: CSAT is csat_satisfied / csat_answers',
    csat_sum         Float64                COMMENT 'Sum of CSAT scores',
    nps_answers      UInt64                 COMMENT 'NPS scores',
    nps_promoters    UInt64                 COMMENT 'NPS scores of 9 and 10',
    nps_detractors   UInt64                 COMMENT 'NPS scores of 0 to 6: NPS is 100 * (nps_promoters - nps_detractors) / nps_answers',
    nps_sum          Float64                COMMENT 'Sum of NPS scores',
    ces_answers      UInt64                 COMMENT 'CES scores',
    ces_sum          Float64                COMMENT 'Sum of raw CES scores: an average means something only where one scale is in use'
)
COMMENT 'Touchpoints counted by hour and group.'
AS SELECT
    hour, channel, kind, stage, party, actor, touchpoints, finalizeAggregation(s.customers) AS customers,
    waits, wait_seconds,
    if(waits = 0, NULL, finalizeAggregation(s.wait_quantiles)[1]) AS wait_p50,
    if(waits = 0, NULL, finalizeAggregation(s.wait_quantiles)[2]) AS wait_p90,
    if(waits = 0, NULL, finalizeAggregation(s.wait_quantiles)[3]) AS wait_p99,
    durations, duration_seconds,
    if(durations = 0, NULL, finalizeAggregation(s.duration_quantiles)[1]) AS duration_p50,
    if(durations = 0, NULL, finalizeAggregation(s.duration_quantiles)[2]) AS duration_p90,
    if(durations = 0, NULL, finalizeAggregation(s.duration_quantiles)[3]) AS duration_p99,
    sentiments, sentiment_sum, csat_answers, csat_satisfied, csat_sum, nps_answers, nps_promoters, nps_detractors,
    nps_sum, ces_answers, ces_sum
FROM touchpoint_states_by_hour AS s;

CREATE OR REPLACE VIEW touchpoints_by_day
(
    day              Date                   COMMENT 'Start of the day (UTC)',
    channel          LowCardinality(String) COMMENT 'Channel',
    kind             LowCardinality(String) COMMENT 'Kind of touchpoint',
    stage            LowCardinality(String) COMMENT 'Stage',
    party            LowCardinality(String) COMMENT 'Party that answers for it',
    actor            LowCardinality(String) COMMENT 'Who did it',
    touchpoints      UInt64                 COMMENT 'Touchpoints',
    customers        UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see touchpoint_states_by_day)',
    waits            UInt64                 COMMENT 'Touchpoints with a wait',
    wait_seconds     Float64                COMMENT 'Sum of waits in seconds',
    wait_p50         Nullable(Float64)      COMMENT 'Median wait in seconds, within 1 %',
    wait_p90         Nullable(Float64)      COMMENT 'Wait that 9 of 10 stay below, in seconds, within 1 %',
    wait_p99         Nullable(Float64)      COMMENT 'Wait that 99 of 100 stay below, in seconds, within 1 %',
    durations        UInt64                 COMMENT 'Touchpoints with a duration',
    duration_seconds Float64                COMMENT 'Sum of durations in seconds',
    duration_p50     Nullable(Float64)      COMMENT 'Median duration in seconds, within 1 %',
    duration_p90     Nullable(Float64)      COMMENT 'Duration that 9 of 10 stay below, in seconds, within 1 %',
    duration_p99     Nullable(Float64)      COMMENT 'Duration that 99 of 100 stay below, in seconds, within 1 %',
    sentiments       UInt64                 COMMENT 'Touchpoints with a sentiment',
    sentiment_sum    Float64                COMMENT 'Sum of sentiments',
    csat_answers     UInt64                 COMMENT 'CSAT scores',
    csat_satisfied   UInt64                 COMMENT 'CSAT scores of 4 and 5: CSAT is csat_satisfied / csat_answers',
    csat_sum         Float64                COMMENT 'Sum of CSAT scores',
    nps_answers      UInt64                 COMMENT 'NPS scores',
    nps_promoters    UInt64                 COMMENT 'NPS scores of 9 and 10',
    nps_detractors   UInt64                 COMMENT 'NPS scores of 0 to 6: NPS is 100 * (nps_promoters - nps_detractors) / nps_answers',
    nps_sum          Float64                COMMENT 'Sum of NPS scores',
    ces_answers      UInt64                 COMMENT 'CES scores',
    ces_sum          Float64                COMMENT 'Sum of raw CES scores: an average means something only where one scale is in use'
)
COMMENT 'Touchpoints counted by day and group.'
AS SELECT
    day, channel, kind, stage, party, actor, touchpoints, finalizeAggregation(s.customers) AS customers,
    waits, wait_seconds,
    if(waits = 0, NULL, finalizeAggregation(s.wait_quantiles)[1]) AS wait_p50,
    if(waits = 0, NULL, finalizeAggregation(s.wait_quantiles)[2]) AS wait_p90,
    if(waits = 0, NULL, finalizeAggregation(s.wait_quantiles)[3]) AS wait_p99,
    durations, duration_seconds,
    if(durations = 0, NULL, finalizeAggregation(s.duration_quantiles)[1]) AS duration_p50,
    if(durations = 0, NULL, finalizeAggregation(s.duration_quantiles)[2]) AS duration_p90,
    if(durations = 0, NULL, finalizeAggregation(s.duration_quantiles)[3]) AS duration_p99,
    sentiments, sentiment_sum, csat_answers, csat_satisfied, csat_sum, nps_answers, nps_promoters, nps_detractors,
    nps_sum, ces_answers, ces_sum
FROM touchpoint_states_by_day AS s;
