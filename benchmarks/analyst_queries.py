"""What analysts ask most, as `docs/analysts.md` has it: each names the newest day of the history."""

OVERVIEWS = {
    "touchpoints by day and channel, 30 days": """
        SELECT day, channel, sum(touchpoints) AS n FROM touchpoints_by_day
        WHERE day > toDate(%(newest)s) - 30 GROUP BY day, channel ORDER BY day, channel""",
    "touchpoints by day and channel, half a year": """
        SELECT day, channel, sum(touchpoints) AS n FROM touchpoints_by_day
        GROUP BY day, channel ORDER BY day, channel""",
    "touchpoints by stage and kind, half a year": """
        SELECT stage, kind, sum(touchpoints) AS n FROM touchpoints_by_day GROUP BY stage, kind ORDER BY n DESC""",
    "touchpoints by hour of the week, 90 days": """
        SELECT toDayOfWeek(hour) AS d, toHour(hour) AS h, sum(touchpoints) AS n FROM touchpoints_by_hour
        WHERE hour > toDate(%(newest)s) - 90 GROUP BY d, h ORDER BY d, h""",
    "touchpoints by hour and channel, 7 days": """
        SELECT hour, channel, sum(touchpoints) AS n FROM touchpoints_by_hour
        WHERE hour > toDate(%(newest)s) - 7 GROUP BY hour, channel ORDER BY hour, channel""",
    "touchpoints by minute, a day": """
        SELECT minute, sum(touchpoints) AS n FROM touchpoints_by_minute
        WHERE minute >= toDate(%(newest)s) - 1 GROUP BY minute ORDER BY minute""",
    "distinct customers by week and channel, half a year": """
        SELECT toMonday(day) AS week, channel, uniqMerge(customers) AS n FROM customer_states_by_day
        GROUP BY week, channel ORDER BY week, channel""",
    "distinct customers by day, 30 days": """
        SELECT day, customers AS n FROM customers_by_day
        WHERE day > toDate(%(newest)s) - 30 ORDER BY day""",
    "waits by channel, median and 9 of 10, 30 days": """
        SELECT channel, sum(waits) AS n, quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(wait_quantiles) AS q
        FROM touchpoint_states_by_day
        WHERE day > toDate(%(newest)s) - 30 AND waits > 0 GROUP BY channel ORDER BY channel""",
    "CSAT and NPS by week, half a year": """
        SELECT toMonday(day) AS week, sum(csat_satisfied) / sum(csat_answers) AS csat,
            100 * (sum(nps_promoters) - sum(nps_detractors)) / sum(nps_answers) AS nps
        FROM touchpoints_by_day GROUP BY week ORDER BY week""",
    "friction by rule and owner, half a year": """
        SELECT rule, owner, sum(signals) AS n FROM signals_by_day
        WHERE polarity = 'friction' GROUP BY rule, owner ORDER BY n DESC""",
    "friction by day and owner, 30 days": """
        SELECT day, owner, sum(signals) AS n FROM signals_by_day
        WHERE day > toDate(%(newest)s) - 30 GROUP BY day, owner ORDER BY day, owner""",
    "friction for each 1,000 touchpoints, by party, half a year": """
        SELECT t.party, t.n, s.n FROM (SELECT party, sum(touchpoints) AS n FROM touchpoints_by_day GROUP BY party) AS t
        LEFT JOIN (SELECT party, sum(signals) AS n FROM signals_by_day GROUP BY party) AS s ON s.party = t.party""",
    "decisions by day and reason, 30 days": """
        SELECT day, reason, sum(decisions) AS n FROM decisions_by_day
        WHERE day > toDate(%(newest)s) - 30 GROUP BY day, reason ORDER BY day, reason""",
}

ONE_CUSTOMER = {
    "timeline of a customer": "SELECT * FROM customer_timeline(customer = %(customer)s)",
    "customer_360 of a customer": "SELECT * FROM customer_360 WHERE customer = %(customer)s",
    "touchpoints of a customer with texts, 30 days": """
        SELECT occurred_at, kind, channel, text FROM touchpoints
        WHERE customer = %(customer)s AND minute > (SELECT max(minute) FROM fact_touchpoints) - INTERVAL 30 DAY
        ORDER BY occurred_at""",
}

FUNNEL = {
    "funnel of three steps, 30 days": """
        SELECT * FROM funnel(from = toDateTime(toDate(%(newest)s) - 30), to = toDateTime(toDate(%(newest)s)), days = 30,
            steps = ['product.viewed', 'cart.updated', 'order.placed'])""",
}

PATHS = {
    "paths of orders, 30 days": """
        SELECT * FROM journey_paths(from = toDateTime(toDate(%(newest)s) - 30), to = toDateTime(toDate(%(newest)s)),
            type = 'order', steps = 5) LIMIT 20""",
    "edges of orders, 30 days": """
        SELECT * FROM journey_edges(from = toDateTime(toDate(%(newest)s) - 30), to = toDateTime(toDate(%(newest)s)),
            type = 'order') LIMIT 100""",
}
