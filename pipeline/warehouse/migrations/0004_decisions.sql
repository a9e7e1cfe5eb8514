-- Decisions: every change of each, the one in force, and the figures of each minute. Addresses and the text of the
-- message are not stored: the ledger on Kafka and the outbox have them.

CREATE TABLE IF NOT EXISTS fact_decisions
(
    minute           DateTime('UTC') MATERIALIZED toStartOfMinute(at) COMMENT 'Start of the minute of at' CODEC(DoubleDelta, ZSTD(1)),
    decision_id      String                        COMMENT 'Id of the decision: one for each signal' CODEC(ZSTD(1)),
    revision         UInt32                        COMMENT 'Number of the change, rising; the highest is in force',
    signal_id        String                        COMMENT 'Signal that was decided upon' CODEC(ZSTD(1)),
    signal_revision  UInt32                        COMMENT 'Change of the signal that was known',
    rule             LowCardinality(String)        COMMENT 'Rule of the signal',
    severity         LowCardinality(String)        COMMENT 'low, medium, high, critical',
    owner            LowCardinality(String)        COMMENT 'Department that must act',
    control          LowCardinality(String)        COMMENT 'own, partner, outside',
    customer         String                        COMMENT 'Customer' CODEC(ZSTD(1)),
    counted_by       String                        COMMENT 'Group that the rule counts by: the customer, or a subject such as order:123' CODEC(ZSTD(1)),
    outcome          LowCardinality(String)        COMMENT 'sent, held (waits for the end of quiet hours), suppressed',
    reason           LowCardinality(String)        COMMENT 'The one reason',
    observed         Bool                          COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    purpose          LowCardinality(String)        COMMENT 'service or marketing',
    channel          LowCardinality(String)        COMMENT 'Channel of the message; empty without one',
    explanation      String                        COMMENT 'Why, in words' CODEC(ZSTD(1)),
    signal_at        DateTime64(3, 'UTC')          COMMENT 'When the friction became true' CODEC(DoubleDelta, ZSTD(1)),
    at               DateTime64(3, 'UTC')          COMMENT 'Event time of the decision' CODEC(DoubleDelta, ZSTD(1)),
    release_at       Nullable(DateTime64(3, 'UTC')) COMMENT 'When a held decision is taken up again',
    profile_revision UInt64                        COMMENT 'Revision of the customer profile that was known',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'Lineage: when the row was written here' CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, decision_id, revision)
COMMENT 'Storage of each change of a decision: may hold a row more than once until parts are merged. Read decisions or decision_changes.';

