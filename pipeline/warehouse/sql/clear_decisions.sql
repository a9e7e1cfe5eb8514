-- Groups that the newest recount of their period did not find any more get a row of zeros. Run last, by whoever made a
-- recount: of two that are made at the same time, the one that is written last sees what both wrote.
INSERT INTO {period}_decisions (
    {period}, rule, severity, owner, control, channel, purpose, outcome, reason, observed,
    route, experiment, arm, version
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    old.{period}, old.rule, old.severity, old.owner, old.control, old.channel, old.purpose, old.outcome, old.reason,
    old.observed, old.route, old.experiment, old.arm, newest.version
FROM (
    SELECT
        {period}, rule, severity, owner, control, channel, purpose, outcome, reason, observed,
        route, experiment, arm, version
    FROM {period}_decisions FINAL
    WHERE {period} IN (SELECT start FROM asked) AND decisions > 0
) AS old
INNER JOIN (
    SELECT {period}, max(version) AS version
    FROM {period}_decisions
    WHERE {period} IN (SELECT start FROM asked)
    GROUP BY {period}
) AS newest ON newest.{period} = old.{period}
WHERE old.version < newest.version
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
