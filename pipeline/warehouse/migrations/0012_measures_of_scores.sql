-- Measures: a view each, by day and by what matters, with counts beside each ratio so that any rows may be summed up.
-- The comment of a view is the one definition of its measure: the catalogue `measures` reads it, line by line. Value is
-- the formula over any rows of the view, Cases is how many cases stand behind it.

CREATE OR REPLACE VIEW measure_csat
(
    day       Date                   COMMENT 'Day of the answer (UTC)',
    channel   LowCardinality(String) COMMENT 'Channel of the answer',
    stage     LowCardinality(String) COMMENT 'Stage that it is about',
    party     LowCardinality(String) COMMENT 'Party that it is about',
    answers   UInt64                 COMMENT 'Answers',
    satisfied UInt64                 COMMENT 'Answers of 4 and 5',
    score_sum Float64                COMMENT 'Sum of the scores',
    csat      Nullable(Float64)      COMMENT 'CSAT of this row, in percent'
)
COMMENT 'Customer satisfaction (CSAT): the share of 4 and 5 among answers of 1 to 5.
Unit: percent
Better: up
Window: the day of the answer
Source: touchpoints with a csat score
After: the two best answers of five (top-two box), as ACSI and most survey tools count it
Value: 100 * sum(satisfied) / nullIf(sum(answers), 0)
Cases: sum(answers)'
AS SELECT
    day, channel, stage, party, sum(csat_answers) AS answers, sum(csat_satisfied) AS satisfied, sum(csat_sum) AS score_sum,
    100 * satisfied / nullIf(answers, 0) AS csat
FROM touchpoints_by_day
WHERE csat_answers > 0
GROUP BY day, channel, stage, party;

CREATE OR REPLACE VIEW measure_nps
(
    day        Date                   COMMENT 'Day of the answer (UTC)',
    channel    LowCardinality(String) COMMENT 'Channel of the answer',
    stage      LowCardinality(String) COMMENT 'Stage that it is about',
    party      LowCardinality(String) COMMENT 'Party that it is about',
    answers    UInt64                 COMMENT 'Answers',
    promoters  UInt64                 COMMENT 'Answers of 9 and 10',
    passives   UInt64                 COMMENT 'Answers of 7 and 8',
    detractors UInt64                 COMMENT 'Answers of 0 to 6',
    score_sum  Float64                COMMENT 'Sum of the scores',
    nps        Nullable(Float64)      COMMENT 'NPS of this row, in points',
    nps_low    Nullable(Float64)      COMMENT 'Lower end of its interval of 95 %',
    nps_high   Nullable(Float64)      COMMENT 'Upper end of its interval of 95 %'
)
COMMENT 'Net promoter score (NPS): the share of 9 and 10 less the share of 0 to 6, among answers of 0 to 10, from -100 to 100. Its interval is the adjusted Wald interval of a difference of two shares: with 3/4 of an answer added to promoters and to detractors and 3/2 to passives, 1.96 times the root of (p + d - (p - d)^2) / n on each side.
Unit: points
Better: up
Window: the day of the answer
Source: touchpoints with an nps score
After: F. F. Reichheld, The One Number You Need to Grow, 2003; interval: B. Rocks, Interval Estimation for the Net Promoter Score, 2016
Value: 100 * (sum(promoters) - sum(detractors)) / nullIf(sum(answers), 0)
Cases: sum(answers)
Low: if(sum(answers) = 0, NULL, greatest(-100, 100 * ((sum(promoters) - sum(detractors)) / (sum(answers) + 3) - 1.96 * sqrt(((sum(promoters) + sum(detractors) + 1.5) / (sum(answers) + 3) - pow((sum(promoters) - sum(detractors)) / (sum(answers) + 3), 2)) / (sum(answers) + 3)))))
High: if(sum(answers) = 0, NULL, least(100, 100 * ((sum(promoters) - sum(detractors)) / (sum(answers) + 3) + 1.96 * sqrt(((sum(promoters) + sum(detractors) + 1.5) / (sum(answers) + 3) - pow((sum(promoters) - sum(detractors)) / (sum(answers) + 3), 2)) / (sum(answers) + 3)))))'
AS SELECT
    day, channel, stage, party, answers, promoters, answers - promoters - detractors AS passives, detractors, score_sum,
    100 * difference AS nps,
    greatest(-100, 100 * (near - margin)) AS nps_low, least(100, 100 * (near + margin)) AS nps_high
