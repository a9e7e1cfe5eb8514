-- What measures count, one row each, beside contacts: promises, complaints, good and bad moments, purchases.

CREATE OR REPLACE VIEW each_promise
(
    customer     String                         COMMENT 'Customer',
    order_id     String                         COMMENT 'The order, as order:id',
    promised_at  DateTime64(3, 'UTC')           COMMENT 'The time that was promised first: promised_at of order.placed, order.confirmed or order.shipped, ready_at of pickup.promised (UTC)',
    day          Date                           COMMENT 'Day of promised_at (UTC)',
    due_at       DateTime64(3, 'UTC')           COMMENT 'Until when it is kept (UTC): promised_at; a promise of a day (its time is midnight, in its own offset) is kept until that day ends',
    delivered_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was delivered, or ready for pickup (UTC); NULL: not yet',
    party        LowCardinality(String)         COMMENT 'Who had the parcel last; before it was handed over, who took the order',
    is_due       Bool                           COMMENT 'Whether due_at has passed',
    is_kept      Bool                           COMMENT 'Whether it was delivered by due_at',
    late_seconds Nullable(Float64)              COMMENT 'How much later than due_at it was delivered, in seconds; NULL: in time, or not yet'
)
COMMENT 'Every delivery that was promised once. An order that was cancelled before it was delivered is none.'
AS SELECT
    any(customer) AS customer, order_id, fromUnixTimestamp64Milli(argMinIf(promised, place, told), 'UTC') AS promised_at,
    toDate(promised_at) AS day,
    promised_at + toIntervalDay(argMinIf(is_day, place, told)) AS due_at,
    if(countIf(delivers) > 0, minIf(occurred_at, delivers), NULL) AS delivered_at,
    if(countIf(carries) > 0, argMaxIf(party, place, carries), argMin(party, place)) AS party,
    due_at <= (SELECT max(minute) FROM fact_touchpoints) AS is_due,
    toBool(ifNull(delivered_at <= due_at, false)) AS is_kept,
    if(delivered_at > due_at, (toUnixTimestamp64Milli(assumeNotNull(delivered_at)) - toUnixTimestamp64Milli(due_at)) / 1000, NULL) AS late_seconds
FROM
(
    SELECT
        customer, occurred_at, (occurred_at, source, event_id) AS place, party, kind = 'order.cancelled' AS cancels,
        arrayJoin(arrayFilter(s -> startsWith(s, 'order:'), subjects)) AS order_id,
        kind IN ('order.shipped', 'delivery.scanned') AS carries,
        (kind = 'delivery.scanned' AND attributes['status'] = 'delivered') OR kind IN ('pickup.ready', 'pickup.collected') AS delivers,
        multiIf(kind IN ('order.placed', 'order.confirmed', 'order.shipped'), attributes['promised_at'], kind = 'pickup.promised', attributes['ready_at'], '') AS words,
        parseDateTime64BestEffortOrNull(words, 3, 'UTC') AS parsed, isNotNull(parsed) AS told,
        toUnixTimestamp64Milli(ifNull(parsed, toDateTime64(0, 3, 'UTC'))) AS promised,
        match(words, '^[0-9-]{8,10}([T ]00:00(:00([.]0+)?)?(Z|[+-][0-9:]+)?)?$') AS is_day
    FROM touchpoints
    WHERE kind IN ('order.placed', 'order.confirmed', 'order.shipped', 'order.cancelled', 'delivery.scanned', 'pickup.promised', 'pickup.ready', 'pickup.collected')
)
GROUP BY order_id
HAVING countIf(told) > 0 AND (countIf(cancels) = 0 OR countIf(delivers) > 0);

