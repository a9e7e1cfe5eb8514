SELECT fix_id, rule, cause, owner, what, at FROM fixes ORDER BY at DESC, fix_id
