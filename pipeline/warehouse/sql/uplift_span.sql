-- How many customers have decisions with an arm, from when to when; how many such decisions were observed only, and how
-- far touchpoints go.
SELECT
    uniqExactIf(customer, counts) AS customers,
    toUnixTimestamp64Milli(minIf(at, counts)) AS first,
    toUnixTimestamp64Milli(maxIf(at, counts)) AS last,
    countIf(NOT counts) AS observed_only,
    (SELECT toUnixTimestamp64Milli(toDateTime64(max(occurred_at), 3, 'UTC')) FROM touchpoints) AS newest
FROM (
    SELECT customer, at, %(observed)s OR NOT observed OR observed_by = 'ramp' AS counts
    FROM decision_changes
    WHERE arm IN ('treated', 'held_out')
        AND (%(experiment)s = '' OR experiment = %(experiment)s) AND (%(rule)s = '' OR rule = %(rule)s)
        AND at <= toDateTime(%(until)s, 'UTC')
)
