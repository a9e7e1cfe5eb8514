-- Groups of minutes whose figures are not the same in facts and aggregates. The latest state is found in the facts
-- alone, so that a gap in place_signals shows as well.
SELECT
    toUnixTimestamp(minute) AS minute,
    which,
    if(any(side) = 'facts', figures, NULL) AS facts,
    if(any(side) = 'figures', figures, NULL) AS aggregate
FROM (
    SELECT
        'facts' AS side, minute,
        (rule, polarity, severity, owner, control, stage, party, channel, status) AS which,
        toString((count(), uniq(customer))) AS figures
    FROM signal_changes
    WHERE minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
        AND (signal_id, (revision, minute)) IN (
            SELECT signal_id, max((revision, minute)) FROM fact_signals GROUP BY signal_id
        )
    GROUP BY minute, which
    UNION ALL
    SELECT
        'figures' AS side, minute,
        (rule, polarity, severity, owner, control, stage, party, channel, status) AS which,
        toString((signals, finalizeAggregation(customers))) AS figures
    FROM minute_signals FINAL
    WHERE signals > 0 AND minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
)
GROUP BY minute, which, figures
HAVING count() != 2
ORDER BY minute, which, facts
LIMIT %(limit)s
