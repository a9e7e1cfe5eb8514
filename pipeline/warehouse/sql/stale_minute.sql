-- Minutes with facts that a recount may not have seen: written after its version was taken, or, because a row's time is
-- taken when its insert begins, up to a grace (milliseconds) before it. No grace for what was there at %(settled)s.
SELECT toUnixTimestamp(f.minute) AS start
FROM (
    SELECT minute, max(toUnixTimestamp64Milli(inserted_at)) AS at FROM fact_{facts} GROUP BY minute
) AS f
LEFT JOIN (SELECT minute, max(version) AS version FROM minute_{facts} GROUP BY minute) AS m ON m.minute = f.minute
WHERE f.at + if((f.at + 1) * 1000000 > %(settled)s, %(grace)s, 0) > intDiv(m.version, 1000000)
ORDER BY start
