-- Groups that the newest recount of their period did not find any more get a row of zeros. Run last, by whoever made a
-- recount: of two that are made at the same time, the one that is written last sees what both wrote.
INSERT INTO {period}_touchpoints (
    {period}, channel, kind, stage, party, actor, version
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    old.{period}, old.channel, old.kind, old.stage, old.party, old.actor, newest.version
FROM (
    SELECT {period}, channel, kind, stage, party, actor, version
    FROM {period}_touchpoints FINAL
    WHERE {period} IN (SELECT start FROM asked) AND touchpoints > 0
) AS old
INNER JOIN (
    SELECT {period}, max(version) AS version
    FROM {period}_touchpoints
    WHERE {period} IN (SELECT start FROM asked)
    GROUP BY {period}
) AS newest ON newest.{period} = old.{period}
WHERE old.version < newest.version
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
