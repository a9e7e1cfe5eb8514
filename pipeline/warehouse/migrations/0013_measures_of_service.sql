-- Measures of service: how fast, how often again, how much effort.

CREATE OR REPLACE VIEW measure_fcr
(
    day      Date                   COMMENT 'Day of the contact (UTC)',
    channel  LowCardinality(String) COMMENT 'Channel of the contact',
    topic    LowCardinality(String) COMMENT 'Topic; empty where none was named',
    firsts   UInt64                 COMMENT 'First contacts about a topic',
    settled  UInt64                 COMMENT 'Those after which the customer did not come again',
    fcr      Nullable(Float64)      COMMENT 'FCR of this row, in percent'
)
COMMENT 'First contact resolution (FCR): the share of first contacts after which the customer did not contact us about the same topic again within 7 days. A contact is a first one when there was none about the topic in the 7 days before. What we called resolved makes no difference.
Unit: percent
Better: up
Window: 7 days before and after; contacts of the last 7 days are not known yet and left out
Source: each_contact
After: repeat contacts within 7 days, as contact centres count it where customers are not asked
Value: 100 * sum(settled) / nullIf(sum(firsts), 0)
Cases: sum(firsts)'
AS SELECT
    day, channel, topic, count() AS firsts, countIf(isNull(again_seconds) OR again_seconds > 604800) AS settled, 100 * settled / firsts AS fcr
FROM each_contact
WHERE is_first AND is_known
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_aht
(
    day             Date                   COMMENT 'Day on which it ended (UTC)',
    channel         LowCardinality(String) COMMENT 'Channel',
    topic           LowCardinality(String) COMMENT 'Topic; empty where none was named',
    handled         UInt64                 COMMENT 'Calls and chats of which the duration is known',
    talk_seconds    Float64                COMMENT 'Sum of talk: duration_seconds',
    hold_seconds    Float64                COMMENT 'Sum of hold: the attribute hold_seconds, which is no part of the duration',
    wrap_up_seconds Float64                COMMENT 'Sum of work after the talk: the attribute wrap_up_seconds',
    aht_seconds     Nullable(Float64)      COMMENT 'AHT of this row, in seconds'
)
COMMENT 'Average handling time (AHT): talk, hold and wrap-up of calls and chats with a person, on the average. What is not told counts as nothing.
Unit: seconds
Better: down
Window: the day on which it ended
Source: call.completed and chat.ended with a duration; attributes hold_seconds and wrap_up_seconds
After: talk + hold + after-call work over contacts handled, as contact centres count it
Value: (sum(talk_seconds) + sum(hold_seconds) + sum(wrap_up_seconds)) / nullIf(sum(handled), 0)
Cases: sum(handled)'
AS SELECT
    toDate(minute) AS day, channel, attributes['topic'] AS topic, count() AS handled, sum(assumeNotNull(duration_seconds)) AS talk_seconds,
    sum(ifNull(toFloat64OrNull(attributes['hold_seconds']), 0)) AS hold_seconds,
    sum(ifNull(toFloat64OrNull(attributes['wrap_up_seconds']), 0)) AS wrap_up_seconds,
    (talk_seconds + hold_seconds + wrap_up_seconds) / handled AS aht_seconds
FROM touchpoints
WHERE kind IN ('call.completed', 'chat.ended') AND isNotNull(duration_seconds)
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_frt
(
    day           Date                   COMMENT 'Day on which the customer asked (UTC)',
    channel       LowCardinality(String) COMMENT 'Channel by which they asked',
    topic         LowCardinality(String) COMMENT 'Topic; empty where none was named',
    asked         UInt64                 COMMENT 'Tickets opened or reopened, and e-mails',
    replied       UInt64                 COMMENT 'Those of them that a person replied to',
    reply_seconds Float64                COMMENT 'Sum of the time to that reply, in seconds',
    frt_seconds   Nullable(Float64)      COMMENT 'Mean time to the first reply of this row, in seconds',
    frt_median    Nullable(Float64)      COMMENT 'Median of the same; medians do not add up: for other rows ask each_first_reply',
    frt_p90       Nullable(Float64)      COMMENT 'Time within which 9 of 10 were replied to'
)
COMMENT 'First response time (FRT): the mean time from a ticket that was opened or reopened, or an e-mail, to the first reply of a person. What nobody has replied to has none yet: see asked beside replied.
Unit: seconds
Better: down
Window: the day on which the customer asked; a reply may come at any time after
Source: each_first_reply
After: first reply time, as service desks count it; automatic answers are no reply
Value: sum(reply_seconds) / nullIf(sum(replied), 0)
Cases: sum(replied)'
AS SELECT
    day, channel, topic, count() AS asked, count(r.reply_seconds) AS replied, sum(ifNull(r.reply_seconds, 0)) AS reply_seconds,
    reply_seconds / nullIf(replied, 0) AS frt_seconds,
    if(replied = 0, NULL, quantileExactInclusive(0.5)(r.reply_seconds)) AS frt_median,
    if(replied = 0, NULL, quantileExactInclusive(0.9)(r.reply_seconds)) AS frt_p90
