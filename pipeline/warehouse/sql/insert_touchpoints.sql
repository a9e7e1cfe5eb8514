INSERT INTO fact_touchpoints (
    occurred_at, source, event_id, customer, kind, channel, stage, party, actor, subjects, text, sentiment,
    score_scale, score, score_upper, score_low_is_good, wait_seconds, duration_seconds, attributes, received_at,
    late_seconds, raw_partition, raw_offset
) VALUES
