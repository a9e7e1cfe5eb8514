INSERT INTO fact_decisions (
    decision_id, revision, signal_id, signal_revision, rule, severity, owner, control, customer, counted_by,
    outcome, reason, observed, purpose, channel, explanation, signal_at, at, release_at, profile_revision,
    route, target, policy, template, observed_by, experiment, arm, priority, linked
) VALUES
