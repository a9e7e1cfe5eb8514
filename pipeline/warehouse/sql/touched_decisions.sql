-- The minutes to count anew when facts of some minutes changed: also those in which these decisions stood before.
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT DISTINCT toUnixTimestamp(minute) AS minute
FROM place_decisions
WHERE decision_id IN (SELECT decision_id FROM fact_decisions WHERE minute IN (SELECT start FROM asked))
