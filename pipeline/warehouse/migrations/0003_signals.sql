-- Signals: every change of each, their latest state, and the figures of each minute.

CREATE TABLE IF NOT EXISTS fact_signals
(
    minute           DateTime('UTC') MATERIALIZED toStartOfMinute(at) COMMENT 'Start of the minute of at' CODEC(DoubleDelta, ZSTD(1)),
    signal_id        String                              COMMENT 'Id of the signal' CODEC(ZSTD(1)),
    revision         UInt32                              COMMENT 'Number of the change, rising; the highest is in force',
    status           LowCardinality(String)              COMMENT 'opened, updated, resolved, retracted, expired',
    rule             LowCardinality(String)              COMMENT 'Rule that raised it',
    rule_version     UInt32                              COMMENT 'Version of the rule',
    polarity         LowCardinality(String)              COMMENT 'friction, need, delight',
    severity         LowCardinality(String)              COMMENT 'low, medium, high, critical',
    owner            LowCardinality(String)              COMMENT 'Department that must act',
    control          LowCardinality(String)              COMMENT 'How far it is in our hands: own, partner, outside',
    stage            LowCardinality(String)              COMMENT 'Stage of the relationship',
    party            LowCardinality(String)              COMMENT 'Department or partner that the evidence names',
    channel          LowCardinality(String)              COMMENT 'Channel of the evidence; empty where there is none (something did not happen)',
    customer         String                              COMMENT 'Customer' CODEC(ZSTD(1)),
    counted_by       String                              COMMENT 'Group that the rule counts by: the customer, or a subject such as order:123' CODEC(ZSTD(1)),
    at               DateTime64(3, 'UTC')                COMMENT 'When the friction became true' CODEC(DoubleDelta, ZSTD(1)),
    raised_at        DateTime64(3, 'UTC')                COMMENT 'Event time of the stream when it was noticed' CODEC(DoubleDelta, ZSTD(1)),
    evidence         String                              COMMENT 'What was seen, in words' CODEC(ZSTD(1)),
    action           String                              COMMENT 'What the rule proposes' CODEC(ZSTD(1)),
    events           Array(String)                       COMMENT 'Ids of the touchpoints behind it' CODEC(ZSTD(1)),
    values           Map(LowCardinality(String), String) COMMENT 'Numbers behind it and the thresholds that they passed, as text' CODEC(ZSTD(1)),
    subjects         Array(String)                       COMMENT 'What it is about, as type:id' CODEC(ZSTD(1)),
    profile_revision UInt64                              COMMENT 'Revision of the customer profile that was known',
    provisional      Bool                                COMMENT 'Raised while a source stood still: may be retracted',
    ruleset          LowCardinality(String)              COMMENT 'Hash of the rule set',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'Lineage: when the row was written here' CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, signal_id, revision)
COMMENT 'Storage of each change of a signal: may hold a row more than once until parts are merged. Read signals or signal_changes.';

