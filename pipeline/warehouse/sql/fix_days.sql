SELECT fix_id, day, signals, touchpoints FROM fix_days ORDER BY fix_id, day
