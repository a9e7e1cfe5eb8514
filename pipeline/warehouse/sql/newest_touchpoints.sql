SELECT max(occurred_at) AS newest FROM fact_touchpoints
WHERE minute >= (SELECT max(minute) FROM fact_touchpoints)
