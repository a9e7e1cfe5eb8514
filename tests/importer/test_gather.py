"""Rows in, touchpoints out."""

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importer.support import HEAD, mapped
from touchline.schemas.yamlfile import FileError

MINIMAL = """
- files: a.*
  touchpoints:
  - kind: order.placed
    at: "{at}"
    customer: "{who}"
"""


ORDERS_MAP = """
- files: orders.csv
  touchpoints:
  - kind: order.shipped
    when: {shipped: {present: true}}
    at: "{shipped}"
    id: "{id}:shipped"
    customer: "{who}"
    party: "{carrier|slug}"
    subjects: ["order:{id}", "parcel:{parcel}"]
  - kind: order.placed
    at: "{placed}"
    id: "{id}:placed"
    source: "shop-{country|lower}"
    customer: "{who}"
    attributes:
      promised_at: {from: "{promised}", as: time}
      value: {from: "{price}", as: number}
      items: {from: "{n}", as: integer}
      gift: {from: "{gift}", as: boolean}
      class: {from: "{n}", map: {"1": single}, default: several}
      empty: "{parcel}"
      fixed: 7
"""
ORDERS = """
id,who,placed,shipped,promised,price,n,gift,carrier,parcel,country
1,c-1,2026-03-29 01:59:59,2026-03-30 08:00:00,2026-07-01 00:00:00,9.50,1,yes,Fast & Co,,DE
2,c-2,2026-03-29 03:00:01,,2026-07-01 00:00:00,20,2,no,,p9,FR
"""
EXPECTED: list[dict[str, Any]] = [
    {
        "event_id": "1:placed",
        "source": "shop-de",
        "occurred_at": "2026-03-29T01:59:59+01:00",
        "kind": "order.placed",
        "customer_id": "c-1",
        "attributes": {
            "promised_at": "2026-07-01T00:00:00+02:00",
            "value": 9.5,
            "items": 1,
            "gift": True,
            "class": "single",
            "fixed": 7,
        },
    },
    {
        "event_id": "2:placed",
        "source": "shop-fr",
        "occurred_at": "2026-03-29T03:00:01+02:00",
        "kind": "order.placed",
        "customer_id": "c-2",
        "attributes": {
            "promised_at": "2026-07-01T00:00:00+02:00",
            "value": 20.0,
            "items": 2,
            "gift": False,
            "class": "several",
            "empty": "p9",
            "fixed": 7,
        },
    },
    {
        "event_id": "1:shipped",
        "source": "shop",
        "occurred_at": "2026-03-30T08:00:00+02:00",
        "kind": "order.shipped",
        "customer_id": "c-1",
        "party": "fast_co",
        "subjects": ["order:1"],
    },
]


def test_one_row_becomes_several_touchpoints_in_the_order_of_time(tmp_path: Path) -> None:
    result = mapped(tmp_path, HEAD + ORDERS_MAP, {"orders.csv": ORDERS})
    assert result.touchpoints == EXPECTED

    (count,) = result.report.files
    assert (count.rows, count.possible, count.touchpoints, count.skipped, count.failed) == (2, 4, 3, 1, 0)