-- Where the changes of a signal stand, by its id: at may move from change to change, and then two minutes are touched.
CREATE TABLE IF NOT EXISTS place_signals
(
    signal_id String          COMMENT 'Id of the signal' CODEC(ZSTD(1)),
    revision  UInt32          COMMENT 'Number of the change',
    minute    DateTime('UTC') COMMENT 'Minute under which fact_signals holds the change' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (signal_id, revision, minute)
SETTINGS index_granularity = 512
COMMENT 'Index of fact_signals by id, written with it.';

CREATE MATERIALIZED VIEW IF NOT EXISTS place_signals_feed TO place_signals
(
    signal_id String          COMMENT 'Id of the signal',
    revision  UInt32          COMMENT 'Number of the change',
    minute    DateTime('UTC') COMMENT 'Minute under which fact_signals holds the change'
)
COMMENT 'Writes place_signals.'
AS SELECT signal_id, revision, minute FROM fact_signals;

CREATE TABLE IF NOT EXISTS minute_signals
(
    minute    DateTime('UTC')                 COMMENT 'Start of the minute of at' CODEC(DoubleDelta, ZSTD(1)),
    rule      LowCardinality(String)          COMMENT 'Rule',
    polarity  LowCardinality(String)          COMMENT 'Polarity',
    severity  LowCardinality(String)          COMMENT 'Severity',
    owner     LowCardinality(String)          COMMENT 'Owner',
    control   LowCardinality(String)          COMMENT 'Control',
    stage     LowCardinality(String)          COMMENT 'Stage',
    party     LowCardinality(String)          COMMENT 'Party',
    channel   LowCardinality(String)          COMMENT 'Channel',
    status    LowCardinality(String)          COMMENT 'Latest status',
    version   UInt64                          COMMENT 'Server time of the recount in nanoseconds since 1970; the highest is in force' CODEC(ZSTD(1)),
    signals   UInt64                          COMMENT 'Signals' CODEC(ZSTD(1)),
    customers AggregateFunction(uniq, String) COMMENT 'Distinct customers, mergeable' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(minute)
ORDER BY (minute, rule, polarity, severity, owner, control, stage, party, channel, status)
COMMENT 'Storage of figures by minute, recounted from fact_signals. Read the views signals_by_minute, signals_by_hour, signals_by_day.';

CREATE OR REPLACE VIEW signal_changes
(
    signal_id        String                              COMMENT 'Id of the signal',
    revision         UInt32                              COMMENT 'Number of the change, rising; the highest is in force',
    status           LowCardinality(String)              COMMENT 'opened, updated, resolved, retracted, expired',
    rule             LowCardinality(String)              COMMENT 'Rule that raised it',
    rule_version     UInt32                              COMMENT 'Version of the rule',
    polarity         LowCardinality(String)              COMMENT 'friction, need, delight',
    severity         LowCardinality(String)              COMMENT 'low, medium, high, critical',
    owner            LowCardinality(String)              COMMENT 'Department that must act',
    control          LowCardinality(String)              COMMENT 'How far it is in our hands: own, partner, outside',
    stage            LowCardinality(String)              COMMENT 'Stage of the relationship',
    party            LowCardinality(String)              COMMENT 'Department or partner that the evidence names',
    channel          LowCardinality(String)              COMMENT 'Channel of the evidence; empty where there is none (something did not happen)',
    customer         String                              COMMENT 'Customer',
    counted_by       String                              COMMENT 'Group that the rule counts by: the customer, or a subject such as order:123',
    at               DateTime64(3, 'UTC')                COMMENT 'When the friction became true (UTC)',
    minute           DateTime('UTC')                     COMMENT 'Start of the minute of at: filter on it for a fast read',
    raised_at        DateTime64(3, 'UTC')                COMMENT 'Event time of the stream when it was noticed (UTC)',
    evidence         String                              COMMENT 'What was seen, in words',
    action           String                              COMMENT 'What the rule proposes',
    events           Array(String)                       COMMENT 'Ids of the touchpoints behind it',
    values           Map(LowCardinality(String), String) COMMENT 'Numbers behind it and the thresholds that they passed, as text',
    subjects         Array(String)                       COMMENT 'What it is about, as type:id',
    profile_revision UInt64                              COMMENT 'Revision of the customer profile that was known',
    provisional      Bool                                COMMENT 'Raised while a source stood still: may be retracted',
    ruleset          LowCardinality(String)              COMMENT 'Hash of the rule set'
)
COMMENT 'The life of signals: every change of each signal, once.'
AS SELECT
    signal_id, revision, status, rule, rule_version, polarity, severity, owner, control, stage, party, channel,
    customer, counted_by, at, minute, raised_at, evidence, action, events, values, subjects, profile_revision,
    provisional, ruleset
FROM fact_signals FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW signals
(
    signal_id        String                              COMMENT 'Id of the signal',
    revision         UInt32                              COMMENT 'Number of the latest change',
    status           LowCardinality(String)              COMMENT 'opened and updated are open; resolved, retracted and expired are over',
    is_open          Bool                                COMMENT 'Whether the friction still stands',
    rule             LowCardinality(String)              COMMENT 'Rule that raised it',
    rule_version     UInt32                              COMMENT 'Version of the rule',
    polarity         LowCardinality(String)              COMMENT 'friction, need, delight',
    severity         LowCardinality(String)              COMMENT 'low, medium, high, critical',
    owner            LowCardinality(String)              COMMENT 'Department that must act',
    control          LowCardinality(String)              COMMENT 'How far it is in our hands: own, partner, outside',
    stage            LowCardinality(String)              COMMENT 'Stage of the relationship',
    party            LowCardinality(String)              COMMENT 'Department or partner that the evidence names',
    channel          LowCardinality(String)              COMMENT 'Channel of the evidence; empty where there is none (something did not happen)',
    customer         String                              COMMENT 'Customer',
    counted_by       String                              COMMENT 'Group that the rule counts by: the customer, or a subject such as order:123',
    at               DateTime64(3, 'UTC')                COMMENT 'When the friction became true (UTC)',
    minute           DateTime('UTC')                     COMMENT 'Start of the minute of at: filter on it for a fast read',
    raised_at        DateTime64(3, 'UTC')                COMMENT 'Event time of the stream when it was noticed (UTC)',
    evidence         String                              COMMENT 'What was seen, in words',
    action           String                              COMMENT 'What the rule proposes',
    events           Array(String)                       COMMENT 'Ids of the touchpoints behind it',
    values           Map(LowCardinality(String), String) COMMENT 'Numbers behind it and the thresholds that they passed, as text',
    subjects         Array(String)                       COMMENT 'What it is about, as type:id',
    profile_revision UInt64                              COMMENT 'Revision of the customer profile that was known',
    provisional      Bool                                COMMENT 'Raised while a source stood still: may be retracted',
    ruleset          LowCardinality(String)              COMMENT 'Hash of the rule set'
)
COMMENT 'Every signal once, as it stands now.'
AS SELECT
    signal_id, revision, status, status IN ('opened', 'updated') AS is_open, rule, rule_version, polarity, severity,
    owner, control, stage, party, channel, customer, counted_by, at, minute, raised_at, evidence, action, events,
    values, subjects, profile_revision, provisional, ruleset
FROM fact_signals FINAL
WHERE (signal_id, (revision, minute)) IN (
    SELECT signal_id, max((revision, minute)) FROM place_signals GROUP BY signal_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW signal_states
(
    minute    DateTime('UTC')                 COMMENT 'Start of the minute in which the friction became true (UTC)',
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
COMMENT 'Signals as they stand now, counted by minute and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    minute, rule, polarity, severity, owner, control, stage, party, channel, status, signals, customers
FROM minute_signals FINAL
WHERE signals > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW signals_by_minute
(
    minute    DateTime('UTC')        COMMENT 'Start of the minute in which the friction became true (UTC)',
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
    customers UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see signal_states)'
)
COMMENT 'Signals as they stand now, counted by minute and group.'
AS SELECT
    minute, rule, polarity, severity, owner, control, stage, party, channel, status, signals,
    finalizeAggregation(s.customers) AS customers
FROM signal_states AS s;

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
    customers UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see signal_states)'
)
COMMENT 'Signals as they stand now, counted by hour and group.'
AS SELECT
    toStartOfHour(s.minute) AS hour, s.rule AS rule, s.polarity AS polarity, s.severity AS severity,
    s.owner AS owner, s.control AS control, s.stage AS stage, s.party AS party, s.channel AS channel,
    s.status AS status, sum(s.signals) AS signals, uniqMerge(s.customers) AS customers
FROM signal_states AS s
GROUP BY hour, rule, polarity, severity, owner, control, stage, party, channel, status;

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
    customers UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see signal_states)'
)
COMMENT 'Signals as they stand now, counted by day and group.'
AS SELECT
    toDate(s.minute) AS day, s.rule AS rule, s.polarity AS polarity, s.severity AS severity, s.owner AS owner,
    s.control AS control, s.stage AS stage, s.party AS party, s.channel AS channel, s.status AS status,
    sum(s.signals) AS signals, uniqMerge(s.customers) AS customers
FROM signal_states AS s
GROUP BY day, rule, polarity, severity, owner, control, stage, party, channel, status;
