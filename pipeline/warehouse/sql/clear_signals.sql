-- Groups that the newest recount of their period did not find any more get a row of zeros. Run last, by whoever made a
-- recount: of two that are made at the same time, the one that is written last sees what both wrote.
INSERT INTO {period}_signals (
    {period}, rule, polarity, severity, owner, control, stage, party, channel, status, version
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    old.{period}, old.rule, old.polarity, old.severity, old.owner, old.control, old.stage, old.party, old.channel,
    old.status, newest.version
FROM (
    SELECT {period}, rule, polarity, severity, owner, control, stage, party, channel, status, version
    FROM {period}_signals FINAL
    WHERE {period} IN (SELECT start FROM asked) AND signals > 0
) AS old
INNER JOIN (
    SELECT {period}, max(version) AS version
    FROM {period}_signals
    WHERE {period} IN (SELECT start FROM asked)
    GROUP BY {period}
) AS newest ON newest.{period} = old.{period}
WHERE old.version < newest.version
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