def test_rows_that_fail_are_told_by_line_number_and_field(tmp_path: Path) -> None:
    result = mapped(
        tmp_path,
        HEAD
        + """
- files: a.csv
  touchpoints:
  - kind: survey.answered
    at: "{at}"
    customer: "{who}"
    score: {scale: csat, value: "{score}"}
    duration_seconds: "{took}"
    attributes: {a: {from: "{x}", map: {k: v}}, n: {from: "{n}", as: integer}}
""",
        {
            "a.csv": """
                who,at,score,took,x,n
                c-1,2026-05-04 10:00:00,5,,k,1
                c-1,04.05.2026,5,,k,1
                c-1,,5,,k,1
                ,2026-05-04 10:00:00,5,,k,1
                c-1,2026-05-04 10:00:00,6,,k,1
                c-1,2026-05-04 10:00:00,x,,k,1
                c-1,2026-05-04 10:00:00,5,-1,k,1
                c-1,2026-05-04 10:00:00,5,,z,1
                c-1,2026-05-04 10:00:00,5,,k,1.5
                c-1,2026-05-04 10:00:00
            """.replace(" " * 16, "")
        },
    )
    assert len(result.touchpoints) == 1
    assert [problem.split(" (row ")[0] for problem in result.problems] == [f"a.csv:{line}" for line in range(3, 12)]
    reasons = [problem.partition("): ")[2] for problem in result.problems]
    assert reasons[0] == 'survey.answered: at: "04.05.2026" is no time of the form %Y-%m-%d %H:%M:%S'
    assert reasons[1].startswith("survey.answered: at: is empty")
    assert reasons[2].startswith("survey.answered: customer: {who} is empty")
    assert reasons[3].startswith("survey.answered: score")
    assert reasons[4] == 'survey.answered: score: "x" is no number'
    assert reasons[5].startswith("survey.answered: duration_seconds: ")
    assert reasons[6] == 'survey.answered: attributes: a: "z" is not in the map, which has no default'
    assert reasons[7] == 'survey.answered: attributes: n: "1.5" is no integer'
    assert reasons[8] == "has 2 fields, the header has 6"


def test_times_of_every_form_and_zones_of_a_column(tmp_path: Path) -> None:
    result = mapped(
        tmp_path,
        """
        schema: map/1
        name: shop
        zone: {from: "{country}", map: {US: America/New_York}, default: UTC}
        times: [iso, epoch_ms, "%d.%m.%Y %H:%M"]
        inputs:
        - files: a.csv
          touchpoints:
          - kind: order.placed
            at: "{at}"
            customer: "{who}"
        """,
        {
            "a.csv": "who,at,country\na,2026-05-04T10:00:00+02:00,\nb,2026-05-04T10:00:00,US\nc,04.05.2026 10:00,\n"
            "d,1777888800000,US\ne,2026-05-04T10:00:00Z,US\nf,yesterday,US\n"
        },
    )
    assert {one["customer_id"]: one["occurred_at"] for one in result.touchpoints} == {
        "a": "2026-05-04T10:00:00+02:00",
        "b": "2026-05-04T10:00:00-04:00",
        "c": "2026-05-04T10:00:00+00:00",
        "d": "2026-05-04T10:00:00+00:00",
        "e": "2026-05-04T10:00:00+00:00",
    }
    assert "yesterday" in result.problems[0]


def test_a_time_without_zone_and_offset_fails_rather_than_guesses(tmp_path: Path) -> None:
    result = mapped(
        tmp_path, HEAD.replace("zone: Europe/Berlin\n", "") + MINIMAL, {"a.csv": "who,at\na,2026-05-04 10:00:00\n"}
    )
    assert "the time has no offset: say `zone:` in the map" in result.problems[0]


def test_joins_bring_the_columns_that_the_map_takes(tmp_path: Path) -> None:
    result = mapped(
        tmp_path,
        HEAD
        + """
- files: reviews.csv
  join:
  - files: orders.ndjson
    on: {order: id}
    take: {account: customer.account, state: state}
    required: true
  - files: items.csv
    on: order
    take:
      value: {sum: price}
      n: {count: true}
      seller: {only: seller, several: several}
      last: {last: price}
  touchpoints:
  - kind: survey.answered
    at: "{at}"
    customer: "{account}"
    attributes: {value: "{value}", n: "{n}", seller: "{seller}", last: "{last}"}
""",
        {
            "reviews.csv": "order,at\n1,2026-05-04 10:00:00\n2,2026-05-04 10:00:01\n3,2026-05-04 10:00:02\n"
            "9,2026-05-04 10:00:03\n",
            "orders.ndjson": "".join(f'{{"id": {n}, "customer": {{"account": "c-{n}"}}}}\n' for n in (1, 2, 3)),
            "items.csv": "order,price,seller\n1,29.99,s1\n1,8.72,s1\n2,5,s1\n2,6,s2\n,7,s3\n",
        },
    )
    assert [one["attributes"] for one in result.touchpoints] == [
        {"value": 38.71, "n": 2, "seller": "s1", "last": "8.72"},
        {"value": 11.0, "n": 2, "seller": "several", "last": "6"},
        {},
    ]
    assert result.problems == ["reviews.csv:5 (row 4): orders.ndjson has no row with the same order"]


