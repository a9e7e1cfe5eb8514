-- Counts hours anew from the minutes, or days from the hours: every group of each, under one version.
INSERT INTO {period}_decisions (
    {period}, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route,
    experiment, arm, version, decisions, customers, delay_ms
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    date_trunc('{period}', p.{part}) AS {period}, p.rule AS rule, p.severity AS severity, p.owner AS owner,
    p.control AS control, p.channel AS channel, p.purpose AS purpose, p.outcome AS outcome, p.reason AS reason,
    p.observed AS observed, p.route AS route, p.experiment AS experiment, p.arm AS arm,
    %(version)s AS version,
    sum(p.decisions) AS decisions, uniqMergeState(p.customers) AS customers, sum(p.delay_ms) AS delay_ms
FROM {part}_decisions AS p FINAL
WHERE date_trunc('{period}', p.{part}) IN (SELECT start FROM asked) AND p.decisions > 0
GROUP BY {period}, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
