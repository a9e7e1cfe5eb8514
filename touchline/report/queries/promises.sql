-- Orders with a promised time and an answered csat survey: what was known of each, as milliseconds since 1970 (0: never).
-- `warned` is when the rule's signal was opened, in the time of the stream, whatever became of it.
WITH
    about AS
    (
        SELECT kind, occurred_at, score, score_scale, attributes, arrayJoin(subjects) AS subject
        FROM touchpoints
        WHERE kind IN ('order.placed', 'delivery.scanned', 'survey.answered')
    ),
    orders AS
    (
        SELECT
            subject,
            max(if(kind = 'order.placed',
                toUnixTimestamp64Milli(parseDateTime64BestEffortOrZero(attributes['promised_at'], 3, 'UTC')), 0)) AS promised,
            minIf(toUnixTimestamp64Milli(occurred_at), kind = 'delivery.scanned' AND attributes['status'] = 'delivered')
                AS delivered,
            minIf(toUnixTimestamp64Milli(occurred_at), kind = 'survey.answered' AND score_scale = 'csat') AS answered,
            argMinIf(score, occurred_at, kind = 'survey.answered' AND score_scale = 'csat') AS answer
        FROM about
        WHERE startsWith(subject, 'order:')
        GROUP BY subject
        HAVING promised > 0 AND answered > 0
    ),
    warnings AS
    (
        SELECT counted_by, min(toUnixTimestamp64Milli(raised_at)) AS warned
        FROM signal_changes
        WHERE rule = %(rule)s
        GROUP BY counted_by
    )
SELECT o.promised, o.delivered, o.answered, o.answer, w.warned
FROM orders AS o
LEFT JOIN warnings AS w ON w.counted_by = o.subject
