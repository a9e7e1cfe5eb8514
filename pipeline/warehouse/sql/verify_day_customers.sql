-- Days whose distinct customers, of all channels or of one, are not those of the facts. Written apart from the recount on
-- purpose.
SELECT
    'day' AS period, toUnixTimestamp(start) AS start, ('distinct customers', if(channel = '', 'all channels', channel)) AS which,
    if(any(side) = 'facts', figures, NULL) AS facts,
    if(any(side) = 'figures', figures, NULL) AS aggregate
FROM (
    SELECT 'facts' AS side, toStartOfDay(minute) AS start, of AS channel, toString((count(), uniq(customer))) AS figures
    FROM touchpoints
    ARRAY JOIN ['', CAST(channel, 'String')] AS of
    WHERE minute BETWEEN toDateTime(%(first)s, 'UTC') AND toDateTime(%(last)s, 'UTC')
    GROUP BY start, channel
    UNION ALL
    SELECT
        'figures' AS side, day AS start, channel,
        toString((touchpoints, finalizeAggregation(customers))) AS figures
    FROM day_customers FINAL
    WHERE day BETWEEN toStartOfDay(toDateTime(%(first)s, 'UTC')) AND toDateTime(%(last)s, 'UTC') AND touchpoints > 0
)
GROUP BY start, channel, figures
HAVING count() != 2
ORDER BY start, which, facts
LIMIT %(limit)s
