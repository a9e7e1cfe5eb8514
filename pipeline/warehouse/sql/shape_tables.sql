SELECT name, engine, sorting_key FROM system.tables WHERE database = currentDatabase() AND NOT startsWith(name, '.inner')
ORDER BY name