CREATE TABLE IF NOT EXISTS place_decisions
(
    decision_id String          COMMENT 'Id of the decision' CODEC(ZSTD(1)),
    revision    UInt32          COMMENT 'Number of the change',
    minute      DateTime('UTC') COMMENT 'Minute under which fact_decisions holds the change' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (decision_id, revision, minute)
SETTINGS index_granularity = 512
COMMENT 'Index of fact_decisions by id, written with it.';

CREATE MATERIALIZED VIEW IF NOT EXISTS place_decisions_feed TO place_decisions
(
    decision_id String          COMMENT 'Id of the decision',
    revision    UInt32          COMMENT 'Number of the change',
    minute      DateTime('UTC') COMMENT 'Minute under which fact_decisions holds the change'
)
COMMENT 'Writes place_decisions.'
AS SELECT decision_id, revision, minute FROM fact_decisions;

CREATE TABLE IF NOT EXISTS minute_decisions
(
    minute    DateTime('UTC')                 COMMENT 'Start of the minute of at' CODEC(DoubleDelta, ZSTD(1)),
    rule      LowCardinality(String)          COMMENT 'Rule',
    severity  LowCardinality(String)          COMMENT 'Severity',
    owner     LowCardinality(String)          COMMENT 'Owner',
    control   LowCardinality(String)          COMMENT 'Control',
    channel   LowCardinality(String)          COMMENT 'Channel',
    purpose   LowCardinality(String)          COMMENT 'Purpose',
    outcome   LowCardinality(String)          COMMENT 'Outcome in force',
    reason    LowCardinality(String)          COMMENT 'Reason',
    observed  Bool                            COMMENT 'Observe mode',
    version   UInt64                          COMMENT 'Server time of the recount in nanoseconds since 1970; the highest is in force' CODEC(ZSTD(1)),
    decisions UInt64                          COMMENT 'Decisions' CODEC(ZSTD(1)),
    customers AggregateFunction(uniq, String) COMMENT 'Distinct customers, mergeable' CODEC(ZSTD(1)),
    delay_ms  Int64                           COMMENT 'Sum of the time from the friction to the decision in milliseconds' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(minute)
ORDER BY (minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed)
COMMENT 'Storage of figures by minute, recounted from fact_decisions. Read the views decisions_by_minute, decisions_by_hour, decisions_by_day.';

CREATE OR REPLACE VIEW decision_changes
(
    decision_id      String                        COMMENT 'Id of the decision: one for each signal',
    revision         UInt32                        COMMENT 'Number of the change, rising; the highest is in force',
    signal_id        String                        COMMENT 'Signal that was decided upon',
    signal_revision  UInt32                        COMMENT 'Change of the signal that was known',
    rule             LowCardinality(String)        COMMENT 'Rule of the signal',
    severity         LowCardinality(String)        COMMENT 'low, medium, high, critical',
    owner            LowCardinality(String)        COMMENT 'Department that must act',
    control          LowCardinality(String)        COMMENT 'own, partner, outside',
    customer         String                        COMMENT 'Customer',
    counted_by       String                        COMMENT 'Group that the rule counts by: the customer, or a subject such as order:123',
    outcome          LowCardinality(String)        COMMENT 'sent, held (waits for the end of quiet hours), suppressed',
    reason           LowCardinality(String)        COMMENT 'The one reason',
    observed         Bool                          COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    purpose          LowCardinality(String)        COMMENT 'service or marketing',
    channel          LowCardinality(String)        COMMENT 'Channel of the message; empty without one',
    explanation      String                        COMMENT 'Why, in words',
    signal_at        DateTime64(3, 'UTC')          COMMENT 'When the friction became true (UTC)',
    at               DateTime64(3, 'UTC')          COMMENT 'Event time of the decision (UTC)',
    minute           DateTime('UTC')               COMMENT 'Start of the minute of at: filter on it for a fast read',
    release_at       Nullable(DateTime64(3, 'UTC')) COMMENT 'When a held decision is taken up again',
    profile_revision UInt64                        COMMENT 'Revision of the customer profile that was known'
)
COMMENT 'Every change of each decision, once: a held decision is revised when it is released or cancelled.'
AS SELECT
    decision_id, revision, signal_id, signal_revision, rule, severity, owner, control, customer, counted_by, outcome,
    reason, observed, purpose, channel, explanation, signal_at, at, minute, release_at, profile_revision
FROM fact_decisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW decisions
(
    decision_id      String                        COMMENT 'Id of the decision: one for each signal',
    revision         UInt32                        COMMENT 'Number of the latest change',
    signal_id        String                        COMMENT 'Signal that was decided upon',
    signal_revision  UInt32                        COMMENT 'Change of the signal that was known',
    rule             LowCardinality(String)        COMMENT 'Rule of the signal',
    severity         LowCardinality(String)        COMMENT 'low, medium, high, critical',
    owner            LowCardinality(String)        COMMENT 'Department that must act',
    control          LowCardinality(String)        COMMENT 'own, partner, outside',
    customer         String                        COMMENT 'Customer',
    counted_by       String                        COMMENT 'Group that the rule counts by: the customer, or a subject such as order:123',
    outcome          LowCardinality(String)        COMMENT 'sent, held (waits for the end of quiet hours), suppressed',
    reason           LowCardinality(String)        COMMENT 'The one reason',
    observed         Bool                          COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    purpose          LowCardinality(String)        COMMENT 'service or marketing',
    channel          LowCardinality(String)        COMMENT 'Channel of the message; empty without one',
    explanation      String                        COMMENT 'Why, in words',
    signal_at        DateTime64(3, 'UTC')          COMMENT 'When the friction became true (UTC)',
    at               DateTime64(3, 'UTC')          COMMENT 'Event time of the decision (UTC)',
    minute           DateTime('UTC')               COMMENT 'Start of the minute of at: filter on it for a fast read',
    release_at       Nullable(DateTime64(3, 'UTC')) COMMENT 'When a held decision is taken up again',
    profile_revision UInt64                        COMMENT 'Revision of the customer profile that was known'
)
COMMENT 'Every decision once, as it is in force.'
AS SELECT
    decision_id, revision, signal_id, signal_revision, rule, severity, owner, control, customer, counted_by, outcome,
    reason, observed, purpose, channel, explanation, signal_at, at, minute, release_at, profile_revision
FROM fact_decisions FINAL
WHERE (decision_id, (revision, minute)) IN (
    SELECT decision_id, max((revision, minute)) FROM place_decisions GROUP BY decision_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW decision_states
(
    minute        DateTime('UTC')                 COMMENT 'Start of the minute of the decision (UTC)',
    rule          LowCardinality(String)          COMMENT 'Rule of the signal',
    severity      LowCardinality(String)          COMMENT 'low, medium, high, critical',
    owner         LowCardinality(String)          COMMENT 'Department that must act',
    control       LowCardinality(String)          COMMENT 'own, partner, outside',
    channel       LowCardinality(String)          COMMENT 'Channel of the message; empty without one',
    purpose       LowCardinality(String)          COMMENT 'service or marketing',
    outcome       LowCardinality(String)          COMMENT 'sent, held, suppressed',
    reason        LowCardinality(String)          COMMENT 'The one reason',
    observed      Bool                            COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    decisions     UInt64                          COMMENT 'Decisions',
    customers     AggregateFunction(uniq, String) COMMENT 'Distinct customers: uniqMerge(customers)',
    delay_seconds Float64                         COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by minute and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed, decisions, customers,
    delay_ms / 1000 AS delay_seconds
FROM minute_decisions FINAL
WHERE decisions > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW decisions_by_minute
(
    minute        DateTime('UTC')        COMMENT 'Start of the minute of the decision (UTC)',
    rule          LowCardinality(String) COMMENT 'Rule of the signal',
    severity      LowCardinality(String) COMMENT 'low, medium, high, critical',
    owner         LowCardinality(String) COMMENT 'Department that must act',
    control       LowCardinality(String) COMMENT 'own, partner, outside',
    channel       LowCardinality(String) COMMENT 'Channel of the message; empty without one',
    purpose       LowCardinality(String) COMMENT 'service or marketing',
    outcome       LowCardinality(String) COMMENT 'sent, held, suppressed',
    reason        LowCardinality(String) COMMENT 'The one reason',
    observed      Bool                   COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    decisions     UInt64                 COMMENT 'Decisions',
    customers     UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see decision_states)',
    delay_seconds Float64                COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by minute and group.'
AS SELECT
    minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed, decisions,
    finalizeAggregation(s.customers) AS customers, delay_seconds
FROM decision_states AS s;

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
    decisions     UInt64                 COMMENT 'Decisions',
    customers     UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see decision_states)',
    delay_seconds Float64                COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by hour and group.'
AS SELECT
    toStartOfHour(s.minute) AS hour, s.rule AS rule, s.severity AS severity, s.owner AS owner,
    s.control AS control, s.channel AS channel, s.purpose AS purpose, s.outcome AS outcome, s.reason AS reason,
    s.observed AS observed, sum(s.decisions) AS decisions, uniqMerge(s.customers) AS customers,
    sum(s.delay_seconds) AS delay_seconds
FROM decision_states AS s
GROUP BY hour, rule, severity, owner, control, channel, purpose, outcome, reason, observed;

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
    decisions     UInt64                 COMMENT 'Decisions',
    customers     UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see decision_states)',
    delay_seconds Float64                COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by day and group.'
AS SELECT
    toDate(s.minute) AS day, s.rule AS rule, s.severity AS severity, s.owner AS owner, s.control AS control,
    s.channel AS channel, s.purpose AS purpose, s.outcome AS outcome, s.reason AS reason, s.observed AS observed,
    sum(s.decisions) AS decisions, uniqMerge(s.customers) AS customers, sum(s.delay_seconds) AS delay_seconds
FROM decision_states AS s
GROUP BY day, rule, severity, owner, control, channel, purpose, outcome, reason, observed;
