-- Writes the index of fact_signals by id anew, for a rebuild. What is there already stays.
INSERT INTO place_signals (signal_id, revision, minute)
SELECT signal_id, revision, minute FROM fact_signals
SETTINGS max_partitions_per_insert_block = 0
