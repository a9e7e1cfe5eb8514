-- What people read: plain numbers. Hours and days merge the minutes, so that they can't differ from them.

CREATE OR REPLACE VIEW touchpoints_by_minute
(
    minute           DateTime('UTC')        COMMENT 'Start of the minute (UTC)',
    channel          LowCardinality(String) COMMENT 'Channel',
    kind             LowCardinality(String) COMMENT 'Kind of touchpoint',
    stage            LowCardinality(String) COMMENT 'Stage',
    party            LowCardinality(String) COMMENT 'Party that answers for it',
    actor            LowCardinality(String) COMMENT 'Who did it',
    touchpoints      UInt64                 COMMENT 'Touchpoints',
    customers        UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see touchpoint_states)',
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
COMMENT 'Touchpoints counted by minute and group.'
AS SELECT
    minute, channel, kind, stage, party, actor, touchpoints, finalizeAggregation(s.customers) AS customers,
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
FROM touchpoint_states AS s;

CREATE OR REPLACE VIEW touchpoints_by_hour
(
    hour             DateTime('UTC')        COMMENT 'Start of the hour (UTC)',
    channel          LowCardinality(String) COMMENT 'Channel',
    kind             LowCardinality(String) COMMENT 'Kind of touchpoint',
    stage            LowCardinality(String) COMMENT 'Stage',
    party            LowCardinality(String) COMMENT 'Party that answers for it',
    actor            LowCardinality(String) COMMENT 'Who did it',
    touchpoints      UInt64                 COMMENT 'Touchpoints',
    customers        UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see touchpoint_states)',
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
    toStartOfHour(s.minute) AS hour, s.channel AS channel, s.kind AS kind, s.stage AS stage, s.party AS party,
    s.actor AS actor, sum(s.touchpoints) AS touchpoints, uniqMerge(s.customers) AS customers,
    sum(s.waits) AS waits, sum(s.wait_seconds) AS wait_seconds,
    if(waits = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.wait_quantiles)[1]) AS wait_p50,
    if(waits = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.wait_quantiles)[2]) AS wait_p90,
    if(waits = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.wait_quantiles)[3]) AS wait_p99,
    sum(s.durations) AS durations, sum(s.duration_seconds) AS duration_seconds,
    if(durations = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.duration_quantiles)[1]) AS duration_p50,
    if(durations = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.duration_quantiles)[2]) AS duration_p90,
    if(durations = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.duration_quantiles)[3]) AS duration_p99,
    sum(s.sentiments) AS sentiments, sum(s.sentiment_sum) AS sentiment_sum, sum(s.csat_answers) AS csat_answers,
    sum(s.csat_satisfied) AS csat_satisfied, sum(s.csat_sum) AS csat_sum, sum(s.nps_answers) AS nps_answers,
    sum(s.nps_promoters) AS nps_promoters, sum(s.nps_detractors) AS nps_detractors, sum(s.nps_sum) AS nps_sum,
    sum(s.ces_answers) AS ces_answers, sum(s.ces_sum) AS ces_sum
FROM touchpoint_states AS s
GROUP BY hour, channel, kind, stage, party, actor;

CREATE OR REPLACE VIEW touchpoints_by_day
(
    day              Date                   COMMENT 'Start of the day (UTC)',
    channel          LowCardinality(String) COMMENT 'Channel',
    kind             LowCardinality(String) COMMENT 'Kind of touchpoint',
    stage            LowCardinality(String) COMMENT 'Stage',
    party            LowCardinality(String) COMMENT 'Party that answers for it',
    actor            LowCardinality(String) COMMENT 'Who did it',
    touchpoints      UInt64                 COMMENT 'Touchpoints',
    customers        UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see touchpoint_states)',
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
    toDate(s.minute) AS day, s.channel AS channel, s.kind AS kind, s.stage AS stage, s.party AS party,
    s.actor AS actor, sum(s.touchpoints) AS touchpoints, uniqMerge(s.customers) AS customers,
    sum(s.waits) AS waits, sum(s.wait_seconds) AS wait_seconds,
    if(waits = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.wait_quantiles)[1]) AS wait_p50,
    if(waits = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.wait_quantiles)[2]) AS wait_p90,
    if(waits = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.wait_quantiles)[3]) AS wait_p99,
    sum(s.durations) AS durations, sum(s.duration_seconds) AS duration_seconds,
    if(durations = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.duration_quantiles)[1]) AS duration_p50,
    if(durations = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.duration_quantiles)[2]) AS duration_p90,
    if(durations = 0, NULL, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(s.duration_quantiles)[3]) AS duration_p99,
    sum(s.sentiments) AS sentiments, sum(s.sentiment_sum) AS sentiment_sum, sum(s.csat_answers) AS csat_answers,
    sum(s.csat_satisfied) AS csat_satisfied, sum(s.csat_sum) AS csat_sum, sum(s.nps_answers) AS nps_answers,
    sum(s.nps_promoters) AS nps_promoters, sum(s.nps_detractors) AS nps_detractors, sum(s.nps_sum) AS nps_sum,
    sum(s.ces_answers) AS ces_answers, sum(s.ces_sum) AS ces_sum
FROM touchpoint_states AS s
GROUP BY day, channel, kind, stage, party, actor;
