-- Signals stand at the day on which the friction became true.
SELECT day, sum(touchpoints) AS touchpoints, sum(signals) AS signals
FROM
(
    SELECT toDate(occurred_at) AS day, count() AS touchpoints, 0 AS signals FROM touchpoints GROUP BY day
    UNION ALL
    SELECT toDate(at) AS day, 0 AS touchpoints, count() AS signals FROM signals GROUP BY day
)
GROUP BY day
ORDER BY day
