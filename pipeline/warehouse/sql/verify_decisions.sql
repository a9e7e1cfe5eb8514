-- Groups of minutes whose figures are not the same in facts and aggregates. The decision in force is found in the facts
-- alone, so that a gap in place_decisions shows as well.
SELECT
    toUnixTimestamp(minute) AS minute,
    which,
    if(any(side) = 'facts', figures, NULL) AS facts,
    if(any(side) = 'figures', figures, NULL) AS aggregate
FROM (
    SELECT
        'facts' AS side, minute,
        (rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm) AS which,
        toString((count(), uniq(customer), sum(toUnixTimestamp64Milli(at) - toUnixTimestamp64Milli(signal_at))))
            AS figures
    FROM decision_changes
    WHERE minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
        AND (decision_id, (revision, minute)) IN (
            SELECT decision_id, max((revision, minute)) FROM fact_decisions GROUP BY decision_id
        )
    GROUP BY minute, which
    UNION ALL
    SELECT
        'figures' AS side, minute,
        (rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm) AS which,
        toString((decisions, finalizeAggregation(customers), delay_ms)) AS figures
    FROM minute_decisions FINAL
    WHERE decisions > 0 AND minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
)
GROUP BY minute, which, figures
HAVING count() != 2
ORDER BY minute, which, facts
LIMIT %(limit)s
