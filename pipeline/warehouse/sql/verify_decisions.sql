-- Groups whose figures are not the same in facts and aggregates, of minutes, hours and days. The decision in force is
-- found in the facts alone, so that a gap in place_decisions shows as well.
SELECT
    period, toUnixTimestamp(start) AS start, which,
    if(any(side) = 'facts', figures, NULL) AS facts,
    if(any(side) = 'figures', figures, NULL) AS aggregate
FROM (
    SELECT
        'facts' AS side, of.1 AS period, of.2 AS start,
        (rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm) AS which,
        toString((count(), uniq(customer), sum(toUnixTimestamp64Milli(at) - toUnixTimestamp64Milli(signal_at))))
            AS figures
    FROM decision_changes
    ARRAY JOIN [('minute', minute), ('hour', toStartOfHour(minute)), ('day', toStartOfDay(minute))] AS of
    WHERE minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
        AND (decision_id, (revision, minute)) IN (
            SELECT decision_id, max((revision, minute)) FROM fact_decisions GROUP BY decision_id
        )
    GROUP BY period, start, which
    UNION ALL
    SELECT
        'figures' AS side, period, start,
        (rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm) AS which,
        toString((decisions, finalizeAggregation(customers), delay_ms)) AS figures
    FROM (
        SELECT 'minute' AS period, minute AS start, * FROM minute_decisions FINAL
        WHERE minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
        UNION ALL
        SELECT 'hour' AS period, hour AS start, * FROM hour_decisions FINAL
        WHERE hour BETWEEN toStartOfHour(toDateTime(%(first)s, 'UTC')) AND toDateTime(%(last)s, 'UTC')
        UNION ALL
        SELECT 'day' AS period, day AS start, * FROM day_decisions FINAL
        WHERE day BETWEEN toStartOfDay(toDateTime(%(first)s, 'UTC')) AND toDateTime(%(last)s, 'UTC')
    )
    WHERE decisions > 0
)
GROUP BY period, start, which, figures
HAVING count() != 2
ORDER BY start, period, which, facts
LIMIT %(limit)s
