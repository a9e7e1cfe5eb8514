-- The touchpoints of some kinds of the customers of one portion.
SELECT
    toUnixTimestamp64Milli(occurred_at) AS at, source, event_id, customer, kind, channel, stage, party, actor, subjects,
    text, sentiment, score_scale, score, score_upper, score_low_is_good, wait_seconds, duration_seconds, attributes,
    toUnixTimestamp64Milli(received_at) AS received, late_seconds
FROM touchpoints
WHERE minute >= toStartOfMinute(toDateTime(%(first)s, 'UTC')) AND minute < toDateTime(%(last)s, 'UTC')
    AND (has(%(kinds)s, kind) OR arrayExists(prefix -> startsWith(kind, prefix), %(prefixes)s))
    AND modulo(cityHash64(customer), %(parts)s) = %(part)s
    AND customer IN (SELECT customer FROM decision_changes WHERE arm IN ('treated', 'held_out'))
