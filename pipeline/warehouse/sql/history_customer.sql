-- Touchpoints of one customer in a range of minutes in the order of arrival, for the explanation of rules.
SELECT
    toUnixTimestamp64Milli(occurred_at) AS at, source, event_id, customer, kind, channel, stage, party, actor, subjects,
    text, sentiment, score_scale, score, score_upper, score_low_is_good, wait_seconds, duration_seconds, attributes,
    toUnixTimestamp64Milli(received_at) AS received, late_seconds
FROM touchpoints
WHERE
    customer = %(customer)s
    AND minute >= toStartOfMinute(toDateTime(%(first)s, 'UTC')) AND minute <= toDateTime(%(last)s, 'UTC')
ORDER BY received_at, occurred_at, source, event_id
