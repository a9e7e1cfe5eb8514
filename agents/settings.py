"""Everything that can be set, in one file `touchline.yaml`; each setting also as a variable `TOUCHLINE_…`.

A value may name a variable of the environment as `${NAME}`, which is how secrets come in. A setting `a: {b: …}` is
overridden by `TOUCHLINE_A__B`, `environment` by `TOUCHLINE_ENVIRONMENT`.
"""

import os
import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, TypeAdapter

from touchline.agents.apisettings import ApiSettings
from touchline.agents.deliversettings import DeliverSettings
from touchline.agents.ownersettings import DeskSettings, Owners
from touchline.agents.section import Section as _Section
from touchline.agents.section import ZoneName
from touchline.pipeline.outreach.links import MIN_SECRET, is_target
from touchline.schemas.control import ClockMode
from touchline.schemas.types import ID, Duration
from touchline.schemas.vocabulary import Channel, Severity
from touchline.schemas.yamlfile import FileError, Mistake, YamlFile

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PREFIX = "TOUCHLINE_"
_PLAIN = frozenset({"environment", "clock", "data"})
"""What stands outside the sections."""


class Checkpointing(StrEnum):
    """How a shard's effects are made one: by Kafka's transactions, or by idempotence where the broker has none."""

    TRANSACTIONAL = "transactional"
    IDEMPOTENT = "idempotent"


class KafkaSettings(_Section):
    """The cluster. `environment` prefixes topics and transactional ids, so that several share one cluster."""

    bootstrap: str = "127.0.0.1:9092"
    partitions: Annotated[int, Field(ge=1, le=1_024)] = 4
    raw_partitions: Annotated[int, Field(ge=1, le=1_024)] = 4
    replication: Annotated[int, Field(ge=1)] = 1
    checkpoint: Checkpointing = Checkpointing.TRANSACTIONAL
    broker_time: bool = True
    session_timeout: Duration = 15_000
    transaction_timeout: Duration = 10_000
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None


class WarehouseSettings(_Section):
    """ClickHouse, by its native protocol. Inserts into a table are `batch_wait` apart, unless `batch_rows` wait."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 9000
    http_port: Annotated[int, Field(ge=1, le=65_535)] = 8123
    database: str = "touchline"
    user: str = "default"
    password: SecretStr = SecretStr("")
    secure: bool = False
    batch_rows: Annotated[int, Field(ge=1)] = 4_000
    batch_wait: Duration = 500
    timeout: Duration = 30_000


class BatchSettings(_Section):
    """How much is handed over at once."""

    records: Annotated[int, Field(ge=1)] = 4_000
    merge_bytes: Annotated[int, Field(ge=1)] = 8 << 20


class EnrichSettings(_Section):
    """Intake. `reject_share` of a partition's last 1,000 records rejected raises an alarm."""

    future_tolerance: Duration = 5 * 60_000
    duplicate_ids: Annotated[int, Field(ge=0)] = 1_000_000
    duplicate_age: Duration = 24 * 3_600_000
    flatten_attributes: bool = False
    reject_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    own_party: str = "own"


class RuleHome(StrEnum):
    """Where the rules (or policies) in force are kept: files that each worker sees, or the topic `rules` (`policies`),
    the same for all."""

    FILES = "files"
    TOPIC = "topic"


class JourneySettings(_Section):
    """Rules. `rules`: folders of rule files besides the built-in ones, looked at every `reload` (0s: never again after
    the start). `source_lateness` overrides by source."""

    builtin_rules: bool = True
    rules: tuple[Path, ...] = ()
    rules_from: RuleHome = RuleHome.FILES
    reload: Duration = 2_000
    lateness: Duration = 10 * 60_000
    source_lateness: dict[str, Duration] = Field(default_factory=dict)
    customer_ttl: Duration = 400 * 86_400_000


Points = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class HealthSettings(_Section):
    """The score of a relationship: the points that an open friction signal costs by its severity, and that a delight
    gives back; half of an ended one is left after `half_life`. `care_from`: the least severity that asks for care.
    `step`: by how many points time alone must have moved the score to be told."""

    low: Points = 5.0
    medium: Points = 10.0
    high: Points = 20.0
    critical: Points = 40.0
    delight: Points = 5.0
    half_life: Annotated[Duration, Field(ge=60_000, le=400 * 86_400_000)] = 14 * 86_400_000
    care_from: Severity = Severity.MEDIUM
    step: Annotated[int, Field(ge=1, le=100)] = 5


class OutreachMode(StrEnum):
    """OBSERVE decides and records everything and delivers nothing."""

    OBSERVE = "observe"
    LIVE = "live"


class QuietHours(_Section):
    """From `start` to `end` in the recipient's own time, as `21:00` and `08:00`."""

    start: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "21:00"
    end: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"


class RampSettings(_Section, populate_by_name=True):
    """So many messages a day in all at the most: `days` counts them from the first day, `from`, on; the last number
    stands for all later days. A day begins at midnight in `outreach.zone`."""

    from_: Annotated[date, Field(alias="from")]
    days: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, max_length=400)]


def _link_base(base: str) -> str:
    if not is_target(base) or "?" in base or "#" in base:
        raise ValueError("write the public address of the server of links, such as https://links.example.com")
    return base


def _link_secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < MIN_SECRET:
        raise ValueError(f"is too short: a secret of links has at least {MIN_SECRET} bytes")
    return secret


LinkSecret = Annotated[SecretStr, AfterValidator(_link_secret)]
"""What links are signed with."""


OF_NO_USE: Final = "of a preview, so of no server of links"
"""What signs links that are only looked at."""


