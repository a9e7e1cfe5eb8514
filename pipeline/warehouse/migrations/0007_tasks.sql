-- Tasks for people: every state of each, and the latest; and notices to owners. What a task tells of the customer's
-- journey, the suggested reply, and addresses are not stored.

CREATE TABLE IF NOT EXISTS fact_tasks
(
    minute       DateTime('UTC') MATERIALIZED toStartOfMinute(at) COMMENT 'Start of the minute of at' CODEC(DoubleDelta, ZSTD(1)),
    task_id      String                 COMMENT 'Id of the task, which is that of its request' CODEC(ZSTD(1)),
    revision     UInt32                 COMMENT 'Number of the change, rising; the highest counts',
    queue        LowCardinality(String) COMMENT 'Queue',
    person       String                 COMMENT 'Who it is offered to, who has it or who finished it; empty without one' CODEC(ZSTD(1)),
    status       LowCardinality(String) COMMENT 'waiting, assigned (offered), taken, done, cancelled, escalated, expired, refused (queue full), observed',
    customer     String                 COMMENT 'Customer' CODEC(ZSTD(1)),
    decision_id  String                 COMMENT 'Decision that asked for it' CODEC(ZSTD(1)),
    signal_id    String                 COMMENT 'Signal behind the decision' CODEC(ZSTD(1)),
    rule         LowCardinality(String) COMMENT 'Rule of the signal',
    severity     LowCardinality(String) COMMENT 'low, medium, high, critical',
    priority     Int32                  COMMENT 'The higher, the sooner',
    late         Bool                   COMMENT 'Whether due_at had passed',
    opened_at    DateTime64(3, 'UTC')   COMMENT 'When it was asked for' CODEC(DoubleDelta, ZSTD(1)),
    at           DateTime64(3, 'UTC')   COMMENT 'When the state was reached' CODEC(DoubleDelta, ZSTD(1)),
    due_at       DateTime64(3, 'UTC')   COMMENT 'When it is to be done' CODEC(DoubleDelta, ZSTD(1)),
    language     LowCardinality(String) COMMENT 'Language of the customer; empty when not known',
    why          String                 COMMENT 'Why it is in this state and with this person, in words' CODEC(ZSTD(1)),
    outcome      LowCardinality(String) COMMENT 'How it was done, a word of the queue; empty until then',
    escalated_to LowCardinality(String) COMMENT 'Queue or owner where it went on; empty when it did not',
    inserted_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'Lineage: when the row was written here' CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, task_id, revision)
COMMENT 'Storage of each state of a task: may hold a row more than once until parts are merged. Read tasks or task_changes.';

CREATE OR REPLACE VIEW task_changes
(
    task_id      String                 COMMENT 'Id of the task, which is that of its request',
    revision     UInt32                 COMMENT 'Number of the change, rising; the highest counts',
    queue        LowCardinality(String) COMMENT 'Queue',
    person       String                 COMMENT 'Who it is offered to, who has it or who finished it; empty without one',
    status       LowCardinality(String) COMMENT 'waiting, assigned (offered), taken, done, cancelled, escalated, expired, refused (queue full), observed',
    customer     String                 COMMENT 'Customer',
    decision_id  String                 COMMENT 'Decision that asked for it',
    signal_id    String                 COMMENT 'Signal behind the decision',
    rule         LowCardinality(String) COMMENT 'Rule of the signal',
    severity     LowCardinality(String) COMMENT 'low, medium, high, critical',
    priority     Int32                  COMMENT 'The higher, the sooner',
    late         Bool                   COMMENT 'Whether due_at had passed',
    opened_at    DateTime64(3, 'UTC')   COMMENT 'When it was asked for (UTC)',
    at           DateTime64(3, 'UTC')   COMMENT 'When the state was reached (UTC)',
    minute       DateTime('UTC')        COMMENT 'Start of the minute of at: filter on it for a fast read',
    due_at       DateTime64(3, 'UTC')   COMMENT 'When it is to be done (UTC)',
    language     LowCardinality(String) COMMENT 'Language of the customer; empty when not known',
    why          String                 COMMENT 'Why it is in this state and with this person, in words',
    outcome      LowCardinality(String) COMMENT 'How it was done, a word of the queue; empty until then',
    escalated_to LowCardinality(String) COMMENT 'Queue or owner where it went on; empty when it did not'
)
COMMENT 'Every state of each task, once.'
AS SELECT
    task_id, revision, queue, person, status, customer, decision_id, signal_id, rule, severity, priority, late, opened_at,
    at, minute, due_at, language, why, outcome, escalated_to
