-- Channels that the newest recount of their day did not find any more get a row of zeros. Run last, by whoever made a
-- recount: of two that are made at the same time, the one that is written last sees what both wrote.
INSERT INTO day_customers (day, channel, version)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT old.day, old.channel, newest.version
FROM (
    SELECT day, channel, version FROM day_customers FINAL
    WHERE day IN (SELECT start FROM asked) AND touchpoints > 0
) AS old
INNER JOIN (
    SELECT day, max(version) AS version FROM day_customers
    WHERE day IN (SELECT start FROM asked)
    GROUP BY day
) AS newest ON newest.day = old.day
WHERE old.version < newest.version
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
