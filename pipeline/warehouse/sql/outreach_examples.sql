-- A few decisions of each outcome and reason in a range of minutes, the newest first.
SELECT outcome, reason, observed, rule, customer, channel, explanation, toUnixTimestamp64Milli(at) AS decided
FROM decisions
WHERE minute >= toDateTime(%(first)s, 'UTC') AND minute < toDateTime(%(last)s, 'UTC')
ORDER BY decided DESC, decision_id
LIMIT %(examples)s BY outcome, reason
