-- What policies, experiments and routes add to decisions and deliveries. Rows from before have these columns empty.

ALTER TABLE fact_decisions
    ADD COLUMN IF NOT EXISTS route       LowCardinality(String) COMMENT 'Whom it turns to: customer (a message), person (a task), owner (a notice); empty in rows from before there were routes' AFTER profile_revision,
    ADD COLUMN IF NOT EXISTS target      LowCardinality(String) COMMENT 'Queue or owner where that is not the customer' AFTER route,
    ADD COLUMN IF NOT EXISTS policy      LowCardinality(String) COMMENT 'Id of the policy that decided' AFTER target,
    ADD COLUMN IF NOT EXISTS template    LowCardinality(String) COMMENT 'Name of the text; empty: by the rule' AFTER policy,
    ADD COLUMN IF NOT EXISTS observed_by LowCardinality(String) COMMENT 'Why nothing is delivered where observed is true: mode, stop, allow_list, ramp' AFTER template,
    ADD COLUMN IF NOT EXISTS experiment  LowCardinality(String) COMMENT 'Experiment that the policy holds customers out for' AFTER observed_by,
    ADD COLUMN IF NOT EXISTS arm         LowCardinality(String) COMMENT 'Side of the experiment: treated, held_out; none when there is no hold-out or another reason came first' AFTER experiment,
    ADD COLUMN IF NOT EXISTS priority    Int32 COMMENT 'Priority of the policy: the higher wins where several signals are open' CODEC(ZSTD(1)) AFTER arm,
    ADD COLUMN IF NOT EXISTS linked      Array(String) COMMENT 'Ids of the other open signals that the same message stands for' CODEC(ZSTD(1)) AFTER priority;

ALTER TABLE minute_decisions
    ADD COLUMN IF NOT EXISTS route      LowCardinality(String) COMMENT 'Route' AFTER observed,
    ADD COLUMN IF NOT EXISTS experiment LowCardinality(String) COMMENT 'Experiment' AFTER route,
    ADD COLUMN IF NOT EXISTS arm        LowCardinality(String) COMMENT 'Arm of the experiment' AFTER experiment,
    MODIFY ORDER BY (minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm);

CREATE OR REPLACE VIEW decision_changes
(
    decision_id      String                        COMMENT 'Id of the decision: one for each signal',
    revision         UInt32                        COMMENT 'Number of the change, rising; the highest is in force',
    signal_id        String                        COMMENT 'Signal that was decided upon',
    signal_revision  UInt32                        COMMENT 'Change of the signal that was known',
    rule             LowCardinality(String)        COMMENT 'Rule of the signal',
    severity         LowCardinality(String)        COMMENT 'low, medium, high, critical',
    owner            LowCardinality(String)        COMMENT 'Department that must act',
    control          LowCardinality(String)        COMMENT 'own, partner, outside',
    customer         String                        COMMENT 'Customer',
    counted_by       String                        COMMENT 'Group that the rule counts by: the customer, or a subject such as order:123',
    outcome          LowCardinality(String)        COMMENT 'sent, held (waits for a time), suppressed',
    reason           LowCardinality(String)        COMMENT 'The one reason',
    observed         Bool                          COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    purpose          LowCardinality(String)        COMMENT 'service or marketing',
    channel          LowCardinality(String)        COMMENT 'Channel of the message; empty without one',
    explanation      String                        COMMENT 'Why, in words',
    signal_at        DateTime64(3, 'UTC')          COMMENT 'When the friction became true (UTC)',
    at               DateTime64(3, 'UTC')          COMMENT 'Event time of the decision (UTC)',
    minute           DateTime('UTC')               COMMENT 'Start of the minute of at: filter on it for a fast read',
    release_at       Nullable(DateTime64(3, 'UTC')) COMMENT 'When a held decision is taken up again',
    profile_revision UInt64                        COMMENT 'Revision of the customer profile that was known',
    route            LowCardinality(String)        COMMENT 'Whom it turns to: customer (a message), person (a task), owner (a notice); empty in rows from before there were routes',
    target           LowCardinality(String)        COMMENT 'Queue or owner where that is not the customer',
    policy           LowCardinality(String)        COMMENT 'Id of the policy that decided',
    template         LowCardinality(String)        COMMENT 'Name of the text; empty: by the rule',
    observed_by      LowCardinality(String)        COMMENT 'Why nothing is delivered where observed is true: mode, stop, allow_list, ramp',
    experiment       LowCardinality(String)        COMMENT 'Experiment that the policy holds customers out for',
    arm              LowCardinality(String)        COMMENT 'Side of the experiment: treated, held_out; none when there is no hold-out or another reason came first',
    priority         Int32                         COMMENT 'Priority of the policy: the higher wins where several signals are open',
    linked           Array(String)                 COMMENT 'Ids of the other open signals that the same message stands for'
)
COMMENT 'Every change of each decision, once: a held decision is revised when it is released or cancelled.'
AS SELECT
    decision_id, revision, signal_id, signal_revision, rule, severity, owner, control, customer, counted_by, outcome,
    reason, observed, purpose, channel, explanation, signal_at, at, minute, release_at, profile_revision,
    route, target, policy, template, observed_by, experiment, arm, priority, linked