FROM
(
    SELECT
        day, channel, stage, party, sum(nps_answers) AS answers, sum(nps_promoters) AS promoters, sum(nps_detractors) AS detractors,
        sum(nps_sum) AS score_sum, toInt64(promoters) - toInt64(detractors) AS net, net / answers AS difference, net / (answers + 3) AS near,
        1.96 * sqrt(((promoters + detractors + 1.5) / (answers + 3) - near * near) / (answers + 3)) AS margin
    FROM touchpoints_by_day
    WHERE nps_answers > 0
    GROUP BY day, channel, stage, party
);

CREATE OR REPLACE VIEW measure_ces
(
    day         Date                   COMMENT 'Day of the answer (UTC)',
    channel     LowCardinality(String) COMMENT 'Channel of the answer',
    stage       LowCardinality(String) COMMENT 'Stage that it is about',
    upper       Nullable(Float64)      COMMENT 'Upper end of the scale; NULL where it was not told',
    low_is_good Bool                   COMMENT 'Whether a low score is the good one',
    answers     UInt64                 COMMENT 'Answers',
    score_sum   Float64                COMMENT 'Sum of the raw scores',
    ces         Nullable(Float64)      COMMENT 'Mean raw score of this row, on its own scale and in its own direction',
    placed      UInt64                 COMMENT 'Answers on a scale of which the upper end is known',
    ease_sum    Float64                COMMENT 'Sum of where these stand between the worst answer (0) and the best (100)'
)
COMMENT 'Customer effort score (CES): the mean answer to how easy it was. Scores are kept raw, with their scale and direction, in rows of their own; over rows of several scales the value is where the answers stand between the worst (0) and the best (100) of theirs, the lowest answer being 1.
Unit: percent of the scale
Better: up
Window: the day of the answer
Source: touchpoints with a ces score
After: M. Dixon, K. Freeman and N. Toman, Stop Trying to Delight Your Customers, 2010
Value: sum(ease_sum) / nullIf(sum(placed), 0)
Cases: sum(answers)'
AS SELECT
    toDate(minute) AS day, channel, stage, score_upper AS upper, score_low_is_good AS low_is_good, count() AS answers, sum(assumeNotNull(score)) AS score_sum,
    score_sum / answers AS ces, countIf(score_upper > 1) AS placed,
    sum(if(score_upper > 1, assumeNotNull(100 * if(score_low_is_good, score_upper - score, score - 1) / (score_upper - 1)), 0)) AS ease_sum
FROM touchpoints
WHERE score_scale = 'ces'
GROUP BY day, channel, stage, upper, low_is_good;

CREATE OR REPLACE VIEW measure_sentiment
(
    day           Date                   COMMENT 'Day (UTC)',
    channel       LowCardinality(String) COMMENT 'Channel',
    stage         LowCardinality(String) COMMENT 'Stage',
    party         LowCardinality(String) COMMENT 'Party',
    texts         UInt64                 COMMENT 'Texts that could be read',
    sentiment_sum Float64                COMMENT 'Sum of their sentiments',
    sentiment     Nullable(Float64)      COMMENT 'Mean sentiment of this row',
    week          Nullable(Float64)      COMMENT 'Mean sentiment of the seven days that end with this one, of the same channel, stage and party',
    trend         Nullable(Float64)      COMMENT 'The same, less that of the seven days before; NULL without texts in those'
)
COMMENT 'Sentiment: the mean of how texts sound, from -1 (very bad) to 1 (very good). Its trend compares seven days with the seven before.
Unit: -1 to 1
Better: up
Window: the day of the text; trend: seven days against the seven before
Source: texts of touchpoints, as enrichment reads them
After: C. J. Hutto and E. Gilbert, VADER, 2014
Value: sum(sentiment_sum) / nullIf(sum(texts), 0)
Cases: sum(texts)'
AS SELECT
    day, channel, stage, party, texts, sentiment_sum, sentiment_sum / texts AS sentiment,
    sum(sentiment_sum) OVER (PARTITION BY channel, stage, party ORDER BY number RANGE BETWEEN 6 PRECEDING AND CURRENT ROW)
        / sum(texts) OVER (PARTITION BY channel, stage, party ORDER BY number RANGE BETWEEN 6 PRECEDING AND CURRENT ROW) AS week,
    week - sum(sentiment_sum) OVER (PARTITION BY channel, stage, party ORDER BY number RANGE BETWEEN 13 PRECEDING AND 7 PRECEDING)
        / nullIf(sum(texts) OVER (PARTITION BY channel, stage, party ORDER BY number RANGE BETWEEN 13 PRECEDING AND 7 PRECEDING), 0) AS trend
