-- Counts minutes anew from the latest state of each signal: every group of each, under one version.
INSERT INTO minute_signals (
    minute, rule, polarity, severity, owner, control, stage, party, channel, status, version, signals, customers
)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT
    minute, rule, polarity, severity, owner, control, stage, party, channel, status, %(version)s AS version,
    count() AS signals, uniqState(customer) AS customers
FROM fact_signals FINAL
WHERE minute IN (SELECT start FROM asked)
    AND (signal_id, (revision, minute)) IN (
        SELECT signal_id, max((revision, minute))
        FROM place_signals
        WHERE signal_id IN (SELECT signal_id FROM fact_signals WHERE minute IN (SELECT start FROM asked))
        GROUP BY signal_id
    )
GROUP BY minute, rule, polarity, severity, owner, control, stage, party, channel, status
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0, max_threads = 1
