SELECT channel, count() AS n, uniqExact(customer), avgOrNull(sentiment)
FROM touchpoints
GROUP BY channel
ORDER BY n DESC, channel
