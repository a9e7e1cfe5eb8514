-- Measures of promises, friction, what was foreseen and what was decided.

CREATE OR REPLACE VIEW measure_promise_kept
(
    day          Date                   COMMENT 'Day that was promised (UTC)',
    party        LowCardinality(String) COMMENT 'Who had the parcel last; before it was handed over, who took the order',
    promised     UInt64                 COMMENT 'Deliveries that were due',
    kept         UInt64                 COMMENT 'Delivered in time',
    late         UInt64                 COMMENT 'Delivered later',
    undelivered  UInt64                 COMMENT 'Not delivered yet',
    late_seconds Float64                COMMENT 'Sum of how much later, in seconds',
    rate         Nullable(Float64)      COMMENT 'Share of this row that was delivered in time, in percent'
)
COMMENT 'Delivery promise kept: the share of deliveries that came by the time that was promised first. A promise of a day is kept until that day ends.
Unit: percent
Better: up
Window: the day that was promised, when it is over
Source: each_promise
After: on-time delivery against the first promise, as logistics counts it
Value: 100 * sum(kept) / nullIf(sum(promised), 0)
Cases: sum(promised)'
AS SELECT
    day, party, count() AS promised, countIf(is_kept) AS kept, countIf(isNotNull(p.late_seconds)) AS late,
    countIf(isNull(delivered_at)) AS undelivered, sum(ifNull(p.late_seconds, 0)) AS late_seconds, 100 * kept / promised AS rate
FROM each_promise AS p
WHERE is_due AND (SELECT count() FROM touchpoints_by_day WHERE kind IN ('delivery.scanned', 'pickup.ready', 'pickup.collected')) > 0
GROUP BY day, party;

