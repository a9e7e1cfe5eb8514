-- The minutes to count anew when facts of some minutes changed: also those in which these signals stood before.
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT DISTINCT toUnixTimestamp(minute) AS minute
FROM place_signals
WHERE signal_id IN (SELECT signal_id FROM fact_signals WHERE minute IN (SELECT start FROM asked))
