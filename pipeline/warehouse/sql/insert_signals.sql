INSERT INTO fact_signals (
    signal_id, revision, status, rule, rule_version, polarity, severity, owner, control, stage, party, channel,
    customer, counted_by, at, raised_at, evidence, action, events, values, subjects, profile_revision, provisional,
    ruleset, causes
) VALUES
