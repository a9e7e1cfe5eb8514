"""The tables that are written, and the figures that are recounted from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from touchline.pipeline.warehouse import rows
from touchline.schemas import codec, wire
from touchline.schemas.touchpoint import EnrichedTouchpoint


@dataclass(frozen=True, slots=True, eq=False)
class FactTable:
    """Facts of one topic. `columns` in the order in which `sql/insert_NAME.sql` names them; `time` is the one
    that says in which minute a fact stands.

    `counted`: whether figures by minute are kept of it (`sql/recount_NAME.sql`). `moves`: whether a later revision may
    stand in another minute than an earlier one, so that `sql/touched_NAME.sql` must find both. `beside_days`: further
    figures that are merged from its days, in tables `day_…` (`sql/merge_day_….sql`, and `clear_day_…`, `verify_day_…`).
    """

    name: str
    topic: str
    decode: Callable[[bytes], Any]
    columns: Mapping[str, rows.Column]
    time: str = "at"
    counted: bool = True
    moves: bool = True
    beside_days: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """The table's name in the warehouse."""
        return f"fact_{self.name}"

    @property
    def time_column(self) -> int:
        """Where `time` stands among the columns."""
        return list(self.columns).index(self.time)

    def as_columns(self, facts: Sequence[Any]) -> list[rows.Values]:
        """The facts as columns, in the order of `columns`."""
        return [column(facts) for column in self.columns.values()]


TOUCHPOINTS: Final = FactTable(
    "touchpoints",
    wire.TOUCHPOINTS,
    codec.row_decoder(EnrichedTouchpoint, without=("identifiers", "trace")),
    rows.TOUCHPOINTS,
    time="occurred_at",
    moves=False,
    beside_days=("customers",),
)
SIGNALS: Final = FactTable("signals", wire.SIGNALS, codec.decode_signal, rows.SIGNALS)
DECISIONS: Final = FactTable("decisions", wire.DECISIONS, codec.decode_decision, rows.DECISIONS)
DELIVERIES: Final = FactTable("deliveries", wire.DELIVERIES, codec.decode_delivery, rows.DELIVERIES, counted=False)
TASKS: Final = FactTable("tasks", wire.TASKS, codec.decode_task, rows.TASKS, counted=False)
NOTICES: Final = FactTable("notices", wire.NOTICES, codec.decode_notice, rows.NOTICES, counted=False)

FACTS: Final = (TOUCHPOINTS, SIGNALS, DECISIONS, DELIVERIES, TASKS, NOTICES)
COUNTED: Final = tuple(facts for facts in FACTS if facts.counted)
BY_TOPIC: Final[Mapping[str, FactTable]] = {facts.topic: facts for facts in FACTS}
BY_NAME: Final[Mapping[str, FactTable]] = {facts.name: facts for facts in FACTS}
