INSERT INTO fact_deliveries (
    delivery_id, revision, decision_id, signal_id, rule, customer, channel, adapter, status, attempts, at,
    error, next_try_at, what, target
) VALUES
