-- What was decided in a range of minutes, as it is in force: how many decisions and customers of each kind.
SELECT
    rule, outcome, reason, observed, channel, count() AS decisions, uniqExact(customer) AS customers
FROM decisions
WHERE minute >= toDateTime(%(first)s, 'UTC') AND minute < toDateTime(%(last)s, 'UTC')
GROUP BY rule, outcome, reason, observed, channel
ORDER BY decisions DESC, rule, reason, channel
