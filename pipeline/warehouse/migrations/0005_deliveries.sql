-- Deliveries: every state of each, and the latest. Addresses are not stored.

CREATE TABLE IF NOT EXISTS fact_deliveries
(
    minute      DateTime('UTC') MATERIALIZED toStartOfMinute(at) COMMENT 'Start of the minute of at' CODEC(DoubleDelta, ZSTD(1)),
    delivery_id String                         COMMENT 'Id of the delivery' CODEC(ZSTD(1)),
    revision    UInt32                         COMMENT 'Number of the change, rising; the highest counts',
    decision_id String                         COMMENT 'Decision that it carries out' CODEC(ZSTD(1)),
    signal_id   String                         COMMENT 'Signal behind the decision' CODEC(ZSTD(1)),
    rule        LowCardinality(String)         COMMENT 'Rule of the signal',
    customer    String                         COMMENT 'Customer' CODEC(ZSTD(1)),
    channel     LowCardinality(String)         COMMENT 'Channel of the message',
    adapter     LowCardinality(String)         COMMENT 'What carried it: smtp, webhook, outbox, observe',
    status      LowCardinality(String)         COMMENT 'attempted, sent, outbox, observed, retrying, failed, unknown (not repeated)',
    attempts    UInt32                         COMMENT 'Attempts so far',
    at          DateTime64(3, 'UTC')           COMMENT 'When the state was reached' CODEC(DoubleDelta, ZSTD(1)),
    error       String                         COMMENT 'What went wrong; empty when nothing did' CODEC(ZSTD(1)),
    next_try_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a retry is due',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'Lineage: when the row was written here' CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, delivery_id, revision)
COMMENT 'Storage of each state of a delivery: may hold a row more than once until parts are merged. Read deliveries or delivery_changes.';

CREATE OR REPLACE VIEW delivery_changes
(
    delivery_id String                         COMMENT 'Id of the delivery',
    revision    UInt32                         COMMENT 'Number of the change, rising; the highest counts',
    decision_id String                         COMMENT 'Decision that it carries out',
    signal_id   String                         COMMENT 'Signal behind the decision',
    rule        LowCardinality(String)         COMMENT 'Rule of the signal',
    customer    String                         COMMENT 'Customer',
    channel     LowCardinality(String)         COMMENT 'Channel of the message',
    adapter     LowCardinality(String)         COMMENT 'What carried it: smtp, webhook, outbox, observe',
    status      LowCardinality(String)         COMMENT 'attempted, sent, outbox, observed, retrying, failed, unknown (not repeated)',
    attempts    UInt32                         COMMENT 'Attempts so far',
    at          DateTime64(3, 'UTC')           COMMENT 'When the state was reached (UTC)',
    minute      DateTime('UTC')                COMMENT 'Start of the minute of at: filter on it for a fast read',
    error       String                         COMMENT 'What went wrong; empty when nothing did',
    next_try_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a retry is due'
)
COMMENT 'Every state of each delivery, once.'
AS SELECT
    delivery_id, revision, decision_id, signal_id, rule, customer, channel, adapter, status, attempts, at, minute,
    error, next_try_at
FROM fact_deliveries FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW deliveries
(
    delivery_id String                         COMMENT 'Id of the delivery',
    revision    UInt32                         COMMENT 'Number of the latest change',
    decision_id String                         COMMENT 'Decision that it carries out',
    signal_id   String                         COMMENT 'Signal behind the decision',
    rule        LowCardinality(String)         COMMENT 'Rule of the signal',
    customer    String                         COMMENT 'Customer',
    channel     LowCardinality(String)         COMMENT 'Channel of the message',
    adapter     LowCardinality(String)         COMMENT 'What carried it: smtp, webhook, outbox, observe',
    status      LowCardinality(String)         COMMENT 'attempted, sent, outbox, observed, retrying, failed, unknown (not repeated)',
    attempts    UInt32                         COMMENT 'Attempts so far',
    at          DateTime64(3, 'UTC')           COMMENT 'When the state was reached (UTC)',
    minute      DateTime('UTC')                COMMENT 'Start of the minute of at: filter on it for a fast read',
    error       String                         COMMENT 'What went wrong; empty when nothing did',
    next_try_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a retry is due'
)
COMMENT 'Every delivery once, as it stands now.'
AS SELECT
    delivery_id, revision, decision_id, signal_id, rule, customer, channel, adapter, status, attempts, at, minute,
    error, next_try_at
FROM fact_deliveries FINAL
WHERE (delivery_id, (revision, minute)) IN (
    SELECT delivery_id, max((revision, minute)) FROM fact_deliveries GROUP BY delivery_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
