-- Every minute that has facts or figures.
SELECT toUnixTimestamp(minute) AS start
FROM (SELECT minute FROM fact_{facts} UNION DISTINCT SELECT minute FROM minute_{facts})
ORDER BY start
