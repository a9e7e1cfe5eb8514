-- Minutes in which a recount found nothing get a row of zeros without a group, so that others see that it was made.
-- Run after the recount and before clear_touchpoints.
INSERT INTO minute_touchpoints (minute, version)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(minutes)s))), 'UTC') AS minute)
SELECT minute, %(version)s AS version
FROM asked
WHERE minute NOT IN (
    SELECT minute FROM minute_touchpoints WHERE minute IN (SELECT minute FROM asked) AND version >= %(version)s
)
SETTINGS max_partitions_per_insert_block = 0, max_threads = 1
