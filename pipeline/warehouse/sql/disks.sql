SELECT name, free_space, total_space FROM system.disks ORDER BY name
