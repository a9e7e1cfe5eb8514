-- What measures count, one row each: contacts, matters, needs, answers, conversations with machines. Measures are made
-- of these, and who wants another cut than theirs (a median over a quarter, one customer) asks these.
-- All orders are full (time, then what comes first at the same time, then source and id): ties change nothing.

CREATE OR REPLACE VIEW each_contact
(
    customer      String                 COMMENT 'Customer',
    at            DateTime64(3, 'UTC')   COMMENT 'When it began (UTC)',
    day           Date                   COMMENT 'Day on which it began (UTC)',
    channel       LowCardinality(String) COMMENT 'Channel of its first touchpoint',
    topic         LowCardinality(String) COMMENT 'Topic that was named first; empty where none was',
    party         LowCardinality(String) COMMENT 'Party of its first touchpoint',
    about_order   Bool                   COMMENT 'Whether it names an order',
    touchpoints   UInt64                 COMMENT 'How many touchpoints tell of it',
    is_first      Bool                   COMMENT 'Whether the customer had not been in touch about this topic in the 7 days before',
    again_seconds Nullable(Float64)      COMMENT 'Time until the customer''s next contact about this topic, in seconds; NULL: none yet',
    is_known      Bool                   COMMENT 'Whether 7 days have passed since, so that it is known whether they came again'
)
COMMENT 'Every contact once: a customer came to us with a concern. Touchpoints of a customer with less than 10 minutes between them are one contact, which several systems may report. Kinds: contact.opened, call.started, chat.started, email.received, sms.received, desk.visited, ticket.opened, complaint.made.'
AS SELECT
    customer, fromUnixTimestamp64Milli(ms, 'UTC') AS at, toDate(at) AS day, channel, topic, party, toBool(about_order) AS about_order, touchpoints,
    toBool(ms - lagInFrame(ms, 1, ms - 604800001) OVER (PARTITION BY customer, topic ORDER BY ms ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > 604800000) AS is_first,
    (leadInFrame(toNullable(ms)) OVER (PARTITION BY customer, topic ORDER BY ms ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) - ms) / 1000 AS again_seconds,
    ms + 604800000 <= toInt64(toUnixTimestamp((SELECT max(minute) FROM fact_touchpoints))) * 1000 AS is_known
FROM
(
    SELECT
        customer, min(ms) AS ms, argMin(channel, place) AS channel, argMinIf(topic, place, topic != '') AS topic,
        argMin(party, place) AS party, max(about_order) AS about_order, count() AS touchpoints
    FROM
    (
        SELECT *, sum(begins) OVER (PARTITION BY customer ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS number
        FROM
        (
            SELECT
                *,
                ms - lagInFrame(ms, 1, ms - 600000) OVER (PARTITION BY customer ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) >= 600000 AS begins
            FROM
            (
                SELECT
                    customer, toUnixTimestamp64Milli(occurred_at) AS ms, (ms, source, event_id) AS place, channel,
                    attributes['topic'] AS topic, party, arrayExists(s -> startsWith(s, 'order:'), subjects) AS about_order
                FROM touchpoints
                WHERE kind IN ('contact.opened', 'call.started', 'chat.started', 'email.received', 'sms.received', 'desk.visited', 'ticket.opened', 'complaint.made')
            )
        )
    )
    GROUP BY customer, number
);

CREATE OR REPLACE VIEW each_matter
(
    customer           String                        COMMENT 'Customer',
    matter             String                        COMMENT 'What it is about: the case, else the ticket, else the first subject, else topic:…',
    opened_at          DateTime64(3, 'UTC')          COMMENT 'When the customer first came with it (UTC)',
    day                Date                          COMMENT 'Day of opened_at (UTC)',
    channel            LowCardinality(String)        COMMENT 'Channel by which they first came',
    topic              LowCardinality(String)        COMMENT 'Topic that was named first; empty where none was',
    contacts           UInt64                        COMMENT 'How often the customer had to come with it: openings and reopenings, those with less than 10 minutes between them once',
    reopened           UInt64                        COMMENT 'How often its ticket was reopened',
    is_resolved        Bool                          COMMENT 'Whether its latest event resolved it',
    resolved_at        Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last resolved (UTC); NULL while it is open',
    first_resolved_at  Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was first resolved (UTC)',
    resolution_seconds Nullable(Float64)             COMMENT 'Time from opened_at to resolved_at, in seconds'
)
COMMENT 'Every matter once: what a customer came to us with, from the first contact to its resolution (ticket.resolved, contact.resolved). Who comes with it again within 7 days of its resolution comes with the same matter; later it is another one.'
AS SELECT
    customer, matter, fromUnixTimestamp64Milli(opened, 'UTC') AS opened_at, toDate(opened_at) AS day,
    argMinIf(channel, place, opens) AS channel, argMinIf(topic, place, topic != '') AS topic,
    countIf(begins OR (comes AND ms - ifNull(came, ms - 600000) >= 600000)) AS contacts, countIf(reopens) AS reopened,
    toBool(argMax(resolves, place)) AS is_resolved,
    if(is_resolved, fromUnixTimestamp64Milli(assumeNotNull(maxOrNullIf(ms, resolves)), 'UTC'), NULL) AS resolved_at,
    if(countIf(resolves AND ms >= opened) > 0, fromUnixTimestamp64Milli(minIf(ms, resolves AND ms >= opened), 'UTC'), NULL) AS first_resolved_at,
    if(is_resolved, (max(ms) - opened) / 1000, NULL) AS resolution_seconds
FROM
(
    SELECT *, min(if(opens, ms, NULL)) OVER (PARTITION BY customer, matter, number) AS first_ms
    FROM
    (
        SELECT *, sum(begins) OVER (PARTITION BY customer, matter ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS number
        FROM
        (
            SELECT
                *,
                max(if(comes, ms, NULL)) OVER (PARTITION BY customer, matter ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS came,
                opens AND (
                    sum(opens) OVER (PARTITION BY customer, matter ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) = 1
                    OR (lagInFrame(resolves) OVER (PARTITION BY customer, matter ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
                        AND ms - lagInFrame(ms) OVER (PARTITION BY customer, matter ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > 604800000)) AS begins
            FROM
            (
                SELECT
                    customer, toUnixTimestamp64Milli(occurred_at) AS ms, kind IN ('contact.resolved', 'ticket.resolved') AS resolves,
                    kind = 'ticket.reopened' AS reopens, NOT resolves AND NOT reopens AS opens, opens OR reopens AS comes,
                    (ms, resolves, source, event_id) AS place, channel, attributes['topic'] AS topic,
                    arrayFirst(s -> startsWith(s, 'case:'), subjects) AS of_case, arrayFirst(s -> startsWith(s, 'ticket:'), subjects) AS of_ticket,
                    multiIf(of_case != '', of_case, of_ticket != '', of_ticket, notEmpty(subjects), subjects[1], 'topic:' || topic) AS matter
                FROM touchpoints
                WHERE kind IN ('contact.opened', 'call.started', 'chat.started', 'email.received', 'sms.received', 'desk.visited', 'ticket.opened', 'complaint.made', 'ticket.reopened', 'contact.resolved', 'ticket.resolved')
            )
        )
    )
)
WHERE isNotNull(first_ms) AND ms >= first_ms
GROUP BY customer, matter, number, assumeNotNull(first_ms) AS opened;

CREATE OR REPLACE VIEW each_first_reply
(
    customer      String                         COMMENT 'Customer',
    asked_at      DateTime64(3, 'UTC')           COMMENT 'When the ticket was opened or reopened, or the e-mail came (UTC)',
    day           Date                           COMMENT 'Day of asked_at (UTC)',
    kind          LowCardinality(String)         COMMENT 'ticket.opened, ticket.reopened or email.received',
    channel       LowCardinality(String)         COMMENT 'Channel by which the customer asked',
    topic         LowCardinality(String)         COMMENT 'Topic; empty where none was named',
    replied_at    Nullable(DateTime64(3, 'UTC')) COMMENT 'When a person first replied after it (UTC); NULL: not yet',
    reply_seconds Nullable(Float64)              COMMENT 'Time from asked_at to replied_at, in seconds'
)
COMMENT 'Every ticket that was opened or reopened and every e-mail, once, with the first reply of a person after it (ticket.answered, email.answered, call.made, call.completed, chat.ended, follow_up.made by actor human or partner: an outsourcer answers in our name) about the same case or ticket; about the same subject where it names none of these, and to the same customer where it names no subject.'
AS SELECT
    any(customer) AS customer, fromUnixTimestamp64Milli(any(ms), 'UTC') AS asked_at, toDate(asked_at) AS day, any(kind) AS kind,
    any(channel) AS channel, any(topic) AS topic,
    if(isNull(min(reply)), NULL, fromUnixTimestamp64Milli(assumeNotNull(min(reply)), 'UTC')) AS replied_at,
    (min(reply) - any(ms)) / 1000 AS reply_seconds
FROM
(
    SELECT
        *,
        min(if(replies, ms, NULL)) OVER (PARTITION BY customer, thread ORDER BY ms, replies ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS reply
    FROM
    (
        SELECT
            source, event_id, customer, toUnixTimestamp64Milli(occurred_at) AS ms, kind, channel, attributes['topic'] AS topic,
            kind NOT IN ('ticket.opened', 'ticket.reopened', 'email.received') AS replies,
            arrayFilter(s -> startsWith(s, 'case:') OR startsWith(s, 'ticket:'), subjects) AS cases,
            arrayJoin(multiIf(notEmpty(cases), cases, notEmpty(subjects), subjects, [''])) AS thread
        FROM touchpoints
        WHERE kind IN ('ticket.opened', 'ticket.reopened', 'email.received')
            OR (actor IN ('human', 'partner') AND kind IN ('ticket.answered', 'email.answered', 'call.made', 'call.completed', 'chat.ended', 'follow_up.made'))
    )
)
WHERE NOT replies
GROUP BY source, event_id;

CREATE OR REPLACE VIEW each_need
(
    customer       String                         COMMENT 'Customer',
    began_at       DateTime64(3, 'UTC')           COMMENT 'When the customer began to look for help (UTC)',
    day            Date                           COMMENT 'Day of began_at (UTC)',
    channel        LowCardinality(String)         COMMENT 'Channel where they began',
    steps          UInt64                         COMMENT 'Goes at a channel until they had a person or an answer, or gave up: another one when the channel changes or 10 minutes have passed; the end of a talk belongs to its begin',
    is_reached     Bool                           COMMENT 'Whether they came to a person or an answer',
    reached_at     Nullable(DateTime64(3, 'UTC')) COMMENT 'When (UTC): the begin of the talk where its duration is known',
    reached_by     LowCardinality(String)         COMMENT 'Kind of touchpoint that was the person or the answer; empty where there was none',
    access_seconds Nullable(Float64)              COMMENT 'Time from began_at to reached_at, in seconds'
)
COMMENT 'Every need for help once: from the first go (help pages, bot, phone menu, a contact) to a person (call.completed, call.made, chat.ended, ticket.answered, email.answered, follow_up.made, contact.resolved, ticket.resolved) or an answer by a machine (bot.ended resolved, ivr.completed contained, self_service.solved). Who looks on after that, or after 72 hours without anything, has a new need.'
AS SELECT
    customer, fromUnixTimestamp64Milli(began, 'UTC') AS began_at, toDate(began_at) AS day, argMinIf(channel, place, seeks) AS channel,
    countIf(steps) AS steps, toBool(max(reaches)) AS is_reached,
    if(is_reached, fromUnixTimestamp64Milli(greatest(began, argMinIf(reach_ms, place, reaches)), 'UTC'), NULL) AS reached_at,
    argMinIf(kind, place, reaches) AS reached_by,
    if(is_reached, (greatest(began, argMinIf(reach_ms, place, reaches)) - began) / 1000, NULL) AS access_seconds
FROM
(
    SELECT *, min(if(seeks, from_ms, NULL)) OVER (PARTITION BY customer, number) AS first_ms
    FROM
    (
        SELECT *, sum(begins) OVER (PARTITION BY customer ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS number
        FROM
        (
            SELECT
                *,
                seeks AND (lagInFrame(reaches, 1, 1) OVER (PARTITION BY customer ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
                    OR ms - lagInFrame(ms) OVER (PARTITION BY customer ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > 259200000) AS begins,
                seeks AND (begins OR last_channel != channel OR if(ends, last_ends, ms - last_sought >= 600000)) AS steps
            FROM
            (
                SELECT
                    *,
                    lagInFrame(channel) OVER (PARTITION BY customer, seeks ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS last_channel,
                    lagInFrame(ends) OVER (PARTITION BY customer, seeks ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS last_ends,
                    lagInFrame(ms) OVER (PARTITION BY customer, seeks ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS last_sought
                FROM
                (
                    SELECT
                        customer, toUnixTimestamp64Milli(occurred_at) AS ms, kind, channel,
                        kind IN ('call.completed', 'chat.ended') AS talks,
                        toInt64(if(talks, round(1000 * (ifNull(wait_seconds, 0) + ifNull(duration_seconds, 0))), 0)) AS before_ms,
                        ms - before_ms AS from_ms, ms - toInt64(if(talks, round(1000 * ifNull(duration_seconds, 0)), 0)) AS reach_ms,
                        kind IN ('call.completed', 'call.abandoned', 'chat.ended', 'chat.abandoned', 'bot.ended', 'ivr.completed') AS ends,
                        kind NOT IN ('call.made', 'ticket.answered', 'email.answered', 'follow_up.made', 'contact.resolved', 'ticket.resolved', 'self_service.solved') AS seeks,
                        kind IN ('call.completed', 'call.made', 'chat.ended', 'ticket.answered', 'email.answered', 'follow_up.made', 'contact.resolved', 'ticket.resolved', 'self_service.solved')
                            OR (kind = 'bot.ended' AND attributes['outcome'] = 'resolved') OR (kind = 'ivr.completed' AND attributes['outcome'] = 'contained') AS reaches,
                        (ms, reaches, source, event_id) AS place
                    FROM touchpoints
                    WHERE kind IN ('self_service.viewed', 'self_service.searched', 'self_service.failed', 'self_service.solved',
                        'bot.started', 'bot.fallback', 'bot.ended', 'ivr.completed', 'contact.opened', 'call.started', 'chat.started',
                        'email.received', 'sms.received', 'desk.visited', 'ticket.opened', 'complaint.made', 'call.abandoned',
                        'chat.abandoned', 'call.completed', 'call.made', 'chat.ended', 'ticket.answered', 'email.answered',
                        'follow_up.made', 'contact.resolved', 'ticket.resolved')
                )
            )
        )
    )
)
WHERE isNotNull(first_ms)
GROUP BY customer, number, assumeNotNull(first_ms) AS began;

CREATE OR REPLACE VIEW each_conversation
(
    customer      String                 COMMENT 'Customer',
    at            DateTime64(3, 'UTC')   COMMENT 'When it ended (UTC)',
    day           Date                   COMMENT 'Day on which it ended (UTC)',
    kind          LowCardinality(String) COMMENT 'bot.ended or ivr.completed',
    channel       LowCardinality(String) COMMENT 'Channel',
    topic         LowCardinality(String) COMMENT 'Topic; empty where none was named',
    outcome       LowCardinality(String) COMMENT 'As the machine counted it: contained, handed_over, abandoned, or empty where that is not known',
    again_seconds Nullable(Float64)      COMMENT 'Time until the customer''s next contact about this topic, in seconds; NULL: none yet',
    is_known      Bool                   COMMENT 'Whether 2 days have passed since, so that it is known whether they came again'
)
COMMENT 'Every conversation with a machine (a bot, a phone menu) once, with what became of it.'
AS SELECT
    customer, fromUnixTimestamp64Milli(ms, 'UTC') AS at, toDate(at) AS day, kind, channel, topic,
    multiIf(outcome IN ('resolved', 'contained'), 'contained', outcome IN ('handed_over', 'transferred'), 'handed_over', outcome = 'abandoned', 'abandoned', '') AS outcome,
    (contact - ms) / 1000 AS again_seconds,
    ms + 172800000 <= toInt64(toUnixTimestamp((SELECT max(minute) FROM fact_touchpoints))) * 1000 AS is_known
FROM
(
    SELECT
        *,
        min(if(is_contact, ms, NULL)) OVER (PARTITION BY customer, topic ORDER BY ms, is_contact ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS contact
    FROM
    (
        SELECT
            customer, toUnixTimestamp64Milli(occurred_at) AS ms, kind, channel, attributes['topic'] AS topic, attributes['outcome'] AS outcome,
            kind NOT IN ('bot.ended', 'ivr.completed') AS is_contact
        FROM touchpoints
        WHERE kind IN ('bot.ended', 'ivr.completed', 'contact.opened', 'call.started', 'chat.started', 'email.received', 'sms.received', 'desk.visited', 'ticket.opened', 'complaint.made')
    )
)
WHERE NOT is_contact;
