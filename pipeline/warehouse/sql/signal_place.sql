-- Whose a signal is, which rule told it, and when the friction became true, by the signal's id.
SELECT customer, rule, ruleset, toUnixTimestamp64Milli(at) AS happened
FROM signals
WHERE signal_id = %(signal)s
