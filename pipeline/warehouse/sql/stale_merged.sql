-- Hours (or days) with minutes (or hours) that a recount may not have seen: written after its version was taken, or,
-- because a version is taken before the figures are written, up to a grace (milliseconds) before it. No grace for what
-- was there at %(settled)s.
SELECT toUnixTimestamp(p.start) AS start
FROM (
    SELECT date_trunc('{period}', {part}) AS start, max(version) AS version FROM {part}_{facts} GROUP BY start
) AS p
LEFT JOIN (SELECT {period} AS start, max(version) AS version FROM {period}_{facts} GROUP BY start) AS m ON m.start = p.start
WHERE intDiv(p.version, 1000000) + if(p.version >= %(settled)s, %(grace)s, 0) > intDiv(m.version, 1000000)
ORDER BY start