FROM each_first_reply AS r
WHERE (SELECT count() FROM touchpoints_by_day WHERE kind IN ('ticket.answered', 'email.answered')) > 0
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_resolution_time
(
    day                Date                   COMMENT 'Day of the resolution (UTC)',
    channel            LowCardinality(String) COMMENT 'Channel by which the customer first came',
    topic              LowCardinality(String) COMMENT 'Topic; empty where none was named',
    resolved           UInt64                 COMMENT 'Matters resolved',
    resolution_seconds Float64                COMMENT 'Sum of the time from the first contact to the last resolution, in seconds',
    mean_seconds       Nullable(Float64)      COMMENT 'Mean of this row, in seconds',
    median_seconds     Nullable(Float64)      COMMENT 'Median of the same; medians do not add up: for other rows ask each_matter',
    p90_seconds        Nullable(Float64)      COMMENT 'Time within which 9 of 10 were resolved'
)
COMMENT 'Time to resolution: the mean time from the first contact about a matter to its last resolution, over matters that are resolved. A reopening makes it longer.
Unit: seconds
Better: down
Window: the day of the last resolution
Source: each_matter
After: full resolution time, as service desks count it
Value: sum(resolution_seconds) / nullIf(sum(resolved), 0)
Cases: sum(resolved)'
AS SELECT
    toDate(assumeNotNull(resolved_at)) AS day, channel, topic, count() AS resolved, sum(assumeNotNull(m.resolution_seconds)) AS resolution_seconds,
    resolution_seconds / resolved AS mean_seconds, quantileExactInclusive(0.5)(m.resolution_seconds) AS median_seconds,
    quantileExactInclusive(0.9)(m.resolution_seconds) AS p90_seconds
FROM each_matter AS m
WHERE is_resolved
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_resolution
(
    day      Date                   COMMENT 'Day on which the customer first came (UTC)',
    channel  LowCardinality(String) COMMENT 'Channel by which they first came',
    topic    LowCardinality(String) COMMENT 'Topic; empty where none was named',
    matters  UInt64                 COMMENT 'Matters',
    resolved UInt64                 COMMENT 'Those of them that are resolved',
    share    Nullable(Float64)      COMMENT 'Share of this row, in percent'
)
COMMENT 'Resolution: the share of matters that customers came with and that are resolved, by channel and topic.
Unit: percent
Better: up
Window: the day of the first contact, resolved at any time after: the share of the last days still grows
Source: each_matter
After: resolution rate, as service desks count it
Value: 100 * sum(resolved) / nullIf(sum(matters), 0)
Cases: sum(matters)'
AS SELECT day, channel, topic, count() AS matters, countIf(is_resolved) AS resolved, 100 * resolved / matters AS share
FROM each_matter
WHERE (SELECT count() FROM touchpoints_by_day WHERE kind IN ('contact.resolved', 'ticket.resolved')) > 0
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_effort
(
    day      Date                   COMMENT 'Day of the resolution (UTC)',
    channel  LowCardinality(String) COMMENT 'Channel by which the customer first came',
    topic    LowCardinality(String) COMMENT 'Topic; empty where none was named',
    resolved UInt64                 COMMENT 'Matters resolved',
    contacts UInt64                 COMMENT 'How often the customers had to come with them',
    effort   Nullable(Float64)      COMMENT 'Contacts for each resolution in this row'
)
COMMENT 'Effort per resolution: how often a customer has to come with a matter until it is resolved, reopenings included.
Unit: contacts
Better: down
Window: the day of the last resolution
Source: each_matter
After: contacts per resolution, as contact centres count it
Value: sum(contacts) / nullIf(sum(resolved), 0)
Cases: sum(resolved)'
AS SELECT
    toDate(assumeNotNull(resolved_at)) AS day, channel, topic, count() AS resolved, sum(m.contacts) AS contacts, contacts / resolved AS effort
