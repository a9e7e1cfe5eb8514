-- Counts minutes anew from the decisions in force: every group of each, under one version.
INSERT INTO minute_decisions (
    minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed,
    route, experiment, arm, version, decisions, customers, delay_ms
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed,
    route, experiment, arm, %(version)s AS version,
    count() AS decisions, uniqState(customer) AS customers,
    sum(toUnixTimestamp64Milli(at) - toUnixTimestamp64Milli(signal_at)) AS delay_ms
FROM fact_decisions FINAL
WHERE minute IN (SELECT start FROM asked)
    AND (decision_id, (revision, minute)) IN (
        SELECT decision_id, max((revision, minute))
        FROM place_decisions
        WHERE decision_id IN (SELECT decision_id FROM fact_decisions WHERE minute IN (SELECT start FROM asked))
        GROUP BY decision_id
    )
GROUP BY minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed,
    route, experiment, arm
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
