-- Groups that the newest recount of their minute did not find any more get a row of zeros. Run last, by whoever made a
-- recount: of two that are made at the same time, the one that is written last sees what both wrote.
INSERT INTO minute_decisions (
    minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed,
    route, experiment, arm, version
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(minutes)s))), 'UTC') AS minute)
SELECT
    old.minute, old.rule, old.severity, old.owner, old.control, old.channel, old.purpose, old.outcome, old.reason,
    old.observed, old.route, old.experiment, old.arm, newest.version
FROM (
    SELECT
        minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed,
        route, experiment, arm, version
    FROM minute_decisions FINAL
    WHERE minute IN (SELECT minute FROM asked) AND decisions > 0
) AS old
INNER JOIN (
    SELECT minute, max(version) AS version
    FROM minute_decisions
    WHERE minute IN (SELECT minute FROM asked)
    GROUP BY minute
) AS newest ON newest.minute = old.minute
WHERE old.version < newest.version
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
