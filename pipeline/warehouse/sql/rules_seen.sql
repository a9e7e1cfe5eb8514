SELECT DISTINCT rule FROM signals_by_day ORDER BY rule
