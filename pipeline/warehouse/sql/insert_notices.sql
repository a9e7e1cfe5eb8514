INSERT INTO fact_notices (
    notice_id, target, digest, means, observed, signal_ids, rules, severities, told, cut, at
) VALUES
