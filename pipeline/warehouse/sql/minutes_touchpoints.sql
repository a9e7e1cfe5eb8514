-- Every minute that has facts or figures.
SELECT toUnixTimestamp(minute) AS minute
FROM (SELECT minute FROM fact_touchpoints UNION DISTINCT SELECT minute FROM minute_touchpoints)
ORDER BY minute
