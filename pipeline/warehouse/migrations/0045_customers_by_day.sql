-- Distinct customers by day as a table of its own, of all channels and of each: merged from day_touchpoints whenever a day
-- is recounted. Before, every question after them merged the sets of each kind, stage, party and actor.

CREATE TABLE IF NOT EXISTS day_customers
(
    day         DateTime('UTC')                 COMMENT 'Start of the day' CODEC(DoubleDelta, ZSTD(1)),
    channel     LowCardinality(String)          COMMENT 'Channel; empty: all of them' CODEC(ZSTD(1)),
    version     UInt64                          COMMENT 'Server time of the recount in nanoseconds since 1970; the highest is in force' CODEC(ZSTD(1)),
    touchpoints UInt64                          COMMENT 'Touchpoints' CODEC(ZSTD(1)),
    customers   AggregateFunction(uniq, String) COMMENT 'Distinct customers, mergeable' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(day)
ORDER BY (day, channel)
COMMENT 'Storage of distinct customers by day. Read the views customers_by_day and customers_by_day_and_channel.';

-- What was counted before this migration. Run again it gives the same figures under a newer version.
INSERT INTO day_customers (day, channel, version, touchpoints, customers)
SELECT
    d.day AS day, of AS channel, toUInt64(toUnixTimestamp64Nano(now64(9))) AS version,
    sum(d.touchpoints) AS touchpoints, uniqMergeState(d.customers) AS customers
FROM day_touchpoints AS d FINAL
ARRAY JOIN ['', CAST(d.channel, 'String')] AS of
WHERE d.touchpoints > 0
GROUP BY day, channel
SETTINGS do_not_merge_across_partitions_select_final = 1, max_partitions_per_insert_block = 0;

CREATE OR REPLACE VIEW customers_by_day
(
    day         Date   COMMENT 'Start of the day (UTC)',
    touchpoints UInt64 COMMENT 'Touchpoints',
    customers   UInt64 COMMENT 'Distinct customers of the day: not to be added up over days (see customer_states_by_day)'
)
COMMENT 'Distinct customers by day, over all channels.'
AS SELECT day, touchpoints, finalizeAggregation(c.customers) AS customers
FROM day_customers AS c FINAL
WHERE touchpoints > 0 AND channel = ''
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW customers_by_day_and_channel
(
    day         Date                   COMMENT 'Start of the day (UTC)',
    channel     LowCardinality(String) COMMENT 'Channel',
    touchpoints UInt64                 COMMENT 'Touchpoints',
    customers   UInt64                 COMMENT 'Distinct customers of the day in this channel: not to be added up over rows (see customer_states_by_day)'
)
COMMENT 'Distinct customers by day and channel.'
AS SELECT day, channel, touchpoints, finalizeAggregation(c.customers) AS customers
FROM day_customers AS c FINAL
WHERE touchpoints > 0 AND channel != ''
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW customer_states_by_day
(
    day         Date                            COMMENT 'Start of the day (UTC)',
    channel     LowCardinality(String)          COMMENT 'Channel',
    touchpoints UInt64                          COMMENT 'Touchpoints',
    customers   AggregateFunction(uniq, String) COMMENT 'Distinct customers: uniqMerge(customers)'
)
COMMENT 'Distinct customers by day and channel with states, for weeks and months.'
AS SELECT day, channel, touchpoints, customers
FROM day_customers AS c FINAL
WHERE touchpoints > 0 AND channel != ''
SETTINGS do_not_merge_across_partitions_select_final = 1;