FROM each_matter AS m
WHERE is_resolved
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_contact_rate
(
    day            Date              COMMENT 'Day (UTC)',
    contacts       UInt64            COMMENT 'Contacts of that day',
    order_contacts UInt64            COMMENT 'Those of them that name an order',
    orders         UInt64            COMMENT 'Orders placed on that day',
    contact_rate   Nullable(Float64) COMMENT 'Contacts for each order of this row; NULL without orders'
)
COMMENT 'Contact rate: contacts for each order placed on the same days.
Unit: contacts per order
Better: down
Window: the day, from the day of the first contact on: before that none were recorded
Source: each_contact, and order.placed
After: contacts per order, as online shops count it
Value: sum(contacts) / nullIf(sum(orders), 0)
Cases: sum(orders)'
AS SELECT day, sum(c) AS contacts, sum(o) AS order_contacts, sum(p) AS orders, contacts / nullIf(orders, 0) AS contact_rate
FROM
(
    SELECT day, 1 AS c, toUInt64(about_order) AS o, 0 AS p FROM each_contact
    UNION ALL
    SELECT day, 0 AS c, 0 AS o, touchpoints AS p FROM touchpoints_by_day WHERE kind = 'order.placed'
)
WHERE day >= (SELECT minOrNull(day) FROM touchpoints_by_day WHERE kind IN ('contact.opened', 'call.started', 'chat.started', 'email.received', 'sms.received', 'desk.visited', 'ticket.opened', 'complaint.made'))
GROUP BY day;

CREATE OR REPLACE VIEW measure_containment
(
    day           Date                   COMMENT 'Day on which the conversation ended (UTC)',
    channel       LowCardinality(String) COMMENT 'Channel: chatbot, ivr',
    topic         LowCardinality(String) COMMENT 'Topic; empty where none was named',
    conversations UInt64                 COMMENT 'Conversations with a machine of which the outcome is known',
    contained     UInt64                 COMMENT 'Counted as settled by the machine',
    handed_over   UInt64                 COMMENT 'Handed over to a person',
    abandoned     UInt64                 COMMENT 'Given up by the customer',
    containment   Nullable(Float64)      COMMENT 'Containment of this row, in percent'
)
COMMENT 'Containment: the share of conversations with a bot or a phone menu that the machine counted as settled. See false containment for what that is worth.
Unit: percent
Better: up
Window: the day on which the conversation ended
Source: each_conversation
After: containment rate, as makers of phone menus and bots count it
Value: 100 * sum(contained) / nullIf(sum(conversations), 0)
Cases: sum(conversations)'
AS SELECT
    day, channel, topic, count() AS conversations, countIf(outcome = 'contained') AS contained,
    countIf(outcome = 'handed_over') AS handed_over, countIf(outcome = 'abandoned') AS abandoned, 100 * contained / conversations AS containment
FROM each_conversation
WHERE outcome != ''
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_false_containment
(
    day               Date                   COMMENT 'Day on which the conversation ended (UTC)',
    channel           LowCardinality(String) COMMENT 'Channel: chatbot, ivr',
    topic             LowCardinality(String) COMMENT 'Topic; empty where none was named',
    contained         UInt64                 COMMENT 'Conversations that the machine counted as settled',
    came_again        UInt64                 COMMENT 'Those of them after which the customer contacted us about the same topic',
    false_containment Nullable(Float64)      COMMENT 'False containment of this row, in percent'
)
COMMENT 'False containment: the share of conversations that a machine counted as settled and after which the customer contacted us about the same topic within 2 days.
Unit: percent
Better: down
Window: 2 days after the conversation; those of the last 2 days are not known yet and left out
Source: each_conversation
After: the rule false_containment, which raises a signal for it
Value: 100 * sum(came_again) / nullIf(sum(contained), 0)
Cases: sum(contained)'
AS SELECT
    day, channel, topic, count() AS contained, countIf(again_seconds <= 172800) AS came_again, 100 * came_again / contained AS false_containment
