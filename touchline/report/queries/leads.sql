-- For each rule and for all: signals whose customer complained within two weeks after they were opened, and the median
-- time between. A signal stands from its first revision on, whatever became of it later.
SELECT rule, countIf(complained), medianIf(lead, complained)
FROM
(
    SELECT
        s.rule AS rule, c.complained_at > s.opened_at AND c.complained_at < s.opened_at + INTERVAL 14 DAY AS complained,
        dateDiff('second', s.opened_at, c.complained_at) AS lead
    FROM
        (
            SELECT any(rule) AS rule, any(customer) AS customer, argMin(raised_at, revision) AS opened_at
            FROM signal_changes
            GROUP BY signal_id
            HAVING any(polarity) = 'friction' AND argMax(status, revision) != 'retracted'
        ) AS s
    ASOF LEFT JOIN
        (SELECT customer, occurred_at AS complained_at FROM touchpoints WHERE kind IN %(complaints)s OR (%(scores)s AND score_scale = 'csat' AND score <= 2)) AS c
        ON s.customer = c.customer AND s.opened_at < c.complained_at
)
GROUP BY GROUPING SETS ((rule), ())
