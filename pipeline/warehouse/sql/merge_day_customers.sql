-- Merges the distinct customers of days from what was just counted of them: of all channels (an empty one) and of each,
-- under the version of that count. A day always has its row of all channels, of zeros if need be: by that the others
-- are known to be old (clear_day_customers.sql). One insert, so that all rows of a version are seen at once.
INSERT INTO day_customers (day, channel, version, touchpoints, customers)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    c.day AS day, c.of AS channel, %(version)s AS version,
    sum(c.touchpoints) AS touchpoints, uniqMergeState(c.customers) AS customers
FROM (
    SELECT d.day AS day, of, d.touchpoints AS touchpoints, d.customers AS customers
    FROM day_touchpoints AS d FINAL
    ARRAY JOIN ['', CAST(d.channel, 'String')] AS of
    WHERE d.day IN (SELECT start FROM asked) AND d.touchpoints > 0
    UNION ALL
    SELECT start AS day, '' AS of, toUInt64(0) AS touchpoints,
        arrayReduce('uniqState', CAST([], 'Array(String)')) AS customers
    FROM asked
) AS c
GROUP BY day, channel
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
