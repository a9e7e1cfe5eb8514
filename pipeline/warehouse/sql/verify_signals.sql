-- Groups whose figures are not the same in facts and aggregates, of minutes, hours and days. The latest state is found in
-- the facts alone, so that a gap in place_signals shows as well.
SELECT
    period, toUnixTimestamp(start) AS start, which,
    if(any(side) = 'facts', figures, NULL) AS facts,
    if(any(side) = 'figures', figures, NULL) AS aggregate
FROM (
    SELECT
        'facts' AS side, of.1 AS period, of.2 AS start,
        (rule, polarity, severity, owner, control, stage, party, channel, status) AS which,
        toString((count(), uniq(customer))) AS figures
    FROM signal_changes
    ARRAY JOIN [('minute', minute), ('hour', toStartOfHour(minute)), ('day', toStartOfDay(minute))] AS of
    WHERE minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
        AND (signal_id, (revision, minute)) IN (
            SELECT signal_id, max((revision, minute)) FROM fact_signals GROUP BY signal_id
        )
    GROUP BY period, start, which
    UNION ALL
    SELECT
        'figures' AS side, period, start,
        (rule, polarity, severity, owner, control, stage, party, channel, status) AS which,
        toString((signals, finalizeAggregation(customers))) AS figures
    FROM (
        SELECT 'minute' AS period, minute AS start, * FROM minute_signals FINAL
        WHERE minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
        UNION ALL
        SELECT 'hour' AS period, hour AS start, * FROM hour_signals FINAL
        WHERE hour BETWEEN toStartOfHour(toDateTime(%(first)s, 'UTC')) AND toDateTime(%(last)s, 'UTC')
        UNION ALL
        SELECT 'day' AS period, day AS start, * FROM day_signals FINAL
        WHERE day BETWEEN toStartOfDay(toDateTime(%(first)s, 'UTC')) AND toDateTime(%(last)s, 'UTC')
    )
    WHERE signals > 0
)
GROUP BY period, start, which, figures
HAVING count() != 2
ORDER BY start, period, which, facts
LIMIT %(limit)s