FROM fact_tasks FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW tasks
(
    task_id      String                 COMMENT 'Id of the task, which is that of its request',
    revision     UInt32                 COMMENT 'Number of the latest change',
    queue        LowCardinality(String) COMMENT 'Queue',
    person       String                 COMMENT 'Who it is offered to, who has it or who finished it; empty without one',
    status       LowCardinality(String) COMMENT 'waiting, assigned (offered), taken, done, cancelled, escalated, expired, refused (queue full), observed',
    customer     String                 COMMENT 'Customer',
    decision_id  String                 COMMENT 'Decision that asked for it',
    signal_id    String                 COMMENT 'Signal behind the decision',
    rule         LowCardinality(String) COMMENT 'Rule of the signal',
    severity     LowCardinality(String) COMMENT 'low, medium, high, critical',
    priority     Int32                  COMMENT 'The higher, the sooner',
    late         Bool                   COMMENT 'Whether due_at had passed',
    opened_at    DateTime64(3, 'UTC')   COMMENT 'When it was asked for (UTC)',
    at           DateTime64(3, 'UTC')   COMMENT 'When the state was reached (UTC)',
    minute       DateTime('UTC')        COMMENT 'Start of the minute of at: filter on it for a fast read',
    due_at       DateTime64(3, 'UTC')   COMMENT 'When it is to be done (UTC)',
    language     LowCardinality(String) COMMENT 'Language of the customer; empty when not known',
    why          String                 COMMENT 'Why it is in this state and with this person, in words',
    outcome      LowCardinality(String) COMMENT 'How it was done, a word of the queue; empty until then',
    escalated_to LowCardinality(String) COMMENT 'Queue or owner where it went on; empty when it did not'
)
COMMENT 'Every task once, as it stands now.'
AS SELECT
    task_id, revision, queue, person, status, customer, decision_id, signal_id, rule, severity, priority, late, opened_at,
    at, minute, due_at, language, why, outcome, escalated_to
FROM fact_tasks FINAL
WHERE (task_id, (revision, minute)) IN (
    SELECT task_id, max((revision, minute)) FROM fact_tasks GROUP BY task_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE TABLE IF NOT EXISTS fact_notices
(
    minute      DateTime('UTC') MATERIALIZED toStartOfMinute(at) COMMENT 'Start of the minute of at' CODEC(DoubleDelta, ZSTD(1)),
    notice_id   String                 COMMENT 'Id of the notice' CODEC(ZSTD(1)),
    target      LowCardinality(String) COMMENT 'Whom it is for: owner:logistics, party:dhl',
    digest      Bool                   COMMENT 'Whether it tells of many signals together',
    means       LowCardinality(String) COMMENT 'email, webhook, queue (the topic alone)',
    observed    Bool                   COMMENT 'Observe mode: it is not delivered',
    signal_ids  Array(String)          COMMENT 'Signals that it lists, the most urgent first' CODEC(ZSTD(1)),
    rules       Array(LowCardinality(String)) COMMENT 'Rule of each of signal_ids',
    severities  Array(LowCardinality(String)) COMMENT 'Severity of each of signal_ids',
    told        UInt32                 COMMENT 'How many signals it is about',
    cut         UInt32                 COMMENT 'How many signals the alert budget kept from being told at once or in detail',
    at          DateTime64(3, 'UTC')   COMMENT 'Event time of the notice' CODEC(DoubleDelta, ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'Lineage: when the row was written here' CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, notice_id)
COMMENT 'Storage of notices to owners: may hold a row more than once until parts are merged. Read notices.';

CREATE OR REPLACE VIEW notices
(
    notice_id  String                 COMMENT 'Id of the notice',
    target     LowCardinality(String) COMMENT 'Whom it is for: owner:logistics, party:dhl',
    digest     Bool                   COMMENT 'Whether it tells of many signals together',
    means      LowCardinality(String) COMMENT 'email, webhook, queue (the topic alone)',
    observed   Bool                   COMMENT 'Observe mode: it is not delivered',
    signal_ids Array(String)          COMMENT 'Signals that it lists, the most urgent first',
    rules      Array(LowCardinality(String)) COMMENT 'Rule of each of signal_ids',
    severities Array(LowCardinality(String)) COMMENT 'Severity of each of signal_ids',
    told       UInt32                 COMMENT 'How many signals it is about',
    cut        UInt32                 COMMENT 'How many signals the alert budget kept from being told at once or in detail',
    at         DateTime64(3, 'UTC')   COMMENT 'Event time of the notice (UTC)',
    minute     DateTime('UTC')        COMMENT 'Start of the minute of at: filter on it for a fast read'
)
COMMENT 'Every notice to an owner, once.'
AS SELECT notice_id, target, digest, means, observed, signal_ids, rules, severities, told, cut, at, minute
FROM fact_notices FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