FROM each_conversation
WHERE outcome = 'contained' AND is_known
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_transfers
(
    day         Date                   COMMENT 'Day on which the call or chat ended, or the ticket was first assigned (UTC)',
    channel     LowCardinality(String) COMMENT 'Channel',
    topic       LowCardinality(String) COMMENT 'Topic; empty where none was named',
    handled     UInt64                 COMMENT 'Calls and chats that tell how often they were transferred, and tickets that were assigned',
    transferred UInt64                 COMMENT 'Those of them that were transferred at least once',
    transfers   UInt64                 COMMENT 'Transfers; of a ticket each assignment after the first',
    rate        Nullable(Float64)      COMMENT 'Share of this row that was transferred, in percent'
)
COMMENT 'Transfers: the share of calls, chats and tickets that were handed on at least once. transfers has how often.
Unit: percent
Better: down
Window: the day on which a call or chat ended, or a ticket was first assigned, to whom it was assigned at any time after
Source: the attribute transfers of call.completed and chat.ended; ticket.assigned
After: transfer rate, as contact centres count it
Value: 100 * sum(transferred) / nullIf(sum(handled), 0)
Cases: sum(handled)'
AS SELECT day, channel, topic, count() AS handled, countIf(n > 0) AS transferred, sum(n) AS transfers, 100 * transferred / handled AS rate
FROM
(
    SELECT
        toDate(minute) AS day, toString(channel) AS channel, toString(attributes['topic']) AS topic,
        assumeNotNull(toUInt64OrNull(attributes['transfers'])) AS n
    FROM touchpoints
    WHERE kind IN ('call.completed', 'chat.ended') AND isNotNull(toUInt64OrNull(attributes['transfers']))
    UNION ALL
    SELECT
        toDate(min(minute)) AS day, toString(argMin(channel, place)) AS channel, toString(argMinIf(topic, place, topic != '')) AS topic,
        toUInt64(count() - 1) AS n
    FROM
    (
        SELECT
            customer, minute, (occurred_at, source, event_id) AS place, channel, attributes['topic'] AS topic,
            arrayFirst(s -> startsWith(s, 'ticket:'), subjects) AS ticket
        FROM touchpoints
        WHERE kind = 'ticket.assigned'
    )
    WHERE ticket != ''
    GROUP BY customer, ticket
)
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_reopen_rate
(
    day      Date                   COMMENT 'Day on which the ticket was first settled (UTC)',
    channel  LowCardinality(String) COMMENT 'Channel by which it was opened, else settled',
    topic    LowCardinality(String) COMMENT 'Topic; empty where none was named',
    settled  UInt64                 COMMENT 'Tickets resolved or closed',
    reopened UInt64                 COMMENT 'Those of them that were reopened after it',
    rate     Nullable(Float64)      COMMENT 'Share of this row, in percent'
)
COMMENT 'Reopen rate: the share of tickets that were reopened after they had been resolved or closed.
Unit: percent
Better: down
Window: the day on which the ticket was first resolved or closed, reopened at any time after: the share of the last days still grows
Source: ticket.resolved, ticket.closed, ticket.reopened, by ticket
After: reopen rate, as service desks count it
Value: 100 * sum(reopened) / nullIf(sum(settled), 0)
Cases: sum(settled)'
AS SELECT day, channel, topic, count() AS settled, countIf(again) AS reopened, 100 * reopened / settled AS rate
FROM
(
    SELECT
        toDate(minIf(occurred_at, settles)) AS day, argMin(channel, place) AS channel, argMinIf(topic, place, topic != '') AS topic,
        maxIf(occurred_at, kind = 'ticket.reopened') >= minIf(occurred_at, settles) AS again
    FROM
    (
        SELECT
            customer, occurred_at, kind, kind IN ('ticket.resolved', 'ticket.closed') AS settles, (kind != 'ticket.opened', occurred_at, source, event_id) AS place,
            channel, attributes['topic'] AS topic, arrayFirst(s -> startsWith(s, 'ticket:'), subjects) AS ticket
        FROM touchpoints
        WHERE kind IN ('ticket.opened', 'ticket.resolved', 'ticket.closed', 'ticket.reopened')
    )
    WHERE ticket != ''
    GROUP BY customer, ticket
    HAVING countIf(settles) > 0
)
GROUP BY day, channel, topic;

