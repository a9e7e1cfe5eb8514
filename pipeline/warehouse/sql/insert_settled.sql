INSERT INTO settled (period, version) VALUES
