-- What outreach changed: the measure of its experiments.

CREATE OR REPLACE VIEW each_assignment
(
    experiment        LowCardinality(String) COMMENT 'Experiment',
    customer          String                 COMMENT 'Customer',
    at                DateTime64(3, 'UTC')   COMMENT 'First decision about the customer that got an arm (UTC)',
    day               Date                   COMMENT 'Day of it (UTC)',
    arm               LowCardinality(String) COMMENT 'Arm of that decision: treated, held_out',
    complaint_seconds Nullable(Float64)      COMMENT 'Time until the customer''s first complaint after it, in seconds; NULL: none within 14 days',
    is_known          Bool                   COMMENT 'Whether the 14 days have passed'
)
COMMENT 'Every customer of an experiment once, in the arm of the first decision, whatever became of its message later. Decisions of observe mode do not count, for they treat nobody; those that the ramp held back do.'
AS SELECT
    experiment, customer, fromUnixTimestamp64Milli(ms, 'UTC') AS at, toDate(at) AS day, arm, (complaint - ms) / 1000 AS complaint_seconds,
    at + INTERVAL 14 DAY <= (SELECT max(minute) FROM fact_touchpoints) AS is_known
FROM
(
    SELECT
        *, minOrNullIf(ms, complains) OVER (PARTITION BY customer ORDER BY ms RANGE BETWEEN 1 FOLLOWING AND 1209600000 FOLLOWING) AS complaint
    FROM
    (
        SELECT
            toString(experiment) AS experiment, customer, toUnixTimestamp64Milli(min(d.at)) AS ms,
            toString(argMin(d.arm, (d.at, d.signal_at, d.rule, d.arm))) AS arm, false AS complains
        FROM decision_changes AS d
        WHERE d.arm IN ('treated', 'held_out') AND (NOT observed OR observed_by = 'ramp')
        GROUP BY experiment, customer
        UNION ALL
        SELECT '' AS experiment, customer, toUnixTimestamp64Milli(occurred_at) AS ms, '' AS arm, true AS complains
        FROM touchpoints
        WHERE kind = 'complaint.made'
    )
)
WHERE NOT complains;

CREATE OR REPLACE VIEW measure_uplift
(
    day                 Date                   COMMENT 'Day on which the customers came into the experiment (UTC)',
    experiment          LowCardinality(String) COMMENT 'Experiment',
    treated             UInt64                 COMMENT 'Customers for whom outreach was meant',
    treated_complained  UInt64                 COMMENT 'Those of them who complained within 14 days',
    held_out            UInt64                 COMMENT 'Customers who were held out',
    held_out_complained UInt64                 COMMENT 'Those of them who complained within 14 days',
    uplift              Nullable(Float64)      COMMENT 'Uplift of this row, in points; NULL while an arm is empty'
)
COMMENT 'Uplift of outreach over hold-out: the share of treated customers who complain within 14 days, less that of those held out. Below 0: fewer complaints with outreach. Whoever is assigned counts, whatever became of the message. `touchline outreach uplift` tells of other outcomes, of rules, and whether there are enough customers to say it.
Unit: points
Better: down
Window: 14 days from the first decision with an arm; customers of the last 14 days are not known yet and left out
Source: each_assignment: decisions with an arm, complaint.made
After: intention to treat, R. Kohavi, D. Tang and Y. Xu, Trustworthy Online Controlled Experiments, 2020; interval: R. G. Newcombe, 1998, method 10
Value: 100 * (sum(treated_complained) / nullIf(sum(treated), 0) - sum(held_out_complained) / nullIf(sum(held_out), 0))
Cases: sum(treated) + sum(held_out)
Arms: [sum(treated_complained), sum(treated), sum(held_out_complained), sum(held_out)]
By: experiment'
AS SELECT
    day, experiment, countIf(arm = 'treated') AS treated, countIf(arm = 'treated' AND isNotNull(complaint_seconds)) AS treated_complained,
    countIf(arm = 'held_out') AS held_out, countIf(arm = 'held_out' AND isNotNull(complaint_seconds)) AS held_out_complained,
    100 * (treated_complained / nullIf(treated, 0) - held_out_complained / nullIf(held_out, 0)) AS uplift
FROM each_assignment
WHERE is_known
GROUP BY day, experiment;
