-- The months that have facts or figures, as first and last minute.
SELECT toUnixTimestamp(min(start)) AS first, toUnixTimestamp(max(start)) AS last
FROM (
    SELECT minute AS start FROM fact_{facts}
    UNION DISTINCT SELECT minute FROM minute_{facts}
    UNION DISTINCT SELECT hour FROM hour_{facts}
    UNION DISTINCT SELECT day FROM day_{facts}
)
GROUP BY toYYYYMM(start)
ORDER BY first
