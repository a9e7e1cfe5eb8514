-- Months in which customer_touchpoints does not hold the rows that the facts give: their number, and a hash of all of
-- them in which no order matters. Both sides as they are written, so that a replay counts once on either.
SELECT
    'month' AS period, toUnixTimestamp(month) AS start, tuple('customer_touchpoints') AS which,
    if(any(side) = 'facts', figures, NULL) AS facts,
    if(any(side) = 'figures', figures, NULL) AS aggregate
FROM (
    SELECT side, toDateTime(toStartOfMonth(at), 'UTC') AS month, toString((count(), groupBitXor(hash))) AS figures
    FROM (
        SELECT
            'facts' AS side, occurred_at AS at,
            cityHash64(customer, occurred_at, cityHash64(source, event_id)) AS hash
        FROM touchpoints
        UNION ALL
        SELECT 'figures' AS side, occurred_at AS at, cityHash64(customer, occurred_at, event_hash) AS hash
        FROM customer_touchpoints FINAL
    )
    GROUP BY side, month
)
GROUP BY month, figures
HAVING count() != 2
ORDER BY start, facts
LIMIT %(limit)s
SETTINGS do_not_merge_across_partitions_select_final = 1
