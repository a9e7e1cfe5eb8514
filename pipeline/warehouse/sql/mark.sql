-- Periods in which a recount found nothing get a row of zeros without a group, so that others see that it was made.
-- Run after the recount and before clear_{facts}.
INSERT INTO {period}_{facts} ({period}, version)
WITH asked AS (SELECT toDateTime(toUInt32(arrayJoin(splitByChar(',', %(starts)s))), 'UTC') AS start)
SELECT start, %(version)s AS version
FROM asked
WHERE start NOT IN (
    SELECT {period} FROM {period}_{facts} WHERE {period} IN (SELECT start FROM asked) AND version >= %(version)s
)
SETTINGS max_partitions_per_insert_block = 0, max_threads = 1
