SELECT
    (SELECT count() FROM touchpoints),
    (SELECT count() FROM signals),
    (SELECT count() FROM decisions),
    (SELECT count() FROM signals WHERE signal_id NOT IN (SELECT signal_id FROM decisions)),
    (SELECT count() FROM decisions WHERE signal_id NOT IN (SELECT signal_id FROM signals)),
    (SELECT uniqExact(minute) FROM touchpoints)
