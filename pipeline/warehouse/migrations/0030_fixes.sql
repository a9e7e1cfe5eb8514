-- The changes that are meant to mend causes (docs/fixes.md).

CREATE TABLE IF NOT EXISTS fact_fixes
(
    fix_id      String                 COMMENT 'Id of the change',
    rule        LowCardinality(String) COMMENT 'Rule whose friction it is meant to mend; with a cause, the rule for incidents',
    cause       String                 COMMENT 'Group of the incident that it is meant to mend, such as party:dhl; empty: all friction of the rule',
    owner       LowCardinality(String) COMMENT 'Department that made the change',
    what        String                 COMMENT 'What was changed, in words',
    at          DateTime64(3, 'UTC')   COMMENT 'When it took effect',
    withdrawn   Bool                   COMMENT 'Whether the record was taken back',
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was recorded; the latest counts'
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY fix_id
COMMENT 'Storage of changes that are meant to mend a cause. Read fixes.';

CREATE OR REPLACE VIEW fixes
(
    fix_id      String                 COMMENT 'Id of the change',
    rule        LowCardinality(String) COMMENT 'Rule whose friction it is meant to mend; with a cause, the rule for incidents',
    cause       String                 COMMENT 'Group of the incident that it is meant to mend, such as party:dhl; empty: all friction of the rule',
    owner       LowCardinality(String) COMMENT 'Department that made the change',
    what        String                 COMMENT 'What was changed, in words',
    at          DateTime64(3, 'UTC')   COMMENT 'When it took effect (UTC)',
    recorded_at DateTime64(3, 'UTC')   COMMENT 'When it was recorded (UTC)'
)
COMMENT 'Changes (a release, a new carrier, a new script) that are meant to mend a cause of friction.'
AS SELECT fix_id, rule, cause, owner, what, at, recorded_at FROM fact_fixes FINAL WHERE NOT withdrawn;

-- Signals are told by the moment; touchpoints, of which there are many, by the minute in which they fall.
CREATE OR REPLACE VIEW fix_days
(
    fix_id      String COMMENT 'Id of the change',
    day         Int32  COMMENT 'Day before (-1, -2 …) or after the change (0, 1 …): 24 hours, counted from the change itself; from -56 to 55',
    signals     UInt64 COMMENT 'Signals of that day that the change is meant to mend, without those that were retracted',
    customers   UInt64 COMMENT 'Distinct customers who had them',
    touchpoints UInt64 COMMENT 'Touchpoints of all customers on that day: what the signals are measured by'
)
COMMENT 'Friction around each change, day by day: whether it fell, touchline fixes effect says with an interval.'
AS WITH
    days AS (SELECT fix_id, arrayJoin(range(112))::Int32 - 56 AS day FROM fixes),
    raised AS (
        SELECT f.fix_id AS fix_id, floor((toUnixTimestamp64Milli(s.at) - toUnixTimestamp64Milli(f.at)) / 86400000)::Int32 AS day,
            count() AS signals, uniqExact(s.customer) AS customers
        FROM (SELECT at, rule, customer, causes FROM signals WHERE status != 'retracted') AS s
        CROSS JOIN (SELECT fix_id, rule, cause, at FROM fixes) AS f
        WHERE (f.cause = '' AND s.rule = f.rule OR f.cause != '' AND has(s.causes, concat(f.rule, ' ', f.cause)))
            AND day BETWEEN -56 AND 55
        GROUP BY fix_id, day
    ),
    busy AS (
        SELECT f.fix_id AS fix_id, floor((toUnixTimestamp(t.minute) - toUnixTimestamp(f.at)) / 86400)::Int32 AS day,
            sum(t.touchpoints) AS touchpoints
        FROM (SELECT minute, sum(touchpoints) AS touchpoints FROM touchpoint_states GROUP BY minute) AS t
        CROSS JOIN (SELECT fix_id, at FROM fixes) AS f
        WHERE day BETWEEN -56 AND 55
        GROUP BY fix_id, day
    )
SELECT d.fix_id AS fix_id, d.day AS day, r.signals AS signals, r.customers AS customers, b.touchpoints AS touchpoints
FROM days AS d
LEFT JOIN raised AS r ON r.fix_id = d.fix_id AND r.day = d.day
LEFT JOIN busy AS b ON b.fix_id = d.fix_id AND b.day = d.day;
