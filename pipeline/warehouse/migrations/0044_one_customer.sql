-- One customer, fast whatever the number of signals: the same views as in 0020, of which every part is limited to the
-- customer before anything is merged. Copies of a row are alike, so one of each is taken instead of FINAL, which would
-- read whole minutes; and what is joined by customer is a union with one row for each part, through which a filter on
-- the customer passes. Parts that are there already get the index when they are merged, or at once by
-- ALTER TABLE fact_signals MATERIALIZE INDEX customers.

ALTER TABLE fact_signals ADD INDEX IF NOT EXISTS customers customer TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE fact_decisions ADD INDEX IF NOT EXISTS customers customer TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE fact_deliveries ADD INDEX IF NOT EXISTS customers customer TYPE bloom_filter(0.01) GRANULARITY 1;

CREATE OR REPLACE VIEW customer_timeline
COMMENT 'Everything about one customer in its order: touchpoints, signals, decisions, deliveries. customer_timeline(customer = ''c-1'')'
AS SELECT at, what, name, channel, party, subjects, score, sentiment, wait_seconds, duration_seconds, words
FROM
(
    SELECT
        occurred_at AS at, 'touchpoint' AS what, toString(kind) AS name, toString(channel) AS channel,
        toString(party) AS party, subjects, score, sentiment, wait_seconds, duration_seconds, '' AS words
    FROM customer_touchpoints FINAL
    WHERE customer = {customer:String}
    UNION ALL
    SELECT
        at, 'signal', toString(rule), toString(channel), toString(party), subjects, NULL, NULL, NULL, NULL,
        concat(toString(status), ': ', evidence)
    FROM fact_signals
    WHERE customer = {customer:String}
    LIMIT 1 BY signal_id, revision, minute
    UNION ALL
    SELECT
        at, 'decision', toString(rule), toString(channel), toString(owner), [], NULL, NULL, NULL, NULL,
        concat(toString(reason), ': ', explanation)
    FROM fact_decisions
    WHERE customer = {customer:String}
    LIMIT 1 BY decision_id, revision, minute
    UNION ALL
    SELECT
        at, 'delivery', toString(rule), toString(channel), toString(adapter), [], NULL, NULL, NULL, NULL,
        concat(toString(status), if(error = '', '', concat(': ', error)))
    FROM fact_deliveries
    WHERE customer = {customer:String}
    LIMIT 1 BY delivery_id, revision, minute
)
ORDER BY at, indexOf(['touchpoint', 'signal', 'decision', 'delivery'], what), name, words;

CREATE OR REPLACE VIEW customer_360
(
    customer        String                           COMMENT 'Customer',
    first_seen      DateTime64(3, 'UTC')             COMMENT 'First touchpoint (UTC)',
    last_seen       DateTime64(3, 'UTC')             COMMENT 'Latest touchpoint (UTC)',
    touchpoints     UInt64                           COMMENT 'Touchpoints',
    channels        Array(String)                    COMMENT 'Channels that they used or met',
    last_channel    String                           COMMENT 'Channel of the latest touchpoint',
    last_kind       String                           COMMENT 'Kind of the latest touchpoint',
    orders          UInt64                           COMMENT 'Distinct orders that touchpoints name',
    last_csat       Nullable(Float64)                COMMENT 'Latest CSAT score, 1 to 5',
    last_nps        Nullable(Float64)                COMMENT 'Latest NPS score, 0 to 10',
    friction        UInt64                           COMMENT 'Friction signals, without those that were retracted',
    open_friction   UInt64                           COMMENT 'Friction signals that stand now',
    delights        UInt64                           COMMENT 'Good moments, without those that were retracted',
    last_friction   Nullable(DateTime64(3, 'UTC'))   COMMENT 'When the latest friction became true (UTC)',
    messages        UInt64                           COMMENT 'Decisions to send them a message that were not only observed',
    last_message    Nullable(DateTime64(3, 'UTC'))   COMMENT 'When the latest of these was decided (UTC)'
)
COMMENT 'One row for each customer: what they did, what friction they met, what we said.'
AS SELECT
    p.customer AS customer, max(p.first_seen) AS first_seen, max(p.last_seen) AS last_seen,
    max(p.touchpoints) AS touchpoints, max(p.channels) AS channels, max(p.last_channel) AS last_channel,
    max(p.last_kind) AS last_kind, max(p.orders) AS orders, max(p.last_csat) AS last_csat, max(p.last_nps) AS last_nps,
    max(p.friction) AS friction, max(p.open_friction) AS open_friction, max(p.delights) AS delights,
    max(p.last_friction) AS last_friction, max(p.messages) AS messages, max(p.last_message) AS last_message
FROM
(
    SELECT
        customer, min(occurred_at) AS first_seen, max(occurred_at) AS last_seen, count() AS touchpoints,
        arraySort(groupUniqArray(toString(channel))) AS channels,
        toString(argMax(channel, (occurred_at, event_hash))) AS last_channel,
        toString(argMax(kind, (occurred_at, event_hash))) AS last_kind,
        length(arrayDistinct(arrayFilter(subject -> startsWith(subject, 'order:'), groupArrayArray(subjects)))) AS orders,
        if(countIf(score_scale = 'csat') = 0, NULL, argMaxIf(score, (occurred_at, event_hash), score_scale = 'csat')) AS last_csat,
        if(countIf(score_scale = 'nps') = 0, NULL, argMaxIf(score, (occurred_at, event_hash), score_scale = 'nps')) AS last_nps,
        0 AS friction, 0 AS open_friction, 0 AS delights, NULL AS last_friction, 0 AS messages, NULL AS last_message
    FROM customer_touchpoints FINAL
    GROUP BY customer
    UNION ALL
    SELECT
        customer, toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), 0, [], '', '', 0, NULL, NULL,
        countIf(polarity = 'friction'), countIf(polarity = 'friction' AND status IN ('opened', 'updated')),
        countIf(polarity = 'delight'),
        if(countIf(polarity = 'friction') = 0, NULL, maxIf(latest, polarity = 'friction')), 0, NULL
    FROM
    (
        SELECT
            customer, signal_id, argMax(toString(polarity), (revision, minute)) AS polarity,
            argMax(toString(status), (revision, minute)) AS status, argMax(at, (revision, minute)) AS latest
        FROM fact_signals
        GROUP BY customer, signal_id
    )
    WHERE status != 'retracted'
    GROUP BY customer
    UNION ALL
    SELECT
        customer, toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), 0, [], '', '', 0, NULL, NULL, 0, 0, 0, NULL,
        count(), max(latest)
    FROM
    (
        SELECT
            customer, decision_id, argMax(toString(outcome), (revision, minute)) AS outcome,
            argMax(observed, (revision, minute)) AS observed, argMax(toString(route), (revision, minute)) AS route,
            argMax(at, (revision, minute)) AS latest
        FROM fact_decisions
        GROUP BY customer, decision_id
    )
    WHERE outcome = 'sent' AND NOT observed AND route IN ('customer', '')
    GROUP BY customer
) AS p
GROUP BY customer
HAVING touchpoints > 0;
