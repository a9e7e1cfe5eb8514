-- Signals that make a telling journey, by kind of story: a message went out and a complaint came after it; a message
-- went out and none came within two weeks; one of us was asked; no message was sent. The best of each rule first: a journey of a friendly length.
WITH
    opened AS
    (
        SELECT
            signal_id, any(rule) AS rule, any(customer) AS customer, min(at) AS at,
            argMin(raised_at, revision) AS opened_at
        FROM signal_changes
        GROUP BY signal_id
        HAVING any(polarity) = 'friction' AND argMax(status, revision) != 'retracted'
    ),
    complaints AS (SELECT customer, occurred_at AS complained_at FROM touchpoints WHERE kind IN %(complaints)s OR (%(scores)s AND score_scale = 'csat' AND score <= 2))
SELECT
    multiIf(
        outcome = 'sent' AND complained_at > decided_at AND complained_at < opened_at + INTERVAL 14 DAY, 'before',
        outcome = 'sent' AND route IN ('customer', ''), 'sent', outcome = 'sent', 'asked', 'quiet') AS story,
    rule, customer, signal_id, length
FROM
(
    SELECT
        o.rule AS rule, o.customer AS customer, o.signal_id AS signal_id, o.opened_at AS opened_at,
        d.outcome AS outcome, d.route AS route, d.at AS decided_at, c.complained_at AS complained_at, o.at AS at
    FROM opened AS o
    INNER JOIN decisions AS d ON d.signal_id = o.signal_id
    ASOF LEFT JOIN complaints AS c ON o.customer = c.customer AND o.opened_at < c.complained_at
) AS told
INNER JOIN
(
    SELECT
        o.signal_id AS signal_id,
        countIf(p.occurred_at BETWEEN o.at - INTERVAL 8 DAY AND o.opened_at + INTERVAL 8 DAY) AS length
    FROM opened AS o
    INNER JOIN touchpoints AS p ON p.customer = o.customer
    GROUP BY signal_id
) AS lengths USING (signal_id)
ORDER BY story, rule, abs(toInt32(length) - 14), signal_id
LIMIT 3 BY story, rule
