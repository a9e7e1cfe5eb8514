-- How many rows a question gives.
SELECT count() FROM (
{question}
)
