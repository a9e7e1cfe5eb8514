-- Writes the index of fact_decisions by id anew, for a rebuild. What is there already stays.
INSERT INTO place_decisions (decision_id, revision, minute)
SELECT decision_id, revision, minute FROM fact_decisions
SETTINGS max_partitions_per_insert_block = 0