FROM fact_decisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW decisions
(
    decision_id      String                        COMMENT 'Id of the decision: one for each signal',
    revision         UInt32                        COMMENT 'Number of the latest change',
    signal_id        String                        COMMENT 'Signal that was decided upon',
    signal_revision  UInt32                        COMMENT 'Change of the signal that was known',
    rule             LowCardinality(String)        COMMENT 'Rule of the signal',
    severity         LowCardinality(String)        COMMENT 'low, medium, high, critical',
    owner            LowCardinality(String)        COMMENT 'Department that must act',
    control          LowCardinality(String)        COMMENT 'own, partner, outside',
    customer         String                        COMMENT 'Customer',
    counted_by       String                        COMMENT 'Group that the rule counts by: the customer, or a subject such as order:123',
    outcome          LowCardinality(String)        COMMENT 'sent, held (waits for a time), suppressed',
    reason           LowCardinality(String)        COMMENT 'The one reason',
    observed         Bool                          COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    purpose          LowCardinality(String)        COMMENT 'service or marketing',
    channel          LowCardinality(String)        COMMENT 'Channel of the message; empty without one',
    explanation      String                        COMMENT 'Why, in words',
    signal_at        DateTime64(3, 'UTC')          COMMENT 'When the friction became true (UTC)',
    at               DateTime64(3, 'UTC')          COMMENT 'Event time of the decision (UTC)',
    minute           DateTime('UTC')               COMMENT 'Start of the minute of at: filter on it for a fast read',
    release_at       Nullable(DateTime64(3, 'UTC')) COMMENT 'When a held decision is taken up again',
    profile_revision UInt64                        COMMENT 'Revision of the customer profile that was known',
    route            LowCardinality(String)        COMMENT 'Whom it turns to: customer (a message), person (a task), owner (a notice); empty in rows from before there were routes',
    target           LowCardinality(String)        COMMENT 'Queue or owner where that is not the customer',
    policy           LowCardinality(String)        COMMENT 'Id of the policy that decided',
    template         LowCardinality(String)        COMMENT 'Name of the text; empty: by the rule',
    observed_by      LowCardinality(String)        COMMENT 'Why nothing is delivered where observed is true: mode, stop, allow_list, ramp',
    experiment       LowCardinality(String)        COMMENT 'Experiment that the policy holds customers out for',
    arm              LowCardinality(String)        COMMENT 'Side of the experiment: treated, held_out; none when there is no hold-out or another reason came first',
    priority         Int32                         COMMENT 'Priority of the policy: the higher wins where several signals are open',
    linked           Array(String)                 COMMENT 'Ids of the other open signals that the same message stands for'
)
COMMENT 'Every decision once, as it is in force.'
AS SELECT
    decision_id, revision, signal_id, signal_revision, rule, severity, owner, control, customer, counted_by, outcome,
    reason, observed, purpose, channel, explanation, signal_at, at, minute, release_at, profile_revision,
    route, target, policy, template, observed_by, experiment, arm, priority, linked
