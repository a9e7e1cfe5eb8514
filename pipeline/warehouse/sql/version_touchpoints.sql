-- The version of a recount: the server's time in nanoseconds, never behind what the minutes have (a clock may step back).
-- Asked for after the facts were written and before they are read: so the highest version has seen everything older.
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(minutes)s))), 'UTC') AS minute)
SELECT greatest(
    toUInt64(toUnixTimestamp64Nano(now64(9))),
    (SELECT max(version) + 1 FROM minute_touchpoints WHERE minute IN (SELECT minute FROM asked))
)