CREATE OR REPLACE VIEW each_complaint
(
    customer     String                 COMMENT 'Customer',
    at           DateTime64(3, 'UTC')   COMMENT 'When (UTC)',
    day          Date                   COMMENT 'Day (UTC)',
    kind         LowCardinality(String) COMMENT 'complaint.made, or survey.answered with a bad score',
    channel      LowCardinality(String) COMMENT 'Channel',
    topic        LowCardinality(String) COMMENT 'Topic; empty where none was named',
    foreseen_by  LowCardinality(String) COMMENT 'Rule of the first friction signal of this customer that was raised in the 14 days before; empty: none was',
    lead_seconds Nullable(Float64)      COMMENT 'Time from that signal to the complaint, in seconds'
)
COMMENT 'Every complaint once: complaint.made, and a CSAT score of 1 or 2. With the first signal that came before it; signals that were retracted and those of incidents do not count.'
AS SELECT
    customer, fromUnixTimestamp64Milli(ms, 'UTC') AS at, toDate(at) AS day, kind, channel, topic, foreseen_by,
    (ms - warned) / 1000 AS lead_seconds
FROM
(
    SELECT
        *,
        minOrNullIf(ms, warns) OVER (PARTITION BY customer ORDER BY ms RANGE BETWEEN 1209600000 PRECEDING AND 1 PRECEDING) AS warned,
        argMinIf(rule, (ms, rule), warns) OVER (PARTITION BY customer ORDER BY ms RANGE BETWEEN 1209600000 PRECEDING AND 1 PRECEDING) AS foreseen_by
    FROM
    (
        SELECT
            customer, toUnixTimestamp64Milli(occurred_at) AS ms, toString(kind) AS kind, toString(channel) AS channel,
            toString(attributes['topic']) AS topic, false AS warns, '' AS rule
        FROM touchpoints
        WHERE kind = 'complaint.made' OR (score_scale = 'csat' AND score <= 2)
        UNION ALL
        SELECT
            any(customer) AS customer, toUnixTimestamp64Milli(argMin(raised_at, revision)) AS ms, '' AS kind, '' AS channel, '' AS topic,
            true AS warns, toString(any(rule)) AS rule
        FROM signal_changes
        WHERE polarity = 'friction' AND scope = 'customer'
        GROUP BY signal_id
        HAVING argMax(status, revision) != 'retracted'
    )
)
WHERE NOT warns;

CREATE OR REPLACE VIEW each_moment
(
    customer String                 COMMENT 'Customer',
    at       DateTime64(3, 'UTC')   COMMENT 'When (UTC)',
    day      Date                   COMMENT 'Day (UTC)',
    stage    LowCardinality(String) COMMENT 'Stage of the relationship',
    what     LowCardinality(String) COMMENT 'Rule of the signal, or kind of the touchpoint',
    is_good  Bool                   COMMENT 'A good moment; otherwise a bad one'
)
COMMENT 'Every good and every bad moment of a customer once. Good: a delight signal, a CSAT of 4 or 5, an NPS score of 9 or 10, a text without a score that sounds good (sentiment 0.05 and more). Bad: a friction signal, a CSAT of 1 or 2, an NPS score of 0 to 6, a text without a score that sounds bad (-0.05 and less). Retracted signals and those of incidents do not count.'
AS SELECT customer, at, day, stage, what, is_good
FROM
(
    SELECT customer, at, toDate(minute) AS day, toString(stage) AS stage, toString(rule) AS what, polarity = 'delight' AS is_good
    FROM signals
    WHERE polarity IN ('friction', 'delight') AND status != 'retracted' AND scope = 'customer'
    UNION ALL
    SELECT
        customer, occurred_at AS at, toDate(minute) AS day, toString(stage) AS stage, toString(kind) AS what,
        multiIf(score_scale = 'csat', score >= 4, score_scale = 'nps', score >= 9, sentiment >= 0) AS is_good
    FROM touchpoints
    WHERE (score_scale = 'csat' AND (score >= 4 OR score <= 2)) OR (score_scale = 'nps' AND (score >= 9 OR score < 7))
        OR (score_scale = '' AND abs(sentiment) >= 0.05)
);

