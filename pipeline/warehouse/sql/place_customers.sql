-- Writes a month of customer_touchpoints anew, for a rebuild. What is there already is the same row.
INSERT INTO customer_touchpoints (
    customer, occurred_at, event_hash, kind, channel, stage, party, actor, subjects, score_scale, score, sentiment,
    wait_seconds, duration_seconds
)
SELECT
    customer, occurred_at, cityHash64(source, event_id), kind, channel, stage, party, actor, subjects, score_scale, score,
    sentiment, wait_seconds, duration_seconds
FROM touchpoints
WHERE minute >= toDateTime(%(first)s, 'UTC') AND minute < addMonths(toDateTime(%(first)s, 'UTC'), 1)
SETTINGS max_partitions_per_insert_block = 0