CREATE OR REPLACE VIEW measure_checkout_abandonment
(
    day       Date                   COMMENT 'Day on which the checkout began (UTC)',
    channel   LowCardinality(String) COMMENT 'Channel',
    checkouts UInt64                 COMMENT 'Checkouts',
    abandoned UInt64                 COMMENT 'Those of them that led to no order',
    rate      Nullable(Float64)      COMMENT 'Share of this row, in percent'
)
COMMENT 'Checkout abandonment: the share of checkouts without an order of the customer within 24 hours. Further checkouts until then are the same one.
Unit: percent
Better: down
Window: 24 hours after the begin; those of the last 24 hours are not known yet and left out
Source: checkout.started, order.placed, checkout.completed
After: checkout abandonment rate, as online shops count it
Value: 100 * sum(abandoned) / nullIf(sum(checkouts), 0)
Cases: sum(checkouts)'
AS SELECT toDate(fromUnixTimestamp64Milli(began, 'UTC')) AS day, channel, count() AS checkouts, countIf(isNull(bought)) AS abandoned, 100 * abandoned / checkouts AS rate
FROM
(
    SELECT
        began, argMinIf(channel, place, starts) AS channel,
        minOrNullIf(ms, NOT starts AND ms <= began + 86400000) AS bought
    FROM
    (
        SELECT *, min(if(starts, ms, NULL)) OVER (PARTITION BY customer, number) AS first_ms
        FROM
        (
            SELECT *, sum(begins) OVER (PARTITION BY customer ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS number
            FROM
            (
                SELECT
                    *,
                    starts AND (NOT lagInFrame(starts) OVER (PARTITION BY customer ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
                        OR ms - lagInFrame(ms) OVER (PARTITION BY customer ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > 86400000) AS begins
                FROM
                (
                    SELECT
                        customer, toUnixTimestamp64Milli(occurred_at) AS ms, kind = 'checkout.started' AS starts, (ms, NOT starts, source, event_id) AS place, channel
                    FROM touchpoints
                    WHERE kind IN ('checkout.started', 'order.placed', 'checkout.completed')
                )
            )
        )
    )
    WHERE isNotNull(first_ms)
    GROUP BY customer, number, assumeNotNull(first_ms) AS began
)
WHERE began + 86400000 <= toInt64(toUnixTimestamp((SELECT max(minute) FROM fact_touchpoints))) * 1000
GROUP BY day, channel;

CREATE OR REPLACE VIEW measure_friction_rate
(
    day          Date                   COMMENT 'Day (UTC)',
    stage        LowCardinality(String) COMMENT 'Stage of the relationship',
    owner        LowCardinality(String) COMMENT 'Department that must act; empty in the row that has the touchpoints',
    control      LowCardinality(String) COMMENT 'own, partner, outside; empty in the row that has the touchpoints',
    signals      UInt64                 COMMENT 'Friction signals that became true on that day and were not retracted',
    touchpoints  UInt64                 COMMENT 'Touchpoints of that day and stage: in a row of their own, so that sums count them once',
    per_thousand Nullable(Float64)      COMMENT 'Signals of this row for a thousand touchpoints of the same day and stage'
)
COMMENT 'Friction rate: friction signals for a thousand touchpoints. An incident counts as one signal more. By owner or control, divide by the touchpoints of all rows: they are nobody''s.
Unit: per thousand touchpoints
Better: down
Window: the day on which the friction became true, from the day of the first signal on
Source: signals_by_day, touchpoints_by_day
After: defects per thousand opportunities, as quality management counts it
Value: 1000 * sum(signals) / nullIf(sum(touchpoints), 0)
Cases: sum(touchpoints)'
AS SELECT
    day, stage, owner, control, signals, touchpoints, 1000 * signals / nullIf(sum(touchpoints) OVER (PARTITION BY day, stage), 0) AS per_thousand
FROM
(
    SELECT day, toString(stage) AS stage, toString(owner) AS owner, toString(control) AS control, sum(s.signals) AS signals, toUInt64(0) AS touchpoints
    FROM signals_by_day AS s
    WHERE polarity = 'friction' AND status != 'retracted'
    GROUP BY day, stage, owner, control
    UNION ALL
    SELECT day, toString(stage) AS stage, '' AS owner, '' AS control, toUInt64(0) AS signals, sum(t.touchpoints) AS touchpoints
    FROM touchpoints_by_day AS t
    GROUP BY day, stage
)
WHERE day >= (SELECT minOrNull(day) FROM signals_by_day);

CREATE OR REPLACE VIEW measure_foreseen_complaints
(
    day          Date                   COMMENT 'Day of the complaint (UTC)',
    channel      LowCardinality(String) COMMENT 'Channel of the complaint',
    topic        LowCardinality(String) COMMENT 'Topic; empty where none was named',
    kind         LowCardinality(String) COMMENT 'complaint.made, or survey.answered with a bad score',
    complaints   UInt64                 COMMENT 'Complaints',
    foreseen     UInt64                 COMMENT 'Those of them that a friction signal came before',
    lead_seconds Float64                COMMENT 'Sum of the time from the first such signal to the complaint, in seconds',
    share        Nullable(Float64)      COMMENT 'Share of this row, in percent',
    lead_median  Nullable(Float64)      COMMENT 'Median lead time of this row, in seconds; medians do not add up: for other rows ask each_complaint'
)
COMMENT 'Foreseen complaints: the share of complaints (complaint.made, and a CSAT of 1 or 2) that a friction signal of the same customer came before, at the most 14 days earlier.
Unit: percent
Better: up
Window: the day of the complaint, from the day of the first signal on; signals of the 14 days before
Source: each_complaint
After: recall, C. J. van Rijsbergen, Information Retrieval, 1979
Value: 100 * sum(foreseen) / nullIf(sum(complaints), 0)
Cases: sum(complaints)'
AS SELECT
    day, channel, topic, kind, count() AS complaints, count(c.lead_seconds) AS foreseen, sum(ifNull(c.lead_seconds, 0)) AS lead_seconds,
    100 * foreseen / complaints AS share, if(foreseen = 0, NULL, quantileExactInclusive(0.5)(c.lead_seconds)) AS lead_median
FROM each_complaint AS c
WHERE day >= (SELECT minOrNull(day) FROM signals_by_day)
GROUP BY day, channel, topic, kind;

CREATE OR REPLACE VIEW measure_lead_time
(
    day          Date                   COMMENT 'Day of the complaint (UTC)',
    rule         LowCardinality(String) COMMENT 'Rule of the first signal before it',
    foreseen     UInt64                 COMMENT 'Complaints that a signal came before',
    lead_seconds Float64                COMMENT 'Sum of the time from that signal to the complaint, in seconds',
    mean_seconds Nullable(Float64)      COMMENT 'Mean of this row, in seconds',
    lead_median  Nullable(Float64)      COMMENT 'Median of the same; medians do not add up: for other rows ask each_complaint'
)
COMMENT 'Lead time: the mean time from the first friction signal of a customer to the complaint that it came before, at the most 14 days.
Unit: seconds
Better: up
Window: the day of the complaint; signals of the 14 days before
Source: each_complaint
After: lead time of a warning, as forecasters count it
Value: sum(lead_seconds) / nullIf(sum(foreseen), 0)
Cases: sum(foreseen)'
AS SELECT
    day, foreseen_by AS rule, count() AS foreseen, sum(assumeNotNull(c.lead_seconds)) AS lead_seconds, lead_seconds / foreseen AS mean_seconds,
    quantileExactInclusive(0.5)(c.lead_seconds) AS lead_median
FROM each_complaint AS c
WHERE isNotNull(c.lead_seconds)
GROUP BY day, rule;

CREATE OR REPLACE VIEW measure_decisions
(
    day           Date                   COMMENT 'Day of the decision (UTC)',
    reason        LowCardinality(String) COMMENT 'The one reason',
    outcome       LowCardinality(String) COMMENT 'sent, held, suppressed',
    owner         LowCardinality(String) COMMENT 'Department that must act',
    channel       LowCardinality(String) COMMENT 'Channel of the message; empty without one',
    observed      Bool                   COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    route         LowCardinality(String) COMMENT 'customer (a message), person (a task), owner (a notice)',
    decisions     UInt64                 COMMENT 'Decisions',
    sent          UInt64                 COMMENT 'Those of them that are to send something',
    delay_seconds Float64                COMMENT 'Sum of the time from the friction to the decision, in seconds',
    share         Nullable(Float64)      COMMENT 'Share of this row among the decisions of its day, in percent'
)
COMMENT 'Decisions by reason: the share of decisions of outreach that send something; by reason, why the others do not.
Unit: percent
Better: neither
Window: the day of the decision, as it is in force
Source: decisions_by_day
After: the ledger of outreach: exactly one reason for each signal
Value: 100 * sum(sent) / nullIf(sum(decisions), 0)
Cases: sum(decisions)'
AS SELECT
    day, reason, outcome, owner, channel, observed, route, decisions, if(outcome = 'sent', decisions, 0) AS sent, delay_seconds,
    100 * decisions / sum(decisions) OVER (PARTITION BY day) AS share
FROM
(
    SELECT day, reason, outcome, owner, channel, observed, route, sum(d.decisions) AS decisions, sum(d.delay_seconds) AS delay_seconds
    FROM decisions_by_day AS d
    GROUP BY day, reason, outcome, owner, channel, observed, route
);
