-- The first decision of each customer in each arm of each experiment and rule, of one portion of the customers.
SELECT
    experiment, rule, customer, arm, toUnixTimestamp64Milli(min(at)) AS first,
    toUnixTimestamp64Milli(argMin(signal_at, (at, signal_at))) AS signal_at
FROM decision_changes
WHERE arm IN ('treated', 'held_out')
    AND (%(experiment)s = '' OR experiment = %(experiment)s) AND (%(rule)s = '' OR rule = %(rule)s)
    AND at <= toDateTime(%(until)s, 'UTC')
    AND (%(observed)s OR NOT observed OR observed_by = 'ramp')
    AND modulo(cityHash64(customer), %(parts)s) = %(part)s
GROUP BY experiment, rule, customer, arm
