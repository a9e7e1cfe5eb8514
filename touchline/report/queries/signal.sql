-- The life of a signal: how it was opened, and how it ended where it did.
SELECT raised_at, status, rule, evidence, action, owner, control, severity
FROM signal_changes
WHERE signal_id = %(signal)s AND status != 'updated'
ORDER BY revision
