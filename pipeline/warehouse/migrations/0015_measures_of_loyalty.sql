-- Measures of loyalty, with and without friction.

CREATE OR REPLACE VIEW measure_retention
(
    day           Date              COMMENT 'First day of the month (UTC)',
    with_friction Bool              COMMENT 'Whether a friction signal of the customer became true in that month',
    customers     UInt64            COMMENT 'Customers who did something in that month',
    retained      UInt64            COMMENT 'Those of them who did something in the next month as well',
    retention     Nullable(Float64) COMMENT 'Retention of this row, in percent'
)
COMMENT 'Retention: the share of the customers of a month who are active in the next one, with friction in that month and without. Active is who did something themselves; who is known by a cookie alone is left out.
Unit: percent
Better: up
Window: a calendar month (UTC) and the next, when that is over, from the month of the first signal on
Source: touchpoints of customers, signals
After: F. F. Reichheld, The Loyalty Effect, 1996; friction comes before what it is held against, so that nobody has more of it for having stayed
Value: 100 * sum(retained) / nullIf(sum(customers), 0)
Cases: sum(customers)
By: with_friction'
AS SELECT day, toBool(friction) AS with_friction, count() AS customers, countIf(next = day + INTERVAL 1 MONTH) AS retained, 100 * retained / customers AS retention
FROM
(
    SELECT
        customer, day, active, friction, leadInFrame(day) OVER (PARTITION BY customer, active ORDER BY day ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
    FROM
    (
        SELECT customer, day, max(acts) AS active, max(rubs) AS friction
        FROM
        (
            -- Who was active is not changed by a row that stands there twice, so nothing needs to be merged for it.
            SELECT DISTINCT customer, toStartOfMonth(minute) AS day, true AS acts, false AS rubs
            FROM fact_touchpoints
            WHERE actor = 'customer' AND NOT startsWith(customer, '~')
            UNION ALL
            SELECT DISTINCT customer, toStartOfMonth(minute) AS day, false AS acts, true AS rubs
            FROM signals
            WHERE polarity = 'friction' AND status != 'retracted' AND scope = 'customer'
        )
        GROUP BY customer, day
    )
)
WHERE active AND day + INTERVAL 2 MONTH <= (SELECT max(minute) FROM fact_touchpoints)
    AND day >= toStartOfMonth((SELECT minOrNull(minute) FROM fact_signals))
GROUP BY day, with_friction;

CREATE OR REPLACE VIEW measure_repurchase
(
    day           Date                   COMMENT 'Day of the purchase (UTC)',
    channel       LowCardinality(String) COMMENT 'Channel of the purchase',
    with_friction Bool                   COMMENT 'Whether a friction signal of the customer became true in the 30 days after it',
    purchases     UInt64                 COMMENT 'Purchases',
    repurchased   UInt64                 COMMENT 'Those of them after which the customer bought again from the 31st to the 120th day',
    rate          Nullable(Float64)      COMMENT 'Share of this row, in percent'
)
COMMENT 'Repurchase: the share of purchases after which the customer buys again from the 31st to the 120th day, with friction in the first 30 days and without.
Unit: percent
Better: up
Window: 120 days after the purchase; those of the last 120 days are not known yet and left out
Source: each_purchase
After: repeat purchase rate, at a landmark: J. R. Anderson, K. C. Cain and R. D. Gelber, Analysis of Survival by Tumor Response, 1983
Value: 100 * sum(repurchased) / nullIf(sum(purchases), 0)
Cases: sum(purchases)
By: with_friction'
AS SELECT day, channel, had_friction AS with_friction, count() AS purchases, countIf(bought_again) AS repurchased, 100 * repurchased / purchases AS rate
FROM each_purchase
WHERE is_known
GROUP BY day, channel, with_friction;

CREATE OR REPLACE VIEW measure_lifetime_value
(
    day            Date                   COMMENT 'First day of the month of the first purchase (UTC)',
    currency       LowCardinality(String) COMMENT 'Currency, as it was told; empty where it was not: values of several currencies do not add up',
    with_friction  Bool                   COMMENT 'Whether a friction signal of the customer became true in the 30 days after the first purchase',
    customers      UInt64                 COMMENT 'Customers',
    purchases      UInt64                 COMMENT 'Their purchases up to now',
    value          Float64                COMMENT 'What these and renewals of subscriptions were worth up to now, less refunds',
    lifetime_value Nullable(Float64)      COMMENT 'Value for each customer of this row'
)
COMMENT 'Customer lifetime value: what purchases and renewals of a customer were worth up to now, less refunds, with friction in the 30 days after the first purchase and without. Compare within a month: who came earlier had more time.
Unit: currency per customer
Better: up
Window: the month of the first purchase, value up to now; who first bought in the last 30 days is not known yet and left out
Source: each_purchase; value of subscription.renewed, return.refunded, payment.refunded
After: historic customer value, P. D. Berger and N. I. Nasr, Customer Lifetime Value, 1998; no costs and no interest, for touchpoints tell none
Value: sum(value) / nullIf(sum(customers), 0)
Cases: sum(customers)
By: with_friction'
AS SELECT day, currency, with_friction, count() AS customers, sum(c.purchases) AS purchases, sum(c.value) AS value, value / customers AS lifetime_value
FROM
(
    SELECT customer, currency, any(first_day) AS day, any(friction) AS with_friction, countIf(buys) AS purchases, sum(amount) AS value
    FROM
    (
        SELECT
            customer, buys, amount, if(money = '', max(money) OVER (PARTITION BY customer), money) AS currency,
            maxIf(month, starts) OVER (PARTITION BY customer) AS first_day, max(starts AND rubs) OVER (PARTITION BY customer) AS friction,
            max(starts AND known) OVER (PARTITION BY customer) AS is_known
        FROM
        (
            SELECT
                customer, isNotNull(value) AS buys, ifNull(value, 0) AS amount, toString(currency) AS money, toStartOfMonth(day) AS month,
                is_first AS starts, had_friction AS rubs, is_friction_known AS known
            FROM each_purchase
            UNION ALL
            SELECT
                customer, false AS buys, if(kind = 'subscription.renewed', 1, -1) * assumeNotNull(toFloat64OrNull(attributes['value'])) AS amount,
                toString(attributes['currency']) AS money, toDate(0) AS month, false AS starts, false AS rubs, false AS known
            FROM touchpoints
            WHERE kind IN ('subscription.renewed', 'return.refunded', 'payment.refunded') AND isNotNull(toFloat64OrNull(attributes['value']))
        )
    )
    WHERE is_known
    GROUP BY customer, currency
    HAVING purchases > 0
) AS c
GROUP BY day, currency, with_friction;
