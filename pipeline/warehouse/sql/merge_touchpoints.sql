-- Counts hours anew from the minutes, or days from the hours: every group of each, under one version.
INSERT INTO {period}_touchpoints (
    {period}, channel, kind, stage, party, actor, version, touchpoints, customers, waits, wait_ms, wait_quantiles,
    durations, duration_ms, duration_quantiles, sentiments, sentiment_micros, csat_answers, csat_satisfied,
    csat_micros, nps_answers, nps_promoters, nps_detractors, nps_micros, ces_answers, ces_micros
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    date_trunc('{period}', p.{part}) AS {period}, p.channel AS channel, p.kind AS kind, p.stage AS stage,
    p.party AS party, p.actor AS actor,
    %(version)s AS version,
    sum(p.touchpoints) AS touchpoints, uniqMergeState(p.customers) AS customers,
    sum(p.waits) AS waits, sum(p.wait_ms) AS wait_ms,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.99)(p.wait_quantiles) AS wait_quantiles,
    sum(p.durations) AS durations, sum(p.duration_ms) AS duration_ms,
    quantilesDDMergeState(0.01, 0.5, 0.9, 0.99)(p.duration_quantiles) AS duration_quantiles,
    sum(p.sentiments) AS sentiments, sum(p.sentiment_micros) AS sentiment_micros,
    sum(p.csat_answers) AS csat_answers, sum(p.csat_satisfied) AS csat_satisfied, sum(p.csat_micros) AS csat_micros,
    sum(p.nps_answers) AS nps_answers, sum(p.nps_promoters) AS nps_promoters, sum(p.nps_detractors) AS nps_detractors,
    sum(p.nps_micros) AS nps_micros, sum(p.ces_answers) AS ces_answers, sum(p.ces_micros) AS ces_micros
FROM {part}_touchpoints AS p FINAL
WHERE date_trunc('{period}', p.{part}) IN (SELECT start FROM asked) AND p.touchpoints > 0
GROUP BY {period}, channel, kind, stage, party, actor
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
