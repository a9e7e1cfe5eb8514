-- Journeys: the touchpoints of each customer beside each other, and what follows from their order.

-- The facts once more, sorted by customer: a timeline is one short read. What is long (texts, attributes, ids) stays in
-- fact_touchpoints; of the id there is a hash, which tells a replay from another touchpoint of the same moment.
CREATE TABLE IF NOT EXISTS customer_touchpoints
(
    customer         String                 COMMENT 'Customer' CODEC(ZSTD(1)),
    occurred_at      DateTime64(3, 'UTC')   COMMENT 'When it happened' CODEC(Delta, ZSTD(1)),
    event_hash       UInt64                 COMMENT 'Hash of source and event_id: cityHash64(source, event_id)' CODEC(NONE),
    kind             LowCardinality(String) COMMENT 'What happened' CODEC(ZSTD(1)),
    channel          LowCardinality(String) COMMENT 'Medium that the customer used or met' CODEC(ZSTD(1)),
    stage            LowCardinality(String) COMMENT 'Stage of the relationship' CODEC(ZSTD(1)),
    party            LowCardinality(String) COMMENT 'Department or partner that answers for it' CODEC(ZSTD(1)),
    actor            LowCardinality(String) COMMENT 'Who did it' CODEC(ZSTD(1)),
    subjects         Array(String)          COMMENT 'What it is about, as type:id' CODEC(ZSTD(1)),
    score_scale      LowCardinality(String) COMMENT 'Survey scale; empty without a score' CODEC(ZSTD(1)),
    score            Nullable(Float32)      COMMENT 'Survey score on its scale' CODEC(ZSTD(1)),
    sentiment        Nullable(Float32)      COMMENT 'Sentiment of the text, from -1 to 1' CODEC(ZSTD(1)),
    wait_seconds     Nullable(Float32)      COMMENT 'Time the customer waited, in seconds' CODEC(ZSTD(1)),
    duration_seconds Nullable(Float32)      COMMENT 'Time it took, in seconds' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYear(occurred_at)
ORDER BY (customer, occurred_at, event_hash)
COMMENT 'Storage of touchpoints by customer, written with fact_touchpoints. Read customer_timeline, sessions, journeys.';

CREATE MATERIALIZED VIEW IF NOT EXISTS customer_touchpoints_feed TO customer_touchpoints
(
    customer         String                 COMMENT 'Customer',
    occurred_at      DateTime64(3, 'UTC')   COMMENT 'When it happened',
    event_hash       UInt64                 COMMENT 'Hash of source and event_id',
    kind             LowCardinality(String) COMMENT 'What happened',
    channel          LowCardinality(String) COMMENT 'Medium that the customer used or met',
    stage            LowCardinality(String) COMMENT 'Stage of the relationship',
    party            LowCardinality(String) COMMENT 'Department or partner that answers for it',
    actor            LowCardinality(String) COMMENT 'Who did it',
    subjects         Array(String)          COMMENT 'What it is about, as type:id',
    score_scale      LowCardinality(String) COMMENT 'Survey scale; empty without a score',
    score            Nullable(Float32)      COMMENT 'Survey score on its scale',
    sentiment        Nullable(Float32)      COMMENT 'Sentiment of the text, from -1 to 1',
    wait_seconds     Nullable(Float32)      COMMENT 'Time the customer waited, in seconds',
    duration_seconds Nullable(Float32)      COMMENT 'Time it took, in seconds'
)
COMMENT 'Writes customer_touchpoints.'
AS SELECT
    customer, occurred_at, cityHash64(source, event_id) AS event_hash, kind, channel, stage, party, actor, subjects,
    score_scale, score, sentiment, wait_seconds, duration_seconds
FROM fact_touchpoints;

-- What was stored before this migration; a row that the feed writes as well is the same row.
INSERT INTO customer_touchpoints
SELECT
    customer, occurred_at, cityHash64(source, event_id), kind, channel, stage, party, actor, subjects, score_scale, score,
    sentiment, wait_seconds, duration_seconds
FROM fact_touchpoints
SETTINGS max_partitions_per_insert_block = 0;

-- One customer, fast whatever the number of signals: every part of the two views is limited to the customer before
-- anything is merged. Copies of a row are alike, so one of each is taken instead of FINAL, which would read whole
-- minutes; and what is joined by customer is a union with one row for each part, through which a filter on the customer
-- passes. Parts that are there already get the index when they are merged, or at once by
-- ALTER TABLE fact_signals MATERIALIZE INDEX customers.

ALTER TABLE fact_signals ADD INDEX IF NOT EXISTS customers customer TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE fact_decisions ADD INDEX IF NOT EXISTS customers customer TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE fact_deliveries ADD INDEX IF NOT EXISTS customers customer TYPE bloom_filter(0.01) GRANULARITY 1;

-- One customer: SELECT * FROM customer_timeline(customer = 'c-1').
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

-- What a customer does in one go, whatever the channels: a new session begins after half an hour without a touchpoint.
CREATE OR REPLACE VIEW sessions
COMMENT 'What a customer did in one go, on whatever channels: half an hour without a touchpoint ends a session. sessions(from = …, to = …)'
AS SELECT
    customer,
    session[1].1 AS started_at,
    session[-1].1 AS ended_at,
    dateDiff('second', started_at, ended_at) AS seconds,
    length(session) AS touchpoints,
    arrayDistinct(session.3) AS channels,
    session.2 AS path
FROM
(
    SELECT
        customer,
        arraySort(groupArray((occurred_at, toString(kind), toString(channel), event_hash))) AS steps,
        arrayJoin(arraySplit(
            (step, gap) -> gap > 1800000, steps, arrayDifference(arrayMap(step -> toUnixTimestamp64Milli(step.1), steps))
        )) AS session
    FROM customer_touchpoints FINAL
    WHERE occurred_at >= {from:DateTime} AND occurred_at < {to:DateTime}
    GROUP BY customer
)
ORDER BY customer, started_at;

-- All that happened about one thing of a customer (an order, a ticket), from its first touchpoint to its last.
CREATE OR REPLACE VIEW journeys
COMMENT 'All that happened about one thing of a customer, such as an order. journeys(from = …, to = …)'
AS SELECT
    t.customer AS customer, t.subject AS subject, t.subject_type AS subject_type, t.started_at AS started_at,
    t.ended_at AS ended_at, dateDiff('second', t.started_at, t.ended_at) AS seconds, t.touchpoints AS touchpoints,
    t.channels AS channels, t.parties AS parties, t.people AS people, t.path AS path, s.signals AS signals
FROM
(
    SELECT
        customer, arrayJoin(subjects) AS subject, splitByChar(':', subject)[1] AS subject_type,
        min(occurred_at) AS started_at, max(occurred_at) AS ended_at, count() AS touchpoints,
        arraySort(groupUniqArray(toString(channel))) AS channels, arraySort(groupUniqArray(toString(party))) AS parties,
        countIf(actor = 'human') AS people,
        arrayMap(step -> step.2, arraySort(groupArray((occurred_at, toString(kind), event_hash)))) AS path
    FROM customer_touchpoints FINAL
    WHERE occurred_at >= {from:DateTime} AND occurred_at < {to:DateTime}
    GROUP BY customer, subject
) AS t
LEFT JOIN
(
    SELECT customer, arrayJoin(arrayDistinct(arrayConcat(subjects, [counted_by]))) AS subject, count() AS signals
    FROM signals
    WHERE status != 'retracted' AND polarity = 'friction'
    GROUP BY customer, subject
) AS s ON s.customer = t.customer AND s.subject = t.subject
ORDER BY customer, started_at, subject;

-- The steps of journeys about things of a type ('order'), or of sessions ('session'); what repeats itself is one step.
CREATE OR REPLACE VIEW journey_steps
COMMENT 'The steps of journeys about things of a type, or of sessions (type = ''session''); what repeats itself is one step. journey_steps(from = …, to = …, type = ''order'')'
AS SELECT customer, journey, number, name, at, next, next_at, recurs
FROM
(
    SELECT
        customer, journey, steps,
        arrayFilter((step, number) -> number = 1 OR step.2 != steps[number - 1].2, steps, arrayEnumerate(steps)) AS moves
    FROM
    (
        SELECT
            customer, subject AS journey, arraySort(groupArray((occurred_at, toString(kind), event_hash))) AS steps
        FROM (
            SELECT customer, arrayJoin(subjects) AS subject, occurred_at, kind, event_hash
            FROM customer_touchpoints FINAL
            WHERE occurred_at >= {from:DateTime} AND occurred_at < {to:DateTime} AND {type:String} != 'session'
        )
        WHERE startsWith(subject, concat({type:String}, ':'))
        GROUP BY customer, subject
        UNION ALL
        SELECT customer, toString(session[1].1) AS journey, session AS steps
        FROM
        (
            SELECT
                customer, arraySort(groupArray((occurred_at, toString(kind), event_hash))) AS all_steps,
                arrayJoin(arraySplit(
                    (step, gap) -> gap > 1800000, all_steps,
                    arrayDifference(arrayMap(step -> toUnixTimestamp64Milli(step.1), all_steps))
                )) AS session
            FROM customer_touchpoints FINAL
            WHERE occurred_at >= {from:DateTime} AND occurred_at < {to:DateTime} AND {type:String} = 'session'
            GROUP BY customer
        )
    )
)
ARRAY JOIN
    arrayEnumerate(moves) AS number,
    moves.2 AS name,
    moves.1 AS at,
    arrayPushBack(arraySlice(moves.2, 2), '') AS next,
    arrayPushBack(arraySlice(moves.1, 2), moves[-1].1) AS next_at,
    arrayMap((move, place) -> indexOf(moves.2, move) < place, moves.2, arrayEnumerate(moves)) AS recurs;

-- For a Sankey diagram: how many went from which step to which, and how long it took. `target` is empty where it ends.
CREATE OR REPLACE VIEW journey_edges
COMMENT 'From which step to which, how many and how long it took: for a Sankey diagram. target is empty where a journey ends. journey_edges(from = …, to = …, type = ''order'')'
AS SELECT
    number AS step, name AS source, next AS target, count() AS journeys, uniqExact(customer) AS customers,
    if(target = '', NULL, quantileExact(0.5)(dateDiff('second', at, next_at))) AS median_seconds
FROM journey_steps(from = {from:DateTime}, to = {to:DateTime}, type = {type:String})
GROUP BY step, source, target
ORDER BY step, journeys DESC, source, target;

-- The most frequent ways: the first steps of journeys, what share goes so, how many end there and how many run in a loop.
CREATE OR REPLACE VIEW journey_paths
COMMENT 'The most frequent ways, by their first steps. journey_paths(from = …, to = …, type = ''order'', steps = 5)'
AS SELECT
    path, count() AS journeys, round(journeys / sum(journeys) OVER (), 4) AS share,
    countIf(length <= {steps:UInt8}) AS end_here, countIf(loops > 0) AS with_loops,
    quantileExact(0.5)(seconds) AS median_seconds
FROM
(
    SELECT
        customer, journey, count() AS length, sum(recurs) AS loops,
        dateDiff('second', min(at), max(at)) AS seconds,
        arrayMap(step -> step.2, arraySlice(arraySort(groupArray((number, name))), 1, {steps:UInt8})) AS path
    FROM journey_steps(from = {from:DateTime}, to = {to:DateTime}, type = {type:String})
    GROUP BY customer, journey
)
GROUP BY path
ORDER BY journeys DESC, path;

-- How many customers took the first step, then the second …, all within so many days of the first: at most eight steps.
-- windowFunnel takes one touchpoint for all steps that its kind fits, so the same step twice would count everybody who
-- took it once: such a funnel is refused, and so is a ninth step, which nobody would reach.
CREATE OR REPLACE VIEW funnel
COMMENT 'How many customers took the first step, then the second and so on, all within so many days of the first; at most eight steps, each once. funnel(from = …, to = …, days = 30, steps = [''cart.added'', ''order.placed''])'
AS SELECT
    step, {steps:Array(String)}[step] AS name, countIf(level >= step) AS customers,
    round(customers / nullIf(first_value(customers) OVER (ORDER BY step), 0), 4) AS of_first,
    round(customers / nullIf(lagInFrame(customers, 1, customers) OVER (ORDER BY step), 0), 4) AS of_previous
FROM
(
    SELECT
        customer,
        windowFunnel({days:UInt16} * 86400000)(
            toUInt64(toUnixTimestamp64Milli(occurred_at)),
            kind = {steps:Array(String)}[1], kind = {steps:Array(String)}[2], kind = {steps:Array(String)}[3],
            kind = {steps:Array(String)}[4], kind = {steps:Array(String)}[5], kind = {steps:Array(String)}[6],
            kind = {steps:Array(String)}[7], kind = {steps:Array(String)}[8]
        ) AS level
    FROM customer_touchpoints
    WHERE occurred_at >= {from:DateTime} AND occurred_at < {to:DateTime} AND kind IN {steps:Array(String)}
    GROUP BY customer
)
ARRAY JOIN arrayEnumerate({steps:Array(String)}) AS step
WHERE
    throwIf(
        length(arrayDistinct({steps:Array(String)})) < length({steps:Array(String)}),
        'a funnel has each step once: one touchpoint would count for both'
    ) = 0
    AND throwIf(length({steps:Array(String)}) > 8, 'a funnel has at most eight steps') = 0
GROUP BY step
ORDER BY step;

-- One row for each customer: what a service agent or an analyst asks first. Name a customer: WHERE customer = 'c-1'.
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
