-- topK: the evidence of a single signal may name another control than most signals of its rule.
SELECT
    rule, topK(1)(owner)[1], topK(1)(control)[1], topK(1)(severity)[1], count() AS n, uniqExact(customer),
    countIf(status = 'resolved'), countIf(status = 'retracted')
FROM signals
GROUP BY rule
ORDER BY n DESC, rule
