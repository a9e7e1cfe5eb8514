-- Whose a signal is and what may explain it. That it is an incident stands among its values, and nowhere else, so that
-- all readers see the same, of signals of any age.

ALTER TABLE fact_signals
    ADD COLUMN IF NOT EXISTS causes Array(String) COMMENT 'Incidents that may explain it: id of the rule, a space, the group' CODEC(ZSTD(1)) AFTER ruleset;

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
    ruleset          LowCardinality(String)              COMMENT 'Hash of the rule set',
    scope            LowCardinality(String)              COMMENT 'customer, or incident: many customers have it in common, and customer holds their group',
    causes           Array(String)                       COMMENT 'Incidents that may explain it: id of the rule, a space, the group'
)
COMMENT 'The life of signals: every change of each signal, once.'
AS SELECT
    signal_id, revision, status, rule, rule_version, polarity, severity, owner, control, stage, party, channel,
    customer, counted_by, at, minute, raised_at, evidence, action, events, values, subjects, profile_revision,
    provisional, ruleset,
    if(values['scope'] = 'incident', 'incident', 'customer') AS scope, causes
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
    ruleset          LowCardinality(String)              COMMENT 'Hash of the rule set',
    scope            LowCardinality(String)              COMMENT 'customer, or incident: many customers have it in common, and customer holds their group',
    causes           Array(String)                       COMMENT 'Incidents that may explain it: id of the rule, a space, the group'
)
COMMENT 'Every signal once, as it stands now.'
AS SELECT
    signal_id, revision, status, status IN ('opened', 'updated') AS is_open, rule, rule_version, polarity, severity,
    owner, control, stage, party, channel, customer, counted_by, at, minute, raised_at, evidence, action, events,
    values, subjects, profile_revision, provisional, ruleset,
    if(values['scope'] = 'incident', 'incident', 'customer') AS scope, causes
FROM fact_signals FINAL
WHERE (signal_id, (revision, minute)) IN (
    SELECT signal_id, max((revision, minute)) FROM place_signals GROUP BY signal_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
