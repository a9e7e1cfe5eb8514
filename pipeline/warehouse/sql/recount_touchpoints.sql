-- Counts minutes anew from the facts: every group of each, under one version.
INSERT INTO minute_touchpoints (
    minute, channel, kind, stage, party, actor, version, touchpoints, customers, waits, wait_ms, wait_quantiles,
    durations, duration_ms, duration_quantiles, sentiments, sentiment_micros, csat_answers, csat_satisfied, csat_micros,
    nps_answers, nps_promoters, nps_detractors, nps_micros, ces_answers, ces_micros
)
WITH
    asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start),
    -- Sums are of whole numbers: sums of floats depend on the order in which rows are read.
    toInt64(round(least(greatest(ifNull(score, 0), -1e6), 1e6) * 1e6)) AS micros
SELECT
    minute, channel, kind, stage, party, actor, %(version)s AS version,
    count() AS touchpoints, uniqState(customer) AS customers,
    count(wait_seconds) AS waits, sum(toUInt64(round(ifNull(wait_seconds, 0) * 1000))) AS wait_ms,
    quantilesDDStateIf(0.01, 0.5, 0.9, 0.99)(assumeNotNull(wait_seconds), isNotNull(wait_seconds)) AS wait_quantiles,
    count(duration_seconds) AS durations,
    sum(toUInt64(round(ifNull(duration_seconds, 0) * 1000))) AS duration_ms,
    quantilesDDStateIf(0.01, 0.5, 0.9, 0.99)(assumeNotNull(duration_seconds), isNotNull(duration_seconds))
        AS duration_quantiles,
    count(sentiment) AS sentiments, sum(toInt64(round(ifNull(sentiment, 0) * 1e6))) AS sentiment_micros,
    countIf(score_scale = 'csat') AS csat_answers, countIf(score_scale = 'csat' AND score >= 4) AS csat_satisfied,
    sumIf(micros, score_scale = 'csat') AS csat_micros,
    countIf(score_scale = 'nps') AS nps_answers, countIf(score_scale = 'nps' AND score >= 9) AS nps_promoters,
    countIf(score_scale = 'nps' AND score < 7) AS nps_detractors, sumIf(micros, score_scale = 'nps') AS nps_micros,
    countIf(score_scale = 'ces') AS ces_answers, sumIf(micros, score_scale = 'ces') AS ces_micros
FROM fact_touchpoints FINAL
WHERE minute IN (SELECT start FROM asked)
GROUP BY minute, channel, kind, stage, party, actor
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
