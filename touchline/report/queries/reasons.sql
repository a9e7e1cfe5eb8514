SELECT outcome, reason, count() AS n
FROM decisions
GROUP BY outcome, reason
ORDER BY outcome = 'sent' DESC, outcome = 'held' DESC, n DESC, reason
