-- Every minute that has facts or figures.
SELECT toUnixTimestamp(minute) AS minute
FROM (SELECT minute FROM fact_decisions UNION DISTINCT SELECT minute FROM minute_decisions)
ORDER BY minute
