SELECT table, command, latest_fail_reason FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done ORDER BY table, create_time
