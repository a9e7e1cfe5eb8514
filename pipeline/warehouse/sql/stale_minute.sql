-- Minutes with facts that no recount can have seen: written after its version was taken, or up to a grace before it,
-- because a row's time is taken when its insert begins (%(grace)s milliseconds).
SELECT toUnixTimestamp(f.minute) AS start
FROM (SELECT minute, max(inserted_at) AS inserted_at FROM fact_{facts} GROUP BY minute) AS f
LEFT JOIN (SELECT minute, max(version) AS version FROM minute_{facts} GROUP BY minute) AS m ON m.minute = f.minute
WHERE toUnixTimestamp64Milli(f.inserted_at) + %(grace)s > intDiv(m.version, 1000000)
ORDER BY start
