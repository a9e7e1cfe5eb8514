-- Every state of the deliveries to one customer since a time, in order.
SELECT
    delivery_id, revision, decision_id, channel, adapter, status, attempts, error, toUnixTimestamp64Milli(at) AS reached
FROM delivery_changes
WHERE customer = %(customer)s AND minute >= toDateTime(%(first)s, 'UTC')
ORDER BY reached, delivery_id, revision
