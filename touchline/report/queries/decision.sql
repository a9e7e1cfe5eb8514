SELECT at, outcome, reason, channel, explanation, decision_id, revision, route
FROM decision_changes
WHERE signal_id = %(signal)s
ORDER BY revision
