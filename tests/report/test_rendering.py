"""The report from fixed figures: the page stands alone and trusts nobody, the terminal says the same."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from tests.report.fixed import HOSTILE, figures
from touchline.report.charts import bundled, nice
from touchline.report.figures import DayRow, Figures, Lead
from touchline.report.page import page
from touchline.report.terminal import show
from touchline.report.words import number, percent, plain, share, span


class Reader(HTMLParser):
    """Collects elements, attributes and text as a browser would see them."""

    VOID = ("meta",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_needs_nothing_from_anywhere() -> None:
    found = Reader(page(figures()))
    assert not {"script", "link", "img", "iframe", "object", "embed", "base"} & set(found.tags)
    assert not {"src", "href", "srcset", "data", "action"} & {name for name, _ in found.attributes}
    assert not any(name.startswith("on") for name, _ in found.attributes)
    style = "".join(re.findall(r"<style>(.*?)</style>", page(figures()), re.DOTALL))
    assert style
    assert "url(" not in style
    assert "@import" not in style


def test_what_customers_write_stays_text() -> None:
    text = page(figures())
    assert "<script" not in text
    assert HOSTILE in Reader(text).text
    assert "a file named <b>.csv" in " ".join(Reader(text).text)


def test_the_page_says_all_of_it() -> None:
    said = " ".join(Reader(page(figures())).text)
    for words in (
        "What 1,234 touchpoints said",
        "self service",
        "logistics",
        "partner",
        "no consent",
        "1 d 3 h",
        "5 \N{MULTIPLICATION SIGN} product.viewed",
        "900 orders",
        ".90",
        "Every aggregate = its facts",
        "✗",
        "try 'x'",
    ):
        assert words in said, words


def test_the_page_works_without_anything() -> None:
    empty = Figures(title="Nothing", source="s", since=None, until=None, seconds=0, touchpoints=0, customers=0)
    assert "Nothing" in page(empty)
    show(empty, Console(file=StringIO(), width=80))


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_says_the_same(width: int) -> None:
    console = Console(record=True, width=width, file=StringIO())
    show(figures(), console, page="/somewhere/report.html")
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    for words in ("1,234", "promise broken", "logistics", "partner", "40", "12", "1 d 3 h", "no consent", "✗ Every"):
        assert words in text, words
    assert "…" not in text
    assert "try 'x'" in text


def test_the_figures_are_the_same_for_a_program() -> None:
    said = msgspec.json.decode(msgspec.json.encode(figures()))
    assert said["touchpoints"] == 1_234
    assert said["rules"][0]["lead_seconds"] == 100_000
    assert not figures().holds
    assert replace(figures(), checks=()).holds


def test_numbers_as_people_read_them() -> None:
    assert [span(s) for s in (None, 0, 59, 61, 3_600, 90_061, -3_661)] == [
        "\N{EN DASH}",
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h",
        "1 d 1 h",
        "\N{MINUS SIGN}1 h 1 min",
    ]
    assert [percent(1, 3), percent(1, 1_000), percent(0, 5), percent(1, 0)] == ["33 %", "0.1 %", "0 %", "\N{EN DASH}"]
    assert [share(0.79), share(1.0), share(0.0), share(None)] == [".79", "1.00", ".00", "\N{EN DASH}"]
    assert (number(1_234_567), plain("self_service")) == ("1,234,567", "self service")
    assert [nice(v) for v in (1, 3, 21, 240, 2_600, 9_999)] == [1, 5, 25, 250, 5_000, 10_000]


def test_long_runs_are_shown_by_week_or_month_and_nothing_is_lost() -> None:
    first = date(2026, 1, 1)
    rows = [DayRow(day=first + timedelta(days=n), touchpoints=n, signals=1) for n in range(1_500)]
    for length, name, columns in ((30, "day", 30), (300, "week", 44), (1_500, "month", 50)):
        found, unit = bundled(rows[:length])
        assert (unit, len(found)) == (name, columns)
        assert sum(row.touchpoints for row in found) == sum(range(length))
        assert sum(row.signals for row in found) == length


def both(told: Figures) -> list[str]:
    """The words of the page, and those of the terminal."""
    out = StringIO()
    show(told, Console(file=out, width=200))
    return [" ".join(Reader(page(told)).text), out.getvalue()]


def test_without_an_outcome_there_is_no_lead_to_tell() -> None:
    told = replace(figures(), lead=Lead(signals=40))
    for text in both(told):
        assert "before a complaint or a bad score" in text
        assert "median lead of" not in text
        assert "came before complaints" not in text
        assert "promise broken" in text


def test_without_a_signal_the_reader_is_told_what_to_look_at() -> None:
    for text in both(replace(figures(), rules=[], journeys=[])):
        assert "No rule said anything" in text


def test_a_history_of_several_years_tells_the_year_of_each_day() -> None:
    for text in both(figures()):
        assert "01 Mar 2026" in text
        assert "Fri 06 Mar 2026" not in text
    for text in both(replace(figures(), until=datetime(2027, 3, 1, tzinfo=UTC))):
        assert "Fri 06 Mar 2026" in text
