-- The server's time in nanoseconds, and up to when the figures of a period are known to be right (0: not known, or the
-- clock was put back since).
WITH (SELECT max(version) FROM settled FINAL WHERE period = '{period}') AS known
SELECT toUInt64(toUnixTimestamp64Nano(now64(9))) AS now, if(known > now, 0, known) AS version
