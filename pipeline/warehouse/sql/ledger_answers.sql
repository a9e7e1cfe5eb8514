-- What a customer did with messages since a time: the touchpoints that name a decision, in order.
SELECT
    source, event_id, attributes['decision_id'] AS decision, kind, channel, toUnixTimestamp64Milli(occurred_at) AS at,
    text, score_scale, score, attributes
FROM touchpoints
WHERE customer = %(customer)s AND minute >= toDateTime(%(first)s, 'UTC') AND decision != ''
ORDER BY at, source, event_id
