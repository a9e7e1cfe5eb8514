-- Groups that the newest recount of their minute did not find any more get a row of zeros. Run last, by whoever made a
-- recount: of two that are made at the same time, the one that is written last sees what both wrote.
INSERT INTO minute_touchpoints (
    minute, channel, kind, stage, party, actor, version
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(minutes)s))), 'UTC') AS minute)
SELECT
    old.minute, old.channel, old.kind, old.stage, old.party, old.actor, newest.version
FROM (
    SELECT minute, channel, kind, stage, party, actor, version
    FROM minute_touchpoints FINAL
    WHERE minute IN (SELECT minute FROM asked) AND touchpoints > 0
) AS old
INNER JOIN (
    SELECT minute, max(version) AS version
    FROM minute_touchpoints
    WHERE minute IN (SELECT minute FROM asked)
    GROUP BY minute
) AS newest ON newest.minute = old.minute
WHERE old.version < newest.version
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
