-- How far a start of touchline up has counted what the broker forgot, so that the next one need not do it again.
CREATE TABLE IF NOT EXISTS settled
(
    period  LowCardinality(String) COMMENT 'minute, hour or day',
    version UInt64                 COMMENT 'Time of the server in nanoseconds: what was written before it is in the figures of these periods'
)
ENGINE = ReplacingMergeTree
ORDER BY period
COMMENT 'How far the figures are known to be right: the row of each period that was written last counts.';
