-- How many touchpoints each hour of a range has, so that history can be read in pieces that a reader's limits allow.
SELECT toUnixTimestamp(hour) AS first, sum(touchpoints) AS found
FROM touchpoints_by_hour
WHERE hour >= toStartOfHour(toDateTime(%(first)s, 'UTC')) AND hour < toDateTime(%(last)s, 'UTC')
GROUP BY hour
ORDER BY hour
