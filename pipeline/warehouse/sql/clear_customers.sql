-- Deletes rows of a month of customer_touchpoints that no fact gives any more. Run before place_customers: an insert
-- that is under way may have written its row here and its fact not yet, and such a row is written again by that.
DELETE FROM customer_touchpoints
WHERE
    occurred_at >= toDateTime(%(first)s, 'UTC') AND occurred_at < addMonths(toDateTime(%(first)s, 'UTC'), 1)
    AND (customer, occurred_at, event_hash) NOT IN (
        SELECT customer, occurred_at, cityHash64(source, event_id)
        FROM touchpoints
        WHERE minute >= toDateTime(%(first)s, 'UTC') AND minute < addMonths(toDateTime(%(first)s, 'UTC'), 1)
    )
SETTINGS allow_nondeterministic_mutations = 1  -- without which a replicated table refuses a subquery
