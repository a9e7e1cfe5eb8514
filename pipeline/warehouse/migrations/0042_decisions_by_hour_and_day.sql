-- Decisions by hour and day as tables of their own (see 0040).

CREATE TABLE IF NOT EXISTS hour_decisions
(
    hour      DateTime('UTC')                 COMMENT 'Start of the hour of at' CODEC(DoubleDelta, ZSTD(1)),
    rule      LowCardinality(String)          COMMENT 'Rule' CODEC(ZSTD(1)),
    severity  LowCardinality(String)          COMMENT 'Severity' CODEC(ZSTD(1)),
    owner     LowCardinality(String)          COMMENT 'Owner' CODEC(ZSTD(1)),
    control   LowCardinality(String)          COMMENT 'Control' CODEC(ZSTD(1)),
    channel   LowCardinality(String)          COMMENT 'Channel' CODEC(ZSTD(1)),
    purpose   LowCardinality(String)          COMMENT 'Purpose' CODEC(ZSTD(1)),
    outcome   LowCardinality(String)          COMMENT 'Outcome in force' CODEC(ZSTD(1)),
    reason    LowCardinality(String)          COMMENT 'Reason' CODEC(ZSTD(1)),
    observed  Bool                            COMMENT 'Observe mode',
    route     LowCardinality(String)          COMMENT 'Route' CODEC(ZSTD(1)),
    experiment LowCardinality(String)         COMMENT 'Experiment' CODEC(ZSTD(1)),
    arm       LowCardinality(String)          COMMENT 'Arm of the experiment' CODEC(ZSTD(1)),
    version   UInt64                          COMMENT 'Server time of the recount in nanoseconds since 1970; the highest is in force' CODEC(ZSTD(1)),
    decisions UInt64                          COMMENT 'Decisions' CODEC(ZSTD(1)),
    customers AggregateFunction(uniq, String) COMMENT 'Distinct customers, mergeable' CODEC(ZSTD(1)),
    delay_ms  Int64                           COMMENT 'Sum of the time from the friction to the decision in milliseconds' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(hour)
ORDER BY (hour, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm)
COMMENT 'Storage of figures by hour, recounted from minute_decisions. Read the view decisions_by_hour.';

CREATE TABLE IF NOT EXISTS day_decisions
(
    day       DateTime('UTC')                 COMMENT 'Start of the day of at' CODEC(DoubleDelta, ZSTD(1)),
    rule      LowCardinality(String)          COMMENT 'Rule' CODEC(ZSTD(1)),
    severity  LowCardinality(String)          COMMENT 'Severity' CODEC(ZSTD(1)),
    owner     LowCardinality(String)          COMMENT 'Owner' CODEC(ZSTD(1)),
    control   LowCardinality(String)          COMMENT 'Control' CODEC(ZSTD(1)),
    channel   LowCardinality(String)          COMMENT 'Channel' CODEC(ZSTD(1)),
    purpose   LowCardinality(String)          COMMENT 'Purpose' CODEC(ZSTD(1)),
    outcome   LowCardinality(String)          COMMENT 'Outcome in force' CODEC(ZSTD(1)),
    reason    LowCardinality(String)          COMMENT 'Reason' CODEC(ZSTD(1)),
    observed  Bool                            COMMENT 'Observe mode',
    route     LowCardinality(String)          COMMENT 'Route' CODEC(ZSTD(1)),
    experiment LowCardinality(String)         COMMENT 'Experiment' CODEC(ZSTD(1)),
    arm       LowCardinality(String)          COMMENT 'Arm of the experiment' CODEC(ZSTD(1)),
    version   UInt64                          COMMENT 'Server time of the recount in nanoseconds since 1970; the highest is in force' CODEC(ZSTD(1)),
    decisions UInt64                          COMMENT 'Decisions' CODEC(ZSTD(1)),
    customers AggregateFunction(uniq, String) COMMENT 'Distinct customers, mergeable' CODEC(ZSTD(1)),
    delay_ms  Int64                           COMMENT 'Sum of the time from the friction to the decision in milliseconds' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(day)
ORDER BY (day, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm)
COMMENT 'Storage of figures by day, recounted from hour_decisions. Read the view decisions_by_day.';

-- What was counted before this migration. Run again it gives the same figures under a newer version.
INSERT INTO hour_decisions (
    hour, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route,
    experiment, arm, version, decisions, customers, delay_ms
)
SELECT
    toStartOfHour(p.minute) AS hour, p.rule AS rule, p.severity AS severity, p.owner AS owner, p.control AS control,
    p.channel AS channel, p.purpose AS purpose, p.outcome AS outcome, p.reason AS reason, p.observed AS observed,
    p.route AS route, p.experiment AS experiment, p.arm AS arm, toUInt64(toUnixTimestamp64Nano(now64(9))) AS version,
    sum(p.decisions) AS decisions, uniqMergeState(p.customers) AS customers, sum(p.delay_ms) AS delay_ms
FROM minute_decisions AS p FINAL
WHERE p.decisions > 0
GROUP BY hour, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0,
    max_bytes_before_external_group_by = 500000000;

INSERT INTO day_decisions (
    day, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route,
    experiment, arm, version, decisions, customers, delay_ms
)
SELECT
    toStartOfDay(p.hour) AS day, p.rule AS rule, p.severity AS severity, p.owner AS owner, p.control AS control,
    p.channel AS channel, p.purpose AS purpose, p.outcome AS outcome, p.reason AS reason, p.observed AS observed,
    p.route AS route, p.experiment AS experiment, p.arm AS arm, toUInt64(toUnixTimestamp64Nano(now64(9))) AS version,
    sum(p.decisions) AS decisions, uniqMergeState(p.customers) AS customers, sum(p.delay_ms) AS delay_ms
FROM hour_decisions AS p FINAL
WHERE p.decisions > 0
GROUP BY day, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0,
    max_bytes_before_external_group_by = 500000000;

CREATE OR REPLACE VIEW decision_states_by_hour
(
    hour          DateTime('UTC')                 COMMENT 'Start of the hour of the decision (UTC)',
    rule          LowCardinality(String)          COMMENT 'Rule of the signal',
    severity      LowCardinality(String)          COMMENT 'low, medium, high, critical',
    owner         LowCardinality(String)          COMMENT 'Department that must act',
    control       LowCardinality(String)          COMMENT 'own, partner, outside',
    channel       LowCardinality(String)          COMMENT 'Channel of the message; empty without one',
    purpose       LowCardinality(String)          COMMENT 'service or marketing',
    outcome       LowCardinality(String)          COMMENT 'sent, held, suppressed',
    reason        LowCardinality(String)          COMMENT 'The one reason',
    observed      Bool                            COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    route         LowCardinality(String)           COMMENT 'customer (a message), person (a task), owner (a notice)',
    experiment    LowCardinality(String)           COMMENT 'Experiment of the policy',
    arm           LowCardinality(String)           COMMENT 'treated, held_out or none',
    decisions     UInt64                          COMMENT 'Decisions',
    customers     AggregateFunction(uniq, String) COMMENT 'Distinct customers: uniqMerge(customers)',
    delay_seconds Float64                         COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by hour and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    hour, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment,
    arm, decisions, customers, delay_ms / 1000 AS delay_seconds
FROM hour_decisions AS f FINAL
WHERE decisions > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW decision_states_by_day
(
    day           Date                            COMMENT 'Start of the day of the decision (UTC)',
    rule          LowCardinality(String)          COMMENT 'Rule of the signal',
    severity      LowCardinality(String)          COMMENT 'low, medium, high, critical',
    owner         LowCardinality(String)          COMMENT 'Department that must act',
    control       LowCardinality(String)          COMMENT 'own, partner, outside',
    channel       LowCardinality(String)          COMMENT 'Channel of the message; empty without one',
    purpose       LowCardinality(String)          COMMENT 'service or marketing',
    outcome       LowCardinality(String)          COMMENT 'sent, held, suppressed',
    reason        LowCardinality(String)          COMMENT 'The one reason',
    observed      Bool                            COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    route         LowCardinality(String)           COMMENT 'customer (a message), person (a task), owner (a notice)',
    experiment    LowCardinality(String)           COMMENT 'Experiment of the policy',
    arm           LowCardinality(String)           COMMENT 'treated, held_out or none',
    decisions     UInt64                          COMMENT 'Decisions',
    customers     AggregateFunction(uniq, String) COMMENT 'Distinct customers: uniqMerge(customers)',
    delay_seconds Float64                         COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by day and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    toDate(f.day) AS day, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route,
    experiment, arm, decisions, customers, delay_ms / 1000 AS delay_seconds
FROM day_decisions AS f FINAL
WHERE decisions > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW decisions_by_hour
(
    hour          DateTime('UTC')        COMMENT 'Start of the hour of the decision (UTC)',
    rule          LowCardinality(String) COMMENT 'Rule of the signal',
    severity      LowCardinality(String) COMMENT 'low, medium, high, critical',
    owner         LowCardinality(String) COMMENT 'Department that must act',
    control       LowCardinality(String) COMMENT 'own, partner, outside',
    channel       LowCardinality(String) COMMENT 'Channel of the message; empty without one',
    purpose       LowCardinality(String) COMMENT 'service or marketing',
    outcome       LowCardinality(String) COMMENT 'sent, held, suppressed',
    reason        LowCardinality(String) COMMENT 'The one reason',
    observed      Bool                   COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    route         LowCardinality(String)  COMMENT 'customer (a message), person (a task), owner (a notice)',
    experiment    LowCardinality(String)  COMMENT 'Experiment of the policy',
    arm           LowCardinality(String)  COMMENT 'treated, held_out or none',
    decisions     UInt64                 COMMENT 'Decisions',
    customers     UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see decision_states_by_hour)',
    delay_seconds Float64                COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by hour and group.'
AS SELECT
    hour, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment,
    arm, decisions, finalizeAggregation(s.customers) AS customers, delay_seconds
FROM decision_states_by_hour AS s;

CREATE OR REPLACE VIEW decisions_by_day
(
    day           Date                   COMMENT 'Start of the day of the decision (UTC)',
    rule          LowCardinality(String) COMMENT 'Rule of the signal',
    severity      LowCardinality(String) COMMENT 'low, medium, high, critical',
    owner         LowCardinality(String) COMMENT 'Department that must act',
    control       LowCardinality(String) COMMENT 'own, partner, outside',
    channel       LowCardinality(String) COMMENT 'Channel of the message; empty without one',
    purpose       LowCardinality(String) COMMENT 'service or marketing',
    outcome       LowCardinality(String) COMMENT 'sent, held, suppressed',
    reason        LowCardinality(String) COMMENT 'The one reason',
    observed      Bool                   COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    route         LowCardinality(String)  COMMENT 'customer (a message), person (a task), owner (a notice)',
    experiment    LowCardinality(String)  COMMENT 'Experiment of the policy',
    arm           LowCardinality(String)  COMMENT 'treated, held_out or none',
    decisions     UInt64                 COMMENT 'Decisions',
    customers     UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see decision_states_by_day)',
    delay_seconds Float64                COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by day and group.'
AS SELECT
    day, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment,
    arm, decisions, finalizeAggregation(s.customers) AS customers, delay_seconds
FROM decision_states_by_day AS s;
