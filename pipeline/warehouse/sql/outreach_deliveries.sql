-- What became of messages in a range of minutes, as it stands now.
SELECT status, channel, count() AS found
FROM deliveries
WHERE minute >= toDateTime(%(first)s, 'UTC') AND minute < toDateTime(%(last)s, 'UTC')
GROUP BY status, channel
ORDER BY found DESC, status, channel
