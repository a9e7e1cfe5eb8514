CREATE TABLE IF NOT EXISTS schema_migrations
(
    number     UInt32              COMMENT 'Number of the migration',
    name       String              COMMENT 'Name of its file',
    checksum   String              COMMENT 'SHA-256 of its file as it was applied',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was applied'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY number
COMMENT 'Migrations that were applied in full'
