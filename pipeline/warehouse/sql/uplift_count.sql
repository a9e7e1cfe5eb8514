-- How many touchpoints of some kinds there are, at the most, that may be outcomes.
SELECT sum(touchpoints) AS found
FROM touchpoints_by_hour
WHERE hour >= toStartOfHour(toDateTime(%(first)s, 'UTC')) AND hour < toDateTime(%(last)s, 'UTC')
    AND (has(%(kinds)s, kind) OR arrayExists(prefix -> startsWith(kind, prefix), %(prefixes)s))
