SELECT occurred_at, kind, channel, party, subjects, text, score, wait_seconds, attributes
FROM touchpoints
WHERE customer = %(customer)s
    AND occurred_at BETWEEN toDateTime64(%(since)s, 3, 'UTC') AND toDateTime64(%(until)s, 3, 'UTC')
    AND kind NOT IN ('profile.updated', 'consent.granted', 'consent.withdrawn')
ORDER BY occurred_at, event_id