CREATE OR REPLACE VIEW measure_abandonment
(
    day       Date                   COMMENT 'Day (UTC)',
    channel   LowCardinality(String) COMMENT 'Channel',
    offered   UInt64                 COMMENT 'Calls and chats that were answered or given up',
    abandoned UInt64                 COMMENT 'Given up before a person answered',
    rate      Nullable(Float64)      COMMENT 'Share of this row, in percent'
)
COMMENT 'Abandonment: the share of calls and chats that the customer gave up before a person answered.
Unit: percent
Better: down
Window: the day, from the day on which a channel first recorded one that was given up: before that none were recorded
Source: call.abandoned, chat.abandoned, call.completed, chat.ended
After: abandonment rate, as contact centres count it
Value: 100 * sum(abandoned) / nullIf(sum(offered), 0)
Cases: sum(offered)'
AS SELECT day, channel, offered, abandoned, 100 * abandoned / offered AS rate
FROM
(
    SELECT *, minOrNull(if(abandoned > 0, day, NULL)) OVER (PARTITION BY channel) AS since
    FROM
    (
        SELECT day, channel, sum(touchpoints) AS offered, sumIf(touchpoints, kind IN ('call.abandoned', 'chat.abandoned')) AS abandoned
        FROM touchpoints_by_day
        WHERE kind IN ('call.abandoned', 'chat.abandoned', 'call.completed', 'chat.ended')
        GROUP BY day, channel
    )
)
WHERE day >= since;

CREATE OR REPLACE VIEW measure_access_steps
(
    day     Date                   COMMENT 'Day on which the customer began to look for help (UTC)',
    channel LowCardinality(String) COMMENT 'Channel where they began',
    needs   UInt64                 COMMENT 'Needs for help',
    reached UInt64                 COMMENT 'Those of them that came to a person or an answer',
    steps   UInt64                 COMMENT 'Goes at a channel until then, of those that did',
    mean    Nullable(Float64)      COMMENT 'Steps for each need that came to a person or an answer, in this row'
)
COMMENT 'Ease of access, steps: how many goes at a channel it takes from a need to a person or an answer.
Unit: steps
Better: down
Window: the day on which the need began; a need without anything for 72 hours is given up
Source: each_need
After: M. Dixon, N. Toman and R. DeLisi, The Effortless Experience, 2013: switching channels is effort
Value: sum(steps) / nullIf(sum(reached), 0)
Cases: sum(reached)'
AS SELECT
    day, channel, count() AS needs, countIf(is_reached) AS reached, sumIf(n.steps, is_reached) AS steps, steps / nullIf(reached, 0) AS mean
FROM each_need AS n
GROUP BY day, channel;

CREATE OR REPLACE VIEW measure_access_time
(
    day            Date                   COMMENT 'Day on which the customer began to look for help (UTC)',
    channel        LowCardinality(String) COMMENT 'Channel where they began',
    needs          UInt64                 COMMENT 'Needs for help',
    reached        UInt64                 COMMENT 'Those of them that came to a person or an answer',
    access_seconds Float64                COMMENT 'Sum of the time until then, in seconds',
    mean_seconds   Nullable(Float64)      COMMENT 'Mean of this row, in seconds',
    median_seconds Nullable(Float64)      COMMENT 'Median of the same; medians do not add up: for other rows ask each_need'
)
COMMENT 'Ease of access, time: the mean time from a need to a person or an answer.
Unit: seconds
Better: down
Window: the day on which the need began; a need without anything for 72 hours is given up
Source: each_need
After: time to reach help over all channels; of calls alone it is the speed of answer
Value: sum(access_seconds) / nullIf(sum(reached), 0)
Cases: sum(reached)'
AS SELECT
    day, channel, count() AS needs, countIf(is_reached) AS reached, sum(ifNull(n.access_seconds, 0)) AS access_seconds,
    access_seconds / nullIf(reached, 0) AS mean_seconds, if(reached = 0, NULL, quantileExactInclusive(0.5)(n.access_seconds)) AS median_seconds
FROM each_need AS n
GROUP BY day, channel;
