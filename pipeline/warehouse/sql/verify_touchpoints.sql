-- Groups whose figures are not the same in facts and aggregates, of minutes, hours and days: each is compared with the
-- facts, not with the smaller ones. Written apart from the recount on purpose.
SELECT
    period, toUnixTimestamp(start) AS start,
    (channel, kind, stage, party, actor) AS which,
    if(any(side) = 'facts', figures, NULL) AS facts,
    if(any(side) = 'figures', figures, NULL) AS aggregate
FROM (
    SELECT
        'facts' AS side, of.1 AS period, of.2 AS start, channel, kind, stage, party, actor,
        toString((
            count(), uniq(customer),
            count(wait_seconds), sum(toUInt64(round(ifNull(wait_seconds, 0) * 1000))),
            quantilesDD(0.01, 0.5, 0.9, 0.99)(wait_seconds),
            count(duration_seconds), sum(toUInt64(round(ifNull(duration_seconds, 0) * 1000))),
            quantilesDD(0.01, 0.5, 0.9, 0.99)(duration_seconds),
            count(sentiment), sum(toInt64(round(ifNull(sentiment, 0) * 1e6))),
            countIf(score_scale = 'csat'), countIf(score_scale = 'csat' AND score >= 4),
            sumIf(toInt64(round(least(greatest(ifNull(score, 0), -1e6), 1e6) * 1e6)), score_scale = 'csat'),
            countIf(score_scale = 'nps'), countIf(score_scale = 'nps' AND score >= 9),
            countIf(score_scale = 'nps' AND score < 7),
            sumIf(toInt64(round(least(greatest(ifNull(score, 0), -1e6), 1e6) * 1e6)), score_scale = 'nps'),
            countIf(score_scale = 'ces'),
            sumIf(toInt64(round(least(greatest(ifNull(score, 0), -1e6), 1e6) * 1e6)), score_scale = 'ces')
        )) AS figures
    FROM touchpoints
    ARRAY JOIN [('minute', minute), ('hour', toStartOfHour(minute)), ('day', toStartOfDay(minute))] AS of
    WHERE minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
    GROUP BY period, start, channel, kind, stage, party, actor
    UNION ALL
    SELECT
        'figures' AS side, period, start, channel, kind, stage, party, actor,
        toString((
            touchpoints, finalizeAggregation(customers), waits, wait_ms, finalizeAggregation(wait_quantiles),
            durations, duration_ms, finalizeAggregation(duration_quantiles), sentiments, sentiment_micros,
            csat_answers, csat_satisfied, csat_micros, nps_answers, nps_promoters, nps_detractors, nps_micros,
            ces_answers, ces_micros
        )) AS figures
    FROM (
        SELECT 'minute' AS period, minute AS start, * FROM minute_touchpoints FINAL
        WHERE minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
        UNION ALL
        SELECT 'hour' AS period, hour AS start, * FROM hour_touchpoints FINAL
        WHERE hour BETWEEN toStartOfHour(toDateTime(%(first)s, 'UTC')) AND toDateTime(%(last)s, 'UTC')
        UNION ALL
        SELECT 'day' AS period, day AS start, * FROM day_touchpoints FINAL
        WHERE day BETWEEN toStartOfDay(toDateTime(%(first)s, 'UTC')) AND toDateTime(%(last)s, 'UTC')
    )
    WHERE touchpoints > 0
)
GROUP BY period, start, channel, kind, stage, party, actor, figures
HAVING count() != 2
ORDER BY start, period, which, facts
LIMIT %(limit)s