CREATE OR REPLACE VIEW each_balance
(
    customer     String            COMMENT 'Customer',
    good         UInt64            COMMENT 'Good moments',
    bad          UInt64            COMMENT 'Bad moments',
    good_per_bad Nullable(Float64) COMMENT 'Good moments for each bad one; NULL without a bad one',
    is_made_up   Bool              COMMENT 'Whether there are 12 good moments or more for each bad one'
)
COMMENT 'Every customer with a good or a bad moment once, with the balance of both over all time.'
AS SELECT
    customer, countIf(is_good) AS good, countIf(NOT is_good) AS bad, good / nullIf(bad, 0) AS good_per_bad, toBool(good >= 12 * bad) AS is_made_up
FROM each_moment
GROUP BY customer;

CREATE OR REPLACE VIEW each_purchase
(
    customer         String                 COMMENT 'Customer; those who are known by a cookie alone are left out',
    at               DateTime64(3, 'UTC')   COMMENT 'When (UTC)',
    day              Date                   COMMENT 'Day (UTC)',
    channel          LowCardinality(String) COMMENT 'Channel',
    value            Nullable(Float64)      COMMENT 'What it was worth, as value says; NULL where that was not told',
    currency         LowCardinality(String) COMMENT 'Currency, as it was told; empty where it was not',
    is_first         Bool                   COMMENT 'Whether it is the customer''s first',
    had_friction     Bool                   COMMENT 'Whether a friction signal of this customer became true in the 30 days after it',
    bought_again     Bool                   COMMENT 'Whether the customer bought again from the 31st to the 120th day after it',
    is_friction_known Bool                  COMMENT 'Whether the 30 days have passed, and signals were raised at all by then',
    is_known         Bool                   COMMENT 'Whether the 120 days have passed as well'
)
COMMENT 'Every purchase once (order.placed, store.purchased), with what followed. An order that was cancelled is none. Days are counted to the second. Friction is looked for in the 30 days before it is counted who buys again: else those who buy often would have more of it. Retracted signals and those of incidents do not count.'
AS SELECT
    customer, fromUnixTimestamp64Milli(ms, 'UTC') AS at, toDate(at) AS day, channel, value, currency, toBool(is_first) AS is_first,
    toBool(frictions > 0) AS had_friction, toBool(purchases > 0) AS bought_again,
    at + INTERVAL 30 DAY <= (SELECT max(minute) FROM fact_touchpoints)
        AND ifNull(at + INTERVAL 30 DAY >= (SELECT minOrNull(minute) FROM fact_signals), false) AS is_friction_known,
    is_friction_known AND at + INTERVAL 120 DAY <= (SELECT max(minute) FROM fact_touchpoints) AS is_known
FROM
(
    SELECT
        *, intDiv(ms, 1000) AS second,
        sum(buys) OVER (PARTITION BY customer ORDER BY ms, source, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) = 1 AS is_first,
        countIf(NOT buys) OVER (PARTITION BY customer ORDER BY second RANGE BETWEEN 1 FOLLOWING AND 2592000 FOLLOWING) AS frictions,
        countIf(buys) OVER (PARTITION BY customer ORDER BY second RANGE BETWEEN 2592001 FOLLOWING AND 10368000 FOLLOWING) AS purchases
    FROM
    (
        SELECT
            customer, toUnixTimestamp64Milli(occurred_at) AS ms, toString(source) AS source, event_id, true AS buys, toString(channel) AS channel,
            toFloat64OrNull(attributes['value']) AS value, toString(attributes['currency']) AS currency
        FROM touchpoints
        WHERE kind IN ('order.placed', 'store.purchased') AND NOT startsWith(customer, '~')
            AND arrayFirst(s -> startsWith(s, 'order:'), subjects) NOT IN
            (
                SELECT arrayJoin(arrayFilter(s -> startsWith(s, 'order:'), subjects)) FROM touchpoints WHERE kind = 'order.cancelled'
            )
        UNION ALL
        SELECT
            customer, toUnixTimestamp64Milli(at) AS ms, '' AS source, signal_id AS event_id, false AS buys, '' AS channel,
            CAST(NULL, 'Nullable(Float64)') AS value, '' AS currency
        FROM signals
        WHERE polarity = 'friction' AND status != 'retracted' AND scope = 'customer'
    )
)
WHERE buys;