def test_previous_rows_of_the_same_key(tmp_path: Path) -> None:
    result = mapped(
        tmp_path,
        HEAD
        + """
- files: a.csv
  previous: {by: "{ticket}", at: "{at}"}
  touchpoints:
  - kind: ticket.opened
    when: {first: true}
    at: "{at}"
    customer: "{ticket}"
  - kind: ticket.assigned
    when: {changed: [group]}
    at: "{at}"
    customer: "{ticket}"
    attributes: {to: "{group}", was: "{previous.group}"}
  - kind: ticket.reopened
    when: {previous.status: done, not: {status: done}}
    at: "{at}"
    customer: "{ticket}"
""",
        {
            "a.csv": """
                ticket,at,group,status
                t1,2026-05-04 10:00:00,A,open
                t2,2026-05-04 10:00:00,B,open
                t1,2026-05-04 10:05:00,A,done
                t1,2026-05-04 10:06:00,C,open
                t1,2026-05-04 10:01:00,C,open
            """.replace(" " * 16, "")
        },
    )
    told = [(one["kind"], one["customer_id"], one.get("attributes")) for one in result.touchpoints]
    assert told == [
        ("ticket.opened", "t1", None),
        ("ticket.assigned", "t1", {"to": "A"}),
        ("ticket.opened", "t2", None),
        ("ticket.assigned", "t2", {"to": "B"}),
        ("ticket.assigned", "t1", {"to": "C", "was": "A"}),
        ("ticket.reopened", "t1", None),
    ]
    assert result.problems == [
        "a.csv:6 (row 5): previous: lies before the row of the same key above it; sort the file by time"
    ]
    assert result.report.failed == 3


def test_ids_follow_from_the_row_and_stay_when_a_file_is_packed_or_moved(tmp_path: Path) -> None:
    text = "who,at\nc-1,2026-05-04 10:00:00\nc-1,2026-05-04 10:00:00\n"
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    plain = mapped(tmp_path / "one", HEAD + MINIMAL, {"a.csv": text})
    packed = mapped(tmp_path / "two", HEAD + MINIMAL, {"a.csv.gz": gzip.compress(text.encode())})
    assert plain.touchpoints == packed.touchpoints
    assert len({one["event_id"] for one in plain.touchpoints}) == 2


FIELD = st.one_of(
    st.sampled_from(["", "c-1", "c-2", "2026-05-04 10:00:00", "5", "x"]), st.text(max_size=8).filter(str.isprintable)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(FIELD, min_size=1, max_size=4), max_size=12))
def test_every_row_and_entry_ends_as_touchpoint_skipped_or_failed(table: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["who", "at", "score"], *table])
    entries = """
- files: a.csv
  touchpoints:
  - {kind: order.placed, at: "{at}", customer: "{who}"}
  - {kind: survey.answered, at: "{at}", customer: "{who}", when: {score: {above: 3}}}
"""
    with tempfile.TemporaryDirectory() as folder:
        result = mapped(Path(folder), HEAD + entries, {"a.csv": text.getvalue().encode()})
    (count,) = result.report.files
    assert count.touchpoints + count.skipped + count.failed == 2 * count.rows
    assert count.touchpoints == len(result.touchpoints)