FROM
(
    SELECT
        day, channel, stage, party, toInt32(toUInt16(day)) AS number, sum(t.sentiments) AS texts, sum(t.sentiment_sum) AS sentiment_sum
    FROM touchpoints_by_day AS t
    WHERE t.sentiments > 0
    GROUP BY day, channel, stage, party
);

CREATE OR REPLACE VIEW measure_advocacy
(
    day        Date                   COMMENT 'Day of the post (UTC)',
    network    LowCardinality(String) COMMENT 'Network that it names, else its channel',
    party      LowCardinality(String) COMMENT 'Party that it is about',
    posts      UInt64                 COMMENT 'Posts and reviews in public',
    readable   UInt64                 COMMENT 'Those of them of which it is known how they sound',
    praise     UInt64                 COMMENT 'Praise',
    complaints UInt64                 COMMENT 'Complaints',
    advocacy   Nullable(Float64)      COMMENT 'Advocacy of this row, in points'
)
COMMENT 'Advocacy: the share of praise less the share of complaints, among what customers say in public (posts, product reviews, complaints on social channels). Praise: 4 or 5 stars, without stars a sentiment of 0.05 and more. A complaint: 1 or 2 stars, without stars a sentiment of -0.05 and less, or complaint.made.
Unit: points
Better: up
Window: the day of the post
Source: social.posted, product.reviewed, and complaint.made by the social channel
After: net sentiment as social listening counts it; bounds: C. J. Hutto and E. Gilbert, VADER, 2014
Value: 100 * (sum(praise) - sum(complaints)) / nullIf(sum(readable), 0)
Cases: sum(readable)'
AS SELECT
    toDate(minute) AS day, if(attributes['network'] != '', toString(attributes['network']), toString(channel)) AS network, party,
    count() AS posts, countIf(isNotNull(tone)) AS readable, countIf(tone > 0) AS praise, countIf(tone < 0) AS complaints,
    100 * (toInt64(praise) - toInt64(complaints)) / nullIf(readable, 0) AS advocacy
FROM
(
    SELECT
        minute, attributes, channel, party, toFloat64OrNull(attributes['stars']) AS stars,
        multiIf(kind = 'complaint.made', -1, stars >= 4, 1, stars <= 2, -1, isNotNull(stars), 0, sentiment >= 0.05, 1, sentiment <= -0.05, -1, isNotNull(sentiment), 0, NULL) AS tone
    FROM touchpoints
    WHERE kind IN ('social.posted', 'product.reviewed') OR (kind = 'complaint.made' AND channel = 'social')
)
GROUP BY day, network, party;

CREATE OR REPLACE VIEW measure_balance
(
    day          Date                   COMMENT 'Day of the moments (UTC)',
    stage        LowCardinality(String) COMMENT 'Stage of the relationship',
    good         UInt64                 COMMENT 'Good moments',
    bad          UInt64                 COMMENT 'Bad moments',
    good_per_bad Nullable(Float64)      COMMENT 'Good moments for each bad one in this row'
)
COMMENT 'Balance: good moments for each bad one. An often quoted rule of thumb has it that twelve good ones make up for one bad; each_balance has it by customer.
Unit: good per bad
Better: up
Window: the day of the moments
Source: each_moment: signals, scores, texts
After: R. Newell-Legner, Understanding Customers: a rule of thumb, no measurement is known behind it
Value: sum(good) / nullIf(sum(bad), 0)
Cases: sum(good) + sum(bad)'
AS SELECT day, stage, countIf(is_good) AS good, countIf(NOT is_good) AS bad, good / nullIf(bad, 0) AS good_per_bad
FROM each_moment
GROUP BY day, stage;
