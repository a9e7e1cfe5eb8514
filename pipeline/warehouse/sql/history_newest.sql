-- When the newest touchpoint of a customer happened, for whoever looks at the wrong time; no row when there is none.
SELECT toUnixTimestamp64Milli(max(occurred_at)) AS newest
FROM touchpoints
WHERE customer = %(customer)s
HAVING count() > 0
