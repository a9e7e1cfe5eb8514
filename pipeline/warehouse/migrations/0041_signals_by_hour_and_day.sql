-- Signals by hour and day as tables of their own (see 0040).

CREATE TABLE IF NOT EXISTS hour_signals
(
    hour      DateTime('UTC')                 COMMENT 'Start of the hour of at' CODEC(DoubleDelta, ZSTD(1)),
    rule      LowCardinality(String)          COMMENT 'Rule' CODEC(ZSTD(1)),
    polarity  LowCardinality(String)          COMMENT 'Polarity' CODEC(ZSTD(1)),
    severity  LowCardinality(String)          COMMENT 'Severity' CODEC(ZSTD(1)),
    owner     LowCardinality(String)          COMMENT 'Owner' CODEC(ZSTD(1)),
    control   LowCardinality(String)          COMMENT 'Control' CODEC(ZSTD(1)),
    stage     LowCardinality(String)          COMMENT 'Stage' CODEC(ZSTD(1)),
    party     LowCardinality(String)          COMMENT 'Party' CODEC(ZSTD(1)),
    channel   LowCardinality(String)          COMMENT 'Channel' CODEC(ZSTD(1)),
    status    LowCardinality(String)          COMMENT 'Latest status' CODEC(ZSTD(1)),
    version   UInt64                          COMMENT 'Server time of the recount in nanoseconds since 1970; the highest is in force' CODEC(ZSTD(1)),
    signals   UInt64                          COMMENT 'Signals' CODEC(ZSTD(1)),
    customers AggregateFunction(uniq, String) COMMENT 'Distinct customers, mergeable' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(hour)
ORDER BY (hour, rule, polarity, severity, owner, control, stage, party, channel, status)
COMMENT 'Storage of figures by hour, recounted from minute_signals. Read the view signals_by_hour.';

CREATE TABLE IF NOT EXISTS day_signals
(
    day       DateTime('UTC')                 COMMENT 'Start of the day of at' CODEC(DoubleDelta, ZSTD(1)),
    rule      LowCardinality(String)          COMMENT 'Rule' CODEC(ZSTD(1)),
    polarity  LowCardinality(String)          COMMENT 'Polarity' CODEC(ZSTD(1)),
    severity  LowCardinality(String)          COMMENT 'Severity' CODEC(ZSTD(1)),
    owner     LowCardinality(String)          COMMENT 'Owner' CODEC(ZSTD(1)),
    control   LowCardinality(String)          COMMENT 'Control' CODEC(ZSTD(1)),
    stage     LowCardinality(String)          COMMENT 'Stage' CODEC(ZSTD(1)),
    party     LowCardinality(String)          COMMENT 'Party' CODEC(ZSTD(1)),
    channel   LowCardinality(String)          COMMENT 'Channel' CODEC(ZSTD(1)),
    status    LowCardinality(String)          COMMENT 'Latest status' CODEC(ZSTD(1)),
    version   UInt64                          COMMENT 'Server time of the recount in nanoseconds since 1970; the highest is in force' CODEC(ZSTD(1)),
    signals   UInt64                          COMMENT 'Signals' CODEC(ZSTD(1)),
    customers AggregateFunction(uniq, String) COMMENT 'Distinct customers, mergeable' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(day)
ORDER BY (day, rule, polarity, severity, owner, control, stage, party, channel, status)
COMMENT 'Storage of figures by day, recounted from hour_signals. Read the view signals_by_day.';

-- What was counted before this migration. Run again it gives the same figures under a newer version.
INSERT INTO hour_signals (
    hour, rule, polarity, severity, owner, control, stage, party, channel, status, version, signals, customers
)
SELECT
    toStartOfHour(p.minute) AS hour, p.rule AS rule, p.polarity AS polarity, p.severity AS severity, p.owner AS owner,
    p.control AS control, p.stage AS stage, p.party AS party, p.channel AS channel, p.status AS status,
    toUInt64(toUnixTimestamp64Nano(now64(9))) AS version,
    sum(p.signals) AS signals, uniqMergeState(p.customers) AS customers
FROM minute_signals AS p FINAL
WHERE p.signals > 0
GROUP BY hour, rule, polarity, severity, owner, control, stage, party, channel, status
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0,
    max_bytes_before_external_group_by = 500000000;

INSERT INTO day_signals (
    day, rule, polarity, severity, owner, control, stage, party, channel, status, version, signals, customers
)
SELECT
    toStartOfDay(p.hour) AS day, p.rule AS rule, p.polarity AS polarity, p.severity AS severity, p.owner AS owner,
    p.control AS control, p.stage AS stage, p.party AS party, p.channel AS channel, p.status AS status,
    toUInt64(toUnixTimestamp64Nano(now64(9))) AS version,
    sum(p.signals) AS signals, uniqMergeState(p.customers) AS customers
FROM hour_signals AS p FINAL
WHERE p.signals > 0
GROUP BY day, rule, polarity, severity, owner, control, stage, party, channel, status
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0,
    max_bytes_before_external_group_by = 500000000;

CREATE OR REPLACE VIEW signal_states_by_hour
(
    hour      DateTime('UTC')                 COMMENT 'Start of the hour in which the friction became true (UTC)',
    rule      LowCardinality(String)          COMMENT 'Rule',
    polarity  LowCardinality(String)          COMMENT 'friction, need, delight',
    severity  LowCardinality(String)          COMMENT 'low, medium, high, critical',
    owner     LowCardinality(String)          COMMENT 'Department that must act',
    control   LowCardinality(String)          COMMENT 'own, partner, outside',
    stage     LowCardinality(String)          COMMENT 'Stage of the relationship',
    party     LowCardinality(String)          COMMENT 'Department or partner that the evidence names',
    channel   LowCardinality(String)          COMMENT 'Channel of the evidence; empty where there is none',
    status    LowCardinality(String)          COMMENT 'Status as it is now: it moves on as signals are resolved',
    signals   UInt64                          COMMENT 'Signals',
    customers AggregateFunction(uniq, String) COMMENT 'Distinct customers: uniqMerge(customers)'
)
COMMENT 'Signals as they stand now, counted by hour and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    hour, rule, polarity, severity, owner, control, stage, party, channel, status, signals, customers
FROM hour_signals AS f FINAL
WHERE signals > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW signal_states_by_day
(
    day       Date                            COMMENT 'Start of the day in which the friction became true (UTC)',
    rule      LowCardinality(String)          COMMENT 'Rule',
    polarity  LowCardinality(String)          COMMENT 'friction, need, delight',
    severity  LowCardinality(String)          COMMENT 'low, medium, high, critical',
    owner     LowCardinality(String)          COMMENT 'Department that must act',
    control   LowCardinality(String)          COMMENT 'own, partner, outside',
    stage     LowCardinality(String)          COMMENT 'Stage of the relationship',
    party     LowCardinality(String)          COMMENT 'Department or partner that the evidence names',
    channel   LowCardinality(String)          COMMENT 'Channel of the evidence; empty where there is none',
    status    LowCardinality(String)          COMMENT 'Status as it is now: it moves on as signals are resolved',
    signals   UInt64                          COMMENT 'Signals',
    customers AggregateFunction(uniq, String) COMMENT 'Distinct customers: uniqMerge(customers)'
)
COMMENT 'Signals as they stand now, counted by day and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    toDate(f.day) AS day, rule, polarity, severity, owner, control, stage, party, channel, status, signals, customers
FROM day_signals AS f FINAL
WHERE signals > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW signals_by_hour
(
    hour      DateTime('UTC')        COMMENT 'Start of the hour in which the friction became true (UTC)',
    rule      LowCardinality(String) COMMENT 'Rule',
    polarity  LowCardinality(String) COMMENT 'friction, need, delight',
    severity  LowCardinality(String) COMMENT 'low, medium, high, critical',
    owner     LowCardinality(String) COMMENT 'Department that must act',
    control   LowCardinality(String) COMMENT 'own, partner, outside',
    stage     LowCardinality(String) COMMENT 'Stage of the relationship',
    party     LowCardinality(String) COMMENT 'Department or partner that the evidence names',
    channel   LowCardinality(String) COMMENT 'Channel of the evidence; empty where there is none',
    status    LowCardinality(String) COMMENT 'Status as it is now: it moves on as signals are resolved',
    signals   UInt64                 COMMENT 'Signals',
    customers UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see signal_states_by_hour)'
)
COMMENT 'Signals as they stand now, counted by hour and group.'
AS SELECT
    hour, rule, polarity, severity, owner, control, stage, party, channel, status, signals,
    finalizeAggregation(s.customers) AS customers
FROM signal_states_by_hour AS s;

CREATE OR REPLACE VIEW signals_by_day
(
    day       Date                   COMMENT 'Start of the day in which the friction became true (UTC)',
    rule      LowCardinality(String) COMMENT 'Rule',
    polarity  LowCardinality(String) COMMENT 'friction, need, delight',
    severity  LowCardinality(String) COMMENT 'low, medium, high, critical',
    owner     LowCardinality(String) COMMENT 'Department that must act',
    control   LowCardinality(String) COMMENT 'own, partner, outside',
    stage     LowCardinality(String) COMMENT 'Stage of the relationship',
    party     LowCardinality(String) COMMENT 'Department or partner that the evidence names',
    channel   LowCardinality(String) COMMENT 'Channel of the evidence; empty where there is none',
    status    LowCardinality(String) COMMENT 'Status as it is now: it moves on as signals are resolved',
    signals   UInt64                 COMMENT 'Signals',
    customers UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see signal_states_by_day)'
)
COMMENT 'Signals as they stand now, counted by day and group.'
AS SELECT
    day, rule, polarity, severity, owner, control, stage, party, channel, status, signals,
    finalizeAggregation(s.customers) AS customers
FROM signal_states_by_day AS s;
