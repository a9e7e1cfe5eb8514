-- The catalogue of all measures: read from their comments, so that no definition stands twice.

CREATE OR REPLACE VIEW measures
(
    measure     String COMMENT 'Name; the view is measure_NAME',
    title       String COMMENT 'Title',
    definition  String COMMENT 'What it is, in words',
    unit        String COMMENT 'Unit of its value',
    better      String COMMENT 'up: the higher the better; down: the lower; neither: it depends',
    time_window String COMMENT 'To which time a case belongs, and how long is waited for what follows',
    source      String COMMENT 'What it is made of: kinds of touchpoints, or other views',
    reference   String COMMENT 'Where the definition comes from',
    value       String COMMENT 'Formula over any rows of the view',
    cases       String COMMENT 'Formula of how many cases stand behind it',
    low         String COMMENT 'Formula of the lower end of its interval of 95 %; empty where it has none of its own',
    high        String COMMENT 'Formula of the upper end',
    arms        String COMMENT 'Formula of the counts of two arms whose shares are held against each other: hits and cases of the one, hits and cases of the other; empty: it compares none',
    by          String COMMENT 'Column that must not be summed over, because it is what is compared; empty: none'
)
COMMENT 'The catalogue of measures, one row each, read from the comments of their views.'
AS SELECT
    substring(name, 9) AS measure, substring(lines[1], 1, position(lines[1], ': ') - 1) AS title, substring(lines[1], position(lines[1], ': ') + 2) AS definition,
    substring(arrayFirst(x -> startsWith(x, 'Unit: '), lines), 7) AS unit,
    substring(arrayFirst(x -> startsWith(x, 'Better: '), lines), 9) AS better,
    substring(arrayFirst(x -> startsWith(x, 'Window: '), lines), 9) AS time_window,
    substring(arrayFirst(x -> startsWith(x, 'Source: '), lines), 9) AS source,
    substring(arrayFirst(x -> startsWith(x, 'After: '), lines), 8) AS reference,
    substring(arrayFirst(x -> startsWith(x, 'Value: '), lines), 8) AS value,
    substring(arrayFirst(x -> startsWith(x, 'Cases: '), lines), 8) AS cases,
    substring(arrayFirst(x -> startsWith(x, 'Low: '), lines), 6) AS low,
    substring(arrayFirst(x -> startsWith(x, 'High: '), lines), 7) AS high,
    substring(arrayFirst(x -> startsWith(x, 'Arms: '), lines), 7) AS arms,
    substring(arrayFirst(x -> startsWith(x, 'By: '), lines), 5) AS by
FROM (SELECT name, splitByChar('\n', comment) AS lines FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'measure_'))
ORDER BY measure;
