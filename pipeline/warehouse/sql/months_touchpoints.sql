-- The months that have facts or figures, as first and last minute.
SELECT toUnixTimestamp(min(minute)) AS first, toUnixTimestamp(max(minute)) AS last
FROM (SELECT minute FROM fact_touchpoints UNION DISTINCT SELECT minute FROM minute_touchpoints)
GROUP BY toYYYYMM(minute)
ORDER BY first
