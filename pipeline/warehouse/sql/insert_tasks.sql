INSERT INTO fact_tasks (
    task_id, revision, queue, person, status, customer, decision_id, signal_id, rule, severity, priority, late,
    opened_at, at, due_at, language, why, outcome, escalated_to
) VALUES
