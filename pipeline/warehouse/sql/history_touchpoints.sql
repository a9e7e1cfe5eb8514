-- Touchpoints of a range of minutes in the order of time, for rules on history.
SELECT
    toUnixTimestamp64Milli(occurred_at) AS at, source, event_id, customer, kind, channel, stage, party, actor, subjects,
    text, sentiment, score_scale, score, score_upper, score_low_is_good, wait_seconds, duration_seconds, attributes,
    toUnixTimestamp64Milli(received_at) AS received, late_seconds
FROM touchpoints
WHERE
    minute >= toStartOfMinute(toDateTime(%(first)s, 'UTC')) AND minute < toDateTime(%(last)s, 'UTC')
    AND occurred_at >= toDateTime(%(first)s, 'UTC') AND occurred_at < toDateTime(%(last)s, 'UTC')
ORDER BY minute, occurred_at, received_at, source, event_id
