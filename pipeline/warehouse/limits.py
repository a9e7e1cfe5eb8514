"""What a query of a reader may use, and what to do when it is ended for it.

ClickHouse says which limit was met. Whoever only reads can't raise it, so the way on is another query.
"""

from collections.abc import Mapping
from typing import Final

TIMEOUT_EXCEEDED: Final = 159
MEMORY_LIMIT_EXCEEDED: Final = 241
TOO_MANY_ROWS_OR_BYTES: Final = 396

ADVICE: Final[Mapping[int, str]] = {
    TIMEOUT_EXCEEDED: (
        "What to do: ask for a shorter time (WHERE minute >= …), or read counts (…_by_day) instead of facts"
    ),
    MEMORY_LIMIT_EXCEEDED: (
        "What to do: ask for a shorter time (WHERE minute >= …) or fewer columns, or group by what has fewer values"
    ),
    TOO_MANY_ROWS_OR_BYTES: (
        "What to do: add LIMIT, count in the query (GROUP BY), or fetch it in parts (WHERE minute >= … AND minute < …)"
    ),
}
"""By ClickHouse's code of the error: what helps."""
