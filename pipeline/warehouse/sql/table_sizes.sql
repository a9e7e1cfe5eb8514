SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts
FROM system.parts WHERE database = currentDatabase() AND active
GROUP BY table ORDER BY table
