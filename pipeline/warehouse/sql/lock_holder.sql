SELECT comment, toUnixTimestamp(now()) - toUnixTimestamp(metadata_modification_time) AS seconds
FROM system.tables WHERE database = currentDatabase() AND name = 'migration_lock'
