"""Every metric of a worker, by name, in one place."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30)
_RECORDS: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)


class Metrics:
    """The metrics of one agent in one process; all carry the label `agent`."""

    def __init__(self, agent: str, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.agent = agent
        reg, one = self.registry, ("agent",)

        # What processors count (`Outbox.count`), published once committed: rejected.bad_time, duplicates, …
        self._events = Counter("touchline_events_total", "Counted by the logic", ("agent", "what"), registry=reg)
        # Input records whose effects are committed.
        self.records = Counter("touchline_records_total", "Records committed", one, registry=reg).labels(agent)
        # Records written to other topics, by logical topic.
        self._outputs = Counter("touchline_outputs_total", "Records sent", ("agent", "topic"), registry=reg)
        # Commits, and how long each took from the first send to the last acknowledgement.
        self.commit_seconds = Histogram(
            "touchline_commit_seconds", "Length of a commit", one, buckets=_SECONDS, registry=reg
        ).labels(agent)
        # Time in the processor for a batch.
        self.process_seconds = Histogram(
            "touchline_process_seconds", "Length of a batch's processing", one, buckets=_SECONDS, registry=reg
        ).labels(agent)
        # Input records in a batch.
        self.batch_records = Histogram(
            "touchline_batch_records", "Size of a batch", one, buckets=_RECORDS, registry=reg
        ).labels(agent)
        # Shards that this worker was assigned, and those of them that are open and work. Unequal: recovery, or trouble.
        self.shards_assigned = Gauge("touchline_shards_assigned", "Shards assigned", one, registry=reg).labels(agent)
        self.shards_open = Gauge("touchline_shards_open", "Shards open", one, registry=reg).labels(agent)
        # Openings of shards by cause: assigned, not_committed, fenced, failed, retry, resync.
        self._opened = Counter("touchline_shard_openings_total", "Shards opened", ("agent", "cause"), registry=reg)
        # Recovery: changelog records read, and the length of the last one.
        self.recovered = Counter("touchline_recovered_records_total", "Changelog read", one, registry=reg).labels(agent)
        self.recovery_seconds = Gauge(
            "touchline_recovery_seconds", "Length of the last recovery", one, registry=reg
        ).labels(agent)
        # Waits because the logic or a sink said "not now".
        self.retries = Counter("touchline_retries_total", "Waits before another try", one, registry=reg).labels(agent)
        # Records that broke their batch alone and were sent to touchpoints.rejected.
        self.poison = Counter("touchline_poison_total", "Records left out", one, registry=reg).labels(agent)
        # Records lost to retention before they were read. Anything above 0 is an incident.
        self.lost = Counter("touchline_lost_records_total", "Gone before being read", one, registry=reg).labels(agent)
        # Records between what is committed and the last stable offset, by input topic and partition.
        self._lag = Gauge("touchline_lag_records", "Records behind", ("agent", "topic", "partition"), registry=reg)
        # Seconds since the last progress of a partition that has something to do; 0 when it has not.
        self._stalled = Gauge(
            "touchline_stalled_seconds", "Without progress", ("agent", "topic", "partition"), registry=reg
        )
        # The rules in force, by hash. Workers that differ for long: one of them did not get the new set.
        self._rules = Gauge("touchline_rules_info", "Rules in force", ("agent", "hash"), registry=reg)
        self._ruleset: str | None = None
        # Sets of rules that were not taken over because they have mistakes: the former set stays in force.
        self.rules_refused = Counter("touchline_rules_refused_total", "Rules not taken over", one, registry=reg).labels(
            agent
        )
        # Effects outside Kafka (messages, webhooks) that were tried.
        self.effects = Counter("touchline_effects_total", "Effects performed", one, registry=reg).labels(agent)

        self._follow_policies(reg)

    def _follow_policies(self, reg: CollectorRegistry) -> None:
        one = ("agent",)
        # The policies of outreach in force, by hash, and changed ones that were not taken over for their mistakes.
        self._policies = Gauge("touchline_policies_info", "Policies in force", ("agent", "hash"), registry=reg)
        self._policy_hash: str | None = None
        self.policies_refused = Counter(
            "touchline_policies_refused_total", "Policies not taken over", one, registry=reg
        ).labels(self.agent)
        # Immediate stops in force, of all or of single rules.
        self.stops = Gauge("touchline_outreach_stops", "Stops in force", one, registry=reg).labels(self.agent)

    def counted(self, counts: dict[str, int]) -> None:
        """Publishes what a committed batch counted."""
        for what, n in counts.items():
            self._events.labels(self.agent, what).inc(n)

    def sent(self, topic: str, n: int) -> None:
        """Records written to a topic."""
        self._outputs.labels(self.agent, topic).inc(n)

    def opened(self, cause: str) -> None:
        """A shard was opened."""
        self._opened.labels(self.agent, cause).inc()

    def lag(self, topic: str, partition: int, records: int, stalled: float) -> None:
        """How far behind a partition is, and since when it has not moved (seconds)."""
        self._lag.labels(self.agent, topic, str(partition)).set(records)
        self._stalled.labels(self.agent, topic, str(partition)).set(stalled)

    def rules_in_force(self, ruleset: str) -> None:
        """The hash of the rules that hold from now on."""
        if self._ruleset is not None:
            self._rules.remove(self.agent, self._ruleset)
        self._rules.labels(self.agent, ruleset).set(1)
        self._ruleset = ruleset

    def policies_in_force(self, content: str) -> None:
        """The hash of the policies that hold from now on."""
        if self._policy_hash is not None:
            self._policies.remove(self.agent, self._policy_hash)
        self._policies.labels(self.agent, content).set(1)
        self._policy_hash = content

    def forget(self, topic: str, partition: int) -> None:
        """A partition went to another worker."""
        for gauge in (self._lag, self._stalled):
            try:
                gauge.remove(self.agent, topic, str(partition))
            except KeyError:
                continue
