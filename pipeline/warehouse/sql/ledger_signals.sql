-- Every change of the signals of one customer since a time, and of those decided on or written about since, in order; an
-- exposed or affected customer's own alone.
SELECT
    signal_id, revision, status, rule, severity, polarity, owner, party, counted_by, toUnixTimestamp64Milli(at) AS happened,
    toUnixTimestamp64Milli(raised_at) AS raised, evidence
FROM signal_changes
WHERE customer = %(customer)s AND (
    minute >= toDateTime(%(first)s, 'UTC')
    OR signal_id IN (
        SELECT signal_id FROM decision_changes
        WHERE customer = %(customer)s AND (
            minute >= toDateTime(%(first)s, 'UTC')
            OR decision_id IN (
                SELECT decision_id FROM delivery_changes
                WHERE customer = %(customer)s AND minute >= toDateTime(%(first)s, 'UTC')
            )
        )
    )
)
ORDER BY happened, signal_id, revision
