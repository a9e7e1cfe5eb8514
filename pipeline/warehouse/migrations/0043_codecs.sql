-- Codecs, by measurement (benchmarks/RESULTS.md): within a minute, times lie in a small range in no order, so T64 takes
-- fewer bits than differences of differences; words as numbers, and numbers that are mostly absent, are a third smaller
-- by ZSTD.
-- Only parts that are written from now on have them.

ALTER TABLE fact_touchpoints
    MODIFY COLUMN occurred_at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN received_at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN source CODEC(ZSTD(1)),
    MODIFY COLUMN kind CODEC(ZSTD(1)),
    MODIFY COLUMN channel CODEC(ZSTD(1)),
    MODIFY COLUMN stage CODEC(ZSTD(1)),
    MODIFY COLUMN party CODEC(ZSTD(1)),
    MODIFY COLUMN actor CODEC(ZSTD(1)),
    MODIFY COLUMN score_scale CODEC(ZSTD(1)),
    MODIFY COLUMN sentiment CODEC(ZSTD(1)),
    MODIFY COLUMN score CODEC(ZSTD(1)),
    MODIFY COLUMN score_upper CODEC(ZSTD(1)),
    MODIFY COLUMN wait_seconds CODEC(ZSTD(1)),
    MODIFY COLUMN duration_seconds CODEC(ZSTD(1)),
    MODIFY COLUMN late_seconds CODEC(ZSTD(1));

ALTER TABLE fact_signals
    MODIFY COLUMN at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN raised_at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN status CODEC(ZSTD(1)),
    MODIFY COLUMN rule CODEC(ZSTD(1)),
    MODIFY COLUMN polarity CODEC(ZSTD(1)),
    MODIFY COLUMN severity CODEC(ZSTD(1)),
    MODIFY COLUMN owner CODEC(ZSTD(1)),
    MODIFY COLUMN control CODEC(ZSTD(1)),
    MODIFY COLUMN stage CODEC(ZSTD(1)),
    MODIFY COLUMN party CODEC(ZSTD(1)),
    MODIFY COLUMN channel CODEC(ZSTD(1)),
    MODIFY COLUMN ruleset CODEC(ZSTD(1)),
    MODIFY COLUMN revision CODEC(ZSTD(1)),
    MODIFY COLUMN rule_version CODEC(ZSTD(1)),
    MODIFY COLUMN profile_revision CODEC(ZSTD(1));

ALTER TABLE fact_decisions
    MODIFY COLUMN signal_at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN rule CODEC(ZSTD(1)),
    MODIFY COLUMN severity CODEC(ZSTD(1)),
    MODIFY COLUMN owner CODEC(ZSTD(1)),
    MODIFY COLUMN control CODEC(ZSTD(1)),
    MODIFY COLUMN outcome CODEC(ZSTD(1)),
    MODIFY COLUMN reason CODEC(ZSTD(1)),
    MODIFY COLUMN purpose CODEC(ZSTD(1)),
    MODIFY COLUMN channel CODEC(ZSTD(1)),
    MODIFY COLUMN revision CODEC(ZSTD(1)),
    MODIFY COLUMN signal_revision CODEC(ZSTD(1)),
    MODIFY COLUMN release_at CODEC(ZSTD(1)),
    MODIFY COLUMN profile_revision CODEC(ZSTD(1));

ALTER TABLE fact_deliveries
    MODIFY COLUMN at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN rule CODEC(ZSTD(1)),
    MODIFY COLUMN channel CODEC(ZSTD(1)),
    MODIFY COLUMN adapter CODEC(ZSTD(1)),
    MODIFY COLUMN status CODEC(ZSTD(1)),
    MODIFY COLUMN revision CODEC(ZSTD(1)),
    MODIFY COLUMN attempts CODEC(ZSTD(1)),
    MODIFY COLUMN next_try_at CODEC(ZSTD(1));

ALTER TABLE minute_touchpoints
    MODIFY COLUMN channel CODEC(ZSTD(1)),
    MODIFY COLUMN kind CODEC(ZSTD(1)),
    MODIFY COLUMN stage CODEC(ZSTD(1)),
    MODIFY COLUMN party CODEC(ZSTD(1)),
    MODIFY COLUMN actor CODEC(ZSTD(1));

ALTER TABLE minute_signals
    MODIFY COLUMN rule CODEC(ZSTD(1)),
    MODIFY COLUMN polarity CODEC(ZSTD(1)),
    MODIFY COLUMN severity CODEC(ZSTD(1)),
    MODIFY COLUMN owner CODEC(ZSTD(1)),
    MODIFY COLUMN control CODEC(ZSTD(1)),
    MODIFY COLUMN stage CODEC(ZSTD(1)),
    MODIFY COLUMN party CODEC(ZSTD(1)),
    MODIFY COLUMN channel CODEC(ZSTD(1)),
    MODIFY COLUMN status CODEC(ZSTD(1));

ALTER TABLE minute_decisions
    MODIFY COLUMN rule CODEC(ZSTD(1)),
    MODIFY COLUMN severity CODEC(ZSTD(1)),
    MODIFY COLUMN owner CODEC(ZSTD(1)),
    MODIFY COLUMN control CODEC(ZSTD(1)),
    MODIFY COLUMN channel CODEC(ZSTD(1)),
    MODIFY COLUMN purpose CODEC(ZSTD(1)),
    MODIFY COLUMN outcome CODEC(ZSTD(1)),
    MODIFY COLUMN reason CODEC(ZSTD(1));
