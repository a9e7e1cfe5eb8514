"""How fast analysts get answers, and what a touchpoint takes on disk: `python -m benchmarks.analysts [--folder F]`.

A simulated shop goes through `enrich` into an embedded warehouse until there are `--simulated` touchpoints. Up to
`--touchpoints` they are multiplied in the warehouse: other customers, other ids, times shifted so that all copies
together span half a year. One touchpoint in forty gives a signal and a decision. Everything is counted by `rebuild`, as
an operator would do it. With `--folder` the warehouse stays there, and is measured again without being made again.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.analyst_history import in_lumps, make, shop, stored
from benchmarks.analyst_queries import FUNNEL, ONE_CUSTOMER, OVERVIEWS, PATHS
from benchmarks.warehouse import cpu
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import Connection
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.warehouse.sqlfiles import statement
from touchline.pipeline.warehouse.tables import TOUCHPOINTS

INSERTED = 200_000
CUSTOMERS = "SELECT DISTINCT customer FROM fact_touchpoints WHERE cityHash64(customer) % 500 = 0 LIMIT 400"


def main() -> None:
    """Makes or takes the warehouse and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--touchpoints", type=int, default=400_000, help="how many there are to be (default: 400000)")
    parser.add_argument(
        "--simulated", type=int, default=400_000, help="how many of them are simulated, the others copied"
    )
    parser.add_argument("--folder", type=Path, help="where the warehouse stays; made if it is empty")
    parser.add_argument("--runs", type=int, default=30, help="how often each query is asked (default: 30)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, EmbeddedWarehouse(options.folder or Path(temporary)) as warehouse:
        settings = WarehouseSettings(host=warehouse.host, port=warehouse.port, timeout=3_600_000)
        for name in upkeep.migrate(settings):
            print("migrated", name, flush=True)
        with upkeep.connected(settings) as connection:
            make(settings, connection, options.touchpoints, min(options.simulated, options.touchpoints))
            measure(Asking(connection, warehouse.pid or 0), options.runs)
            print_bytes(connection)
        print_inserts(settings.model_copy(update={"database": "bench_inserts"}))


@dataclass(frozen=True, slots=True)
class Asking:
    """A connection, and the process of the server that answers."""

    connection: Connection
    server: int


def measure(asking: Asking, runs: int) -> None:
    """Prints how long each question takes, in milliseconds."""
    connection = asking.connection
    count = stored(connection)
    ((newest,),) = connection.query("SELECT toString(toDate(max(day))) FROM day_touchpoints").rows
    customers = [row[0] for row in connection.query(CUSTOMERS).rows]
    chance = random.Random(3)
    print(f"\n{count:,} touchpoints; {runs} times each, after one that does not count; milliseconds")
    print(f"{'':58} {'best':>8} {'p50':>8} {'p95':>8} {'server':>8}  rows")
    every: list[float] = []
    for title, text in OVERVIEWS.items():
        every += line(asking, title, text, ({"newest": newest} for _ in range(runs + 1)))
    print(f"{'all overviews':58} {min(every):8.1f} {statistics.median(every):8.1f} {p95(every):8.1f}")
    for title, text in ONE_CUSTOMER.items():
        line(asking, title, text, ({"customer": chance.choice(customers)} for _ in range(runs + 1)))
    for title, text in {**FUNNEL, **PATHS}.items():
        line(asking, title, text, ({"newest": newest} for _ in range(max(runs // 6, 3) + 1)))


def line(asking: Asking, title: str, text: str, asked: Iterable[dict[str, object]]) -> list[float]:
    """Asks and prints one line; returns the milliseconds of all but the first. `server`: its processor time."""
    took: list[float] = []
    spent = 0.0
    for parameters in asked:
        if len(took) == 1:
            spent = cpu(asking.server)
        started = time.perf_counter()
        rows = asking.connection.query(text, parameters).rows
        took.append((time.perf_counter() - started) * 1_000)
    took = took[1:]
    spent = (cpu(asking.server) - spent) * 1_000 / len(took)
    figures = " ".join(f"{figure:8.1f}" for figure in (min(took), statistics.median(took), p95(took), spent))
    print(f"{title:58} {figures}  {len(rows):,}", flush=True)
    return took


def p95(values: Sequence[float]) -> float:
    """The value that 19 of 20 do not exceed."""
    return sorted(values)[max(0, -(-len(values) * 19 // 20) - 1)]


def print_bytes(connection: Connection) -> None:
    """Where the bytes of a touchpoint go: tables, and the columns that take most."""
    count = stored(connection)
    tables = connection.query(
        """SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts
        WHERE active AND database = currentDatabase() AND table NOT IN ('schema_migrations', 'migration_lock')
        GROUP BY table ORDER BY 3 DESC"""
    ).rows
    print(f"\n{'bytes a touchpoint':28} {'rows':>12} {'bytes':>8}")
    for table, rows, size in tables:
        print(f"{table:28} {rows:12,} {size / count:8.2f}")
    print(f"{'all':28} {'':12} {sum(row[2] for row in tables) / count:8.2f}")
    columns = connection.query(
        """SELECT table, column, sum(column_data_compressed_bytes) FROM system.parts_columns
        WHERE active AND database = currentDatabase() GROUP BY table, column ORDER BY 3 DESC LIMIT 30"""
    ).rows
    for table, column, size in columns:
        print(f"  {table + '.' + column:40} {size / count:6.2f}")


def print_inserts(settings: WarehouseSettings) -> None:
    """What the agent does to store touchpoints, in one thread: its processor time, and the time with the answers."""
    upkeep.migrate(settings)
    raw = list(shop(INSERTED))
    size = sum(map(len, raw)) / len(raw)
    print(f"\ninserts of {len(raw):,} touchpoints of {size:.0f} bytes, µs of the agent's processor for each")
    heads = " ".join(f"{head:>8}" for head in ("decode", "columns", "insert", "all"))
    print(f"{'rows an insert':16} {heads} {'rows/s of a core':>18} {'rows/s':>10}")
    with upkeep.connected(settings) as connection:
        for lump in (4_000, 4_000, 4_000, 40_000, 40_000, 40_000):
            began, spent = time.perf_counter(), [0.0, 0.0, 0.0]
            for records in in_lumps(raw, lump):
                at = time.process_time()
                rows = [TOUCHPOINTS.decode(record) for record in records]
                spent[0] -= at - (at := time.process_time())
                columns = TOUCHPOINTS.as_columns(rows)
                spent[1] -= at - (at := time.process_time())
                connection.insert(statement("insert_touchpoints"), columns)
                spent[2] -= at - time.process_time()
            wall, mine = time.perf_counter() - began, sum(spent)
            micros = " ".join(f"{seconds / len(raw) * 1e6:8.2f}" for seconds in (*spent, mine))
            print(f"{lump:16,} {micros} {len(raw) / mine:18,.0f} {len(raw) / wall:10,.0f}", flush=True)
            connection.query("TRUNCATE TABLE fact_touchpoints")
            connection.query("TRUNCATE TABLE customer_touchpoints")


if __name__ == "__main__":
    main()
