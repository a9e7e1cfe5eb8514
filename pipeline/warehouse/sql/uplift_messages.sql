-- When messages and tasks really went out to the customers of one portion.
SELECT customer, toUnixTimestamp64Milli(at) AS sent
FROM decisions
WHERE outcome = 'sent' AND NOT observed AND route != 'owner'
    AND modulo(cityHash64(customer), %(parts)s) = %(part)s
    AND minute >= toStartOfMinute(toDateTime(%(first)s, 'UTC')) AND minute < toDateTime(%(last)s, 'UTC')
    AND customer IN (SELECT customer FROM decision_changes WHERE arm IN ('treated', 'held_out'))
