-- The version of a recount: the server's time in nanoseconds, never behind what is there (a clock may step back).
-- Asked for after what is counted was written and before it is read: so the highest version has seen everything older.
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT greatest(
    toUInt64(toUnixTimestamp64Nano(now64(9))),
    (SELECT max(version) + 1 FROM {period}_{facts} WHERE {period} IN (SELECT start FROM asked))
)
