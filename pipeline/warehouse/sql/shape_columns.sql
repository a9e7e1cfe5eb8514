SELECT table, name, type, default_kind FROM system.columns WHERE database = currentDatabase()
ORDER BY table, position
