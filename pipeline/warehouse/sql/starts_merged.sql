-- Every hour (or day) that has figures, or has minutes (or hours) with figures.
SELECT toUnixTimestamp(start) AS start
FROM (
    SELECT date_trunc('{period}', {part}) AS start FROM {part}_{facts} UNION DISTINCT SELECT {period} FROM {period}_{facts}
)
ORDER BY start
