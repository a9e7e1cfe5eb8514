-- Every change of the decisions about one customer since a time, in order.
SELECT
    decision_id, revision, signal_id, outcome, reason, observed, purpose, channel, explanation,
    toUnixTimestamp64Milli(at) AS decided
FROM decision_changes
WHERE customer = %(customer)s AND minute >= toDateTime(%(first)s, 'UTC')
ORDER BY decided, decision_id, revision
