-- Merges the distinct customers of days from what was just counted of them: of all channels (an empty one) and of each,
-- under the version of that count.
INSERT INTO day_customers (day, channel, version, touchpoints, customers)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    d.day AS day, of AS channel, %(version)s AS version,
    sum(d.touchpoints) AS touchpoints, uniqMergeState(d.customers) AS customers
FROM day_touchpoints AS d FINAL
ARRAY JOIN ['', CAST(d.channel, 'String')] AS of
WHERE d.day IN (SELECT start FROM asked) AND d.touchpoints > 0
GROUP BY day, channel
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
