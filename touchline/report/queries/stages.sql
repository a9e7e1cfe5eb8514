SELECT stage, count(), uniqExact(customer)
FROM touchpoints
GROUP BY stage