KINDS = """
- files: a.ndjson
  touchpoints:
  - kind: {from: "{what}", map: {Ordered: order.placed, Sent: order.shipped}, default: null}
    at: "{at}"
    id: "{id}"
    customer: "{who.0}"
    subjects: ["order:{orders.0.id}"]
"""


def test_a_look_up_of_the_kind_with_no_default_leaves_rows_out(tmp_path: Path) -> None:
    """One entry for a log of activities: what is not looked up is no touchpoint, and is counted as left out."""
    row = {"at": "2026-05-04 10:00:00", "who": ["c-1", "c-2"], "orders": [{"id": "A"}]}
    whats = enumerate(("Ordered", "Checked", "Sent", ""))
    text = "".join(json.dumps(row | {"id": str(number), "what": what}) + "\n" for number, what in whats)
    result = mapped(tmp_path, HEAD + KINDS, {"a.ndjson": text})
    assert [(one["kind"], one["customer_id"], one["subjects"]) for one in result.touchpoints] == [
        ("order.placed", "c-1", ["order:A"]),
        ("order.shipped", "c-1", ["order:A"]),
    ]
    assert result.report.skipped == 2
    assert not result.problems


def test_a_list_is_no_value(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.ndjson": '{"at": "2026-05-04 10:00:00", "who": ["c-1"]}\n'}
    result = mapped(tmp_path, HEAD + MINIMAL, files)
    assert [row.reason for row in result.rows] == ["customer_id: {who} is a list: {who.0} is its first entry"]


def test_ids_that_stand_twice_are_counted_with_the_first_place(tmp_path: Path) -> None:
    entry = MINIMAL.replace('    at: "{at}"', '    at: "{at}"\n    id: "{id}"')
    rows = "id,who,at\n" + "".join(f"{number},c-1,2026-05-04 10:00:00\n" for number in (1, 2, 1, 2, 1))
    result = mapped(tmp_path, HEAD + entry, {"a.csv": rows})
    assert (result.report.touchpoints, result.report.repeated) == (5, 3)
    assert result.report.first_repeat == "1 at a.csv:4 (row 3)"
    assert mapped(tmp_path, HEAD + MINIMAL, {"a.csv": rows}).report.repeated == 0


def test_another_separator(tmp_path: Path) -> None:
    rows = "who;at\nc-1;2026-05-04 10:00:00\n"
    with pytest.raises(FileError, match='has no column at: its only column is "who;at"; say `separator: ";"`'):
        mapped(tmp_path, HEAD + MINIMAL, {"a.csv": rows})
    entry = MINIMAL.replace("  touchpoints", "  separator: ';'\n  touchpoints", 1)
    assert [one["customer_id"] for one in mapped(tmp_path, HEAD + entry, {"a.csv": rows}).touchpoints] == ["c-1"]
    with pytest.raises(FileError, match="has no column at, only who, when"):
        mapped(tmp_path, HEAD + entry, {"a.csv": "who;when\nc-1;2026-05-04 10:00:00\n"})


def test_a_year_that_cannot_be_is_told_as_such(tmp_path: Path) -> None:
    result = mapped(tmp_path, HEAD + MINIMAL, {"a.csv": "who,at\nc-1,1026-05-04 10:00:00\n"})
    assert [row.reason for row in result.rows] == ["at: 1026-05-04 lies outside the years 1970 to 2199"]


def test_true_stays_true(tmp_path: Path) -> None:
    entry = MINIMAL + '    attributes: {a: true, b: {from: "{who}", map: {c-1: true}, default: false}, c: 1}\n'
    result = mapped(tmp_path, HEAD + entry, {"a.csv": "who,at\nc-1,2026-05-04 10:00:00\nc-2,2026-05-04 10:00:00\n"})
    attributes = [one["attributes"] for one in result.touchpoints]
    assert attributes == [{"a": True, "b": True, "c": 1}, {"a": True, "b": False, "c": 1}]
    assert [type(one["a"]) for one in attributes] == [bool, bool]
