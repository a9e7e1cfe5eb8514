-- Counts hours anew from the minutes, or days from the hours: every group of each, under one version.
INSERT INTO {period}_signals (
    {period}, rule, polarity, severity, owner, control, stage, party, channel, status, version, signals, customers
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    date_trunc('{period}', p.{part}) AS {period}, p.rule AS rule, p.polarity AS polarity, p.severity AS severity,
    p.owner AS owner, p.control AS control, p.stage AS stage, p.party AS party, p.channel AS channel,
    p.status AS status,
    %(version)s AS version,
    sum(p.signals) AS signals, uniqMergeState(p.customers) AS customers
FROM {part}_signals AS p FINAL
WHERE date_trunc('{period}', p.{part}) IN (SELECT start FROM asked) AND p.signals > 0
GROUP BY {period}, rule, polarity, severity, owner, control, stage, party, channel, status
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