FROM fact_decisions FINAL
WHERE (decision_id, (revision, minute)) IN (
    SELECT decision_id, max((revision, minute)) FROM place_decisions GROUP BY decision_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW decision_states
(
    minute        DateTime('UTC')                 COMMENT 'Start of the minute of the decision (UTC)',
    rule          LowCardinality(String)          COMMENT 'Rule of the signal',
    severity      LowCardinality(String)          COMMENT 'low, medium, high, critical',
    owner         LowCardinality(String)          COMMENT 'Department that must act',
    control       LowCardinality(String)          COMMENT 'own, partner, outside',
    channel       LowCardinality(String)          COMMENT 'Channel of the message; empty without one',
    purpose       LowCardinality(String)          COMMENT 'service or marketing',
    outcome       LowCardinality(String)          COMMENT 'sent, held, suppressed',
    reason        LowCardinality(String)          COMMENT 'The one reason',
    observed      Bool                            COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    route         LowCardinality(String)          COMMENT 'customer (a message), person (a task), owner (a notice)',
    experiment    LowCardinality(String)          COMMENT 'Experiment',
    arm           LowCardinality(String)          COMMENT 'treated, held_out or none',
    decisions     UInt64                          COMMENT 'Decisions',
    customers     AggregateFunction(uniq, String) COMMENT 'Distinct customers: uniqMerge(customers)',
    delay_seconds Float64                         COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by minute and group, with states that can be merged over any rows. Not for SELECT *: most clients can not read a state.'
AS SELECT
    minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm,
    decisions, customers,
    delay_ms / 1000 AS delay_seconds
FROM minute_decisions FINAL
WHERE decisions > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW decisions_by_minute
(
    minute        DateTime('UTC')        COMMENT 'Start of the minute of the decision (UTC)',
    rule          LowCardinality(String) COMMENT 'Rule of the signal',
    severity      LowCardinality(String) COMMENT 'low, medium, high, critical',
    owner         LowCardinality(String) COMMENT 'Department that must act',
    control       LowCardinality(String) COMMENT 'own, partner, outside',
    channel       LowCardinality(String) COMMENT 'Channel of the message; empty without one',
    purpose       LowCardinality(String) COMMENT 'service or marketing',
    outcome       LowCardinality(String) COMMENT 'sent, held, suppressed',
    reason        LowCardinality(String) COMMENT 'The one reason',
    observed      Bool                   COMMENT 'Observe mode: nothing is delivered whatever the outcome says',
    route         LowCardinality(String) COMMENT 'customer (a message), person (a task), owner (a notice)',
    experiment    LowCardinality(String) COMMENT 'Experiment',
    arm           LowCardinality(String) COMMENT 'treated, held_out or none',
    decisions     UInt64                 COMMENT 'Decisions',
    customers     UInt64                 COMMENT 'Distinct customers of this row: not to be added up over rows (see decision_states)',
    delay_seconds Float64                COMMENT 'Sum of the time from the friction to the decision, in seconds'
)
COMMENT 'Decisions in force, counted by minute and group.'
AS SELECT
    minute, rule, severity, owner, control, channel, purpose, outcome, reason, observed, route, experiment, arm,
    decisions,
    finalizeAggregation(s.customers) AS customers, delay_seconds
FROM decision_states AS s;

ALTER TABLE fact_deliveries
    ADD COLUMN IF NOT EXISTS what   LowCardinality(String) COMMENT 'What is delivered: message, notice, care; empty in rows from before: a message' AFTER next_try_at,
    ADD COLUMN IF NOT EXISTS target LowCardinality(String) COMMENT 'Owner that a notice is for' AFTER what;

CREATE OR REPLACE VIEW delivery_changes
(
    delivery_id String                         COMMENT 'Id of the delivery',
    revision    UInt32                         COMMENT 'Number of the change, rising; the highest counts',
    decision_id String                         COMMENT 'Decision that it carries out',
    signal_id   String                         COMMENT 'Signal behind the decision',
    rule        LowCardinality(String)         COMMENT 'Rule of the signal',
    customer    String                         COMMENT 'Customer',
    channel     LowCardinality(String)         COMMENT 'Channel of the message',
    adapter     LowCardinality(String)         COMMENT 'What carried it: the adapter (smtp, webhook, outbox, observe …)',
    status      LowCardinality(String)         COMMENT 'attempted, sent, outbox, observed, retrying, failed, cancelled, unknown (not repeated)',
    attempts    UInt32                         COMMENT 'Attempts so far',
    at          DateTime64(3, 'UTC')           COMMENT 'When the state was reached (UTC)',
    minute      DateTime('UTC')                COMMENT 'Start of the minute of at: filter on it for a fast read',
    error       String                         COMMENT 'What went wrong; empty when nothing did',
    next_try_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a retry is due',
    what        LowCardinality(String)         COMMENT 'What is delivered: message, notice, care',
    target      LowCardinality(String)         COMMENT 'Owner that a notice is for'
)
COMMENT 'Every state of each delivery, once.'
AS SELECT
    delivery_id, revision, decision_id, signal_id, rule, customer, channel, adapter, status, attempts, at, minute,
    error, next_try_at, what, target
FROM fact_deliveries FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW deliveries
(
    delivery_id String                         COMMENT 'Id of the delivery',
    revision    UInt32                         COMMENT 'Number of the latest change',
    decision_id String                         COMMENT 'Decision that it carries out',
    signal_id   String                         COMMENT 'Signal behind the decision',
    rule        LowCardinality(String)         COMMENT 'Rule of the signal',
    customer    String                         COMMENT 'Customer',
    channel     LowCardinality(String)         COMMENT 'Channel of the message',
    adapter     LowCardinality(String)         COMMENT 'What carried it: the adapter (smtp, webhook, outbox, observe …)',
    status      LowCardinality(String)         COMMENT 'attempted, sent, outbox, observed, retrying, failed, cancelled, unknown (not repeated)',
    attempts    UInt32                         COMMENT 'Attempts so far',
    at          DateTime64(3, 'UTC')           COMMENT 'When the state was reached (UTC)',
    minute      DateTime('UTC')                COMMENT 'Start of the minute of at: filter on it for a fast read',
    error       String                         COMMENT 'What went wrong; empty when nothing did',
    next_try_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a retry is due',
    what        LowCardinality(String)         COMMENT 'What is delivered: message, notice, care',
    target      LowCardinality(String)         COMMENT 'Owner that a notice is for'
)
COMMENT 'Every delivery once, as it stands now.'
AS SELECT
    delivery_id, revision, decision_id, signal_id, rule, customer, channel, adapter, status, attempts, at, minute,
    error, next_try_at, what, target
FROM fact_deliveries FINAL
WHERE (delivery_id, (revision, minute)) IN (
    SELECT delivery_id, max((revision, minute)) FROM fact_deliveries GROUP BY delivery_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
