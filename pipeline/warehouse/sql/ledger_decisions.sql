-- Every change of the decisions about one customer since a time, and of those delivered since, in order.
SELECT
    decision_id, revision, signal_id, outcome, reason, observed, purpose, channel, explanation,
    toUnixTimestamp64Milli(at) AS decided
FROM decision_changes
WHERE customer = %(customer)s AND (
    minute >= toDateTime(%(first)s, 'UTC')
    OR decision_id IN (
        SELECT decision_id FROM delivery_changes
        WHERE customer = %(customer)s AND minute >= toDateTime(%(first)s, 'UTC')
    )
)
ORDER BY decided, decision_id, revision
