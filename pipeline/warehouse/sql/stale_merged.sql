-- Hours (or days) with minutes (or hours) that no recount can have seen: a version is taken before the figures are
-- written, up to a grace (%(grace)s milliseconds).
SELECT toUnixTimestamp(p.start) AS start
FROM (
    SELECT date_trunc('{period}', {part}) AS start, max(version) AS version FROM {part}_{facts} GROUP BY start
) AS p
LEFT JOIN (SELECT {period} AS start, max(version) AS version FROM {period}_{facts} GROUP BY start) AS m ON m.start = p.start
WHERE intDiv(p.version, 1000000) + %(grace)s > intDiv(m.version, 1000000)
ORDER BY start
