INSERT INTO fact_fixes (fix_id, rule, cause, owner, what, at, withdrawn) VALUES
