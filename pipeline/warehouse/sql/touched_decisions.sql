-- The minutes to count anew when facts of some minutes changed: also those in which these decisions stood before.
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(minutes)s))), 'UTC') AS minute)
SELECT DISTINCT toUnixTimestamp(minute) AS minute
FROM place_decisions
WHERE decision_id IN (SELECT decision_id FROM fact_decisions WHERE minute IN (SELECT minute FROM asked))