class LinksSettings(_Section):
    """Signed links in messages. `base`: where customers reach the server of links. `secret` signs; what the `older`
    ones signed is still read. `opens`: whether an e-mail tells that it was looked at, by a picture in it."""

    base: Annotated[str, AfterValidator(_link_base)]
    secret: LinkSecret
    older: tuple[LinkSecret, ...] = ()
    opens: bool = False

    @property
    def of_use(self) -> bool:
        """Whether customers may get such links. Everybody knows the secret of those of a preview."""
        return all(one.get_secret_value() != OF_NO_USE for one in (self.secret, *self.older))


class OutreachSettings(_Section):
    """What may be sent to whom and when.

    `policies` and `texts`: files and folders of policies and of the texts of messages, besides the built-in ones,
    looked at every `reload` (0s: never again after the start). What policies do not say stands here: `cap` messages at
    the most to a customer within `cap_window`. `allow`: when set, only these customers get messages. `test_recipient`:
    by channel, who gets every message instead of the customer. `locale`: the language of those who are known to prefer
    none.
    """

    mode: OutreachMode = OutreachMode.OBSERVE
    builtin_policies: bool = True
    policies: tuple[Path, ...] = ()
    policies_from: RuleHome = RuleHome.FILES
    reload: Duration = 2_000
    allow: frozenset[ID] | None = None
    test_recipient: dict[Channel, Annotated[str, Field(min_length=1, max_length=2_048)]] = Field(default_factory=dict)
    ramp: RampSettings | None = None
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.0
    experiment: str = "default"
    cooldown: Duration = 3 * 86_400_000
    cap: Annotated[int, Field(ge=0)] = 3
    cap_window: Duration = 7 * 86_400_000
    max_age: Duration = 2 * 86_400_000
    quiet_hours: QuietHours | None = QuietHours()
    zone: ZoneName = "UTC"
    channels: tuple[Channel, ...] = (Channel.EMAIL, Channel.SMS, Channel.PUSH)
    texts: tuple[Path, ...] = ()
    locale: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = "en"
    links: LinksSettings | None = None

    @property
    def served(self) -> LinksSettings | None:
        """The links that customers may get and a server may take; None when there are none."""
        return self.links if self.links is not None and self.links.of_use else None


class RuntimeSettings(_Section):
    """The processes. `http_port` 0: a free port, told in the log; agents take one each, counting up from it."""

    agents: tuple[str, ...] = ("enrich", "journey", "incident", "outreach", "desk", "deliver", "warehouse")
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    http_host: str = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    stuck_after: Duration = 120_000
    drain: Duration = 10_000
    batch: BatchSettings = BatchSettings()


class Settings(_Section):
    """The whole file."""

    environment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$|^$")] = ""
    clock: ClockMode = ClockMode.LIVE
    data: Path = Path(".touchline")
    kafka: KafkaSettings = KafkaSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    enrich: EnrichSettings = EnrichSettings()
    journey: JourneySettings = JourneySettings()
    health: HealthSettings = HealthSettings()
    outreach: OutreachSettings = OutreachSettings()
    deliver: DeliverSettings = DeliverSettings()
    api: ApiSettings = ApiSettings()
    desk: DeskSettings = DeskSettings()
    owners: Owners = Field(default_factory=dict)
    parties: Owners = Field(default_factory=dict)
    runtime: RuntimeSettings = RuntimeSettings()

    def topic(self, name: str) -> str:
        """The name of a logical topic on the cluster."""
        return f"{self.environment}.{name}" if self.environment else name

    def group(self, agent: str) -> str:
        """The consumer group of an agent."""
        return self.topic(f"touchline.{agent}")

    @property
    def serves(self) -> bool:
        """Whether there is anything for the API to serve: keys for those who ask, or links in messages."""
        return bool(self.api.keys) or self.outreach.served is not None


_ADAPTER = TypeAdapter(Settings)


def load_settings(path: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads the settings file (None: defaults), then the environment's overrides.

    Raises: FileError, with line and column of each mistake; a mistake in a variable names the variable."""
    file = YamlFile.read(path) if path else YamlFile("{}", "settings")
    if file.data is None:
        file.data = {}
    if not isinstance(file.data, dict):
        raise FileError(file.name, [file.mistake((), "settings are a mapping, such as `kafka: {bootstrap: …}`")])
    file.data = _substitute(file, file.data, (), environ)
    variables: dict[str, str] = {}
    for name, value in sorted(environ.items()):
        steps = name.removeprefix(_PREFIX).lower().split("__") if name.startswith(_PREFIX) else []
        if len(steps) > 1 or set(steps) & _PLAIN:
            _override(file.data, steps, value)
            variables[".".join(steps)] = name
    try:
        return file.as_type(_ADAPTER)
    except FileError as error:
        raise FileError(file.name, [_named(mistake, variables) for mistake in error.mistakes]) from None


def _named(mistake: Mistake, variables: Mapping[str, str]) -> Mistake:
    """What a variable of the environment set wrongly is not to be looked for in the file."""
    variable = variables.get(mistake.where)
    if variable is None:
        return mistake
    return Mistake(1, 1, f"the variable {variable} ({mistake.where})", mistake.message)


def _override(tree: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:-1]:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree[path[-1]] = value


def _substitute(file: YamlFile, node: Any, path: tuple[str | int, ...], environ: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _substitute(file, value, (*path, key), environ) for key, value in node.items()}
    if isinstance(node, list):
        return [_substitute(file, value, (*path, index), environ) for index, value in enumerate(node)]
    if isinstance(node, str):
        for name in _VARIABLE.findall(node):
            if name not in environ:
                raise FileError(file.name, [file.mistake(path, f"the variable {name} is not set")])
        return _VARIABLE.sub(lambda match: environ[match[1]], node)
    return node
