-- Every minute that has facts or figures.
SELECT toUnixTimestamp(minute) AS minute
FROM (SELECT minute FROM fact_signals UNION DISTINCT SELECT minute FROM minute_signals)
ORDER BY minute
