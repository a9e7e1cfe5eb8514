"""Templates by themselves: the engine and its bounds, html and plain text from the same, html of ones own."""

import datetime as dt
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from touchline.pipeline.outreach import templates
from touchline.pipeline.outreach.templates import FILTERS, RenderError, Template, parse
from touchline.pipeline.outreach.templates_check import read_template
from touchline.pipeline.outreach.templates_filters import READER, Reader
from touchline.pipeline.outreach.templates_html import FRAME, framed, html_problems, html_to_plain, with_footer
from touchline.pipeline.outreach.templates_length import bounds
from touchline.pipeline.outreach.templates_markup import to_html, to_plain, unsafe_links

VALUES: dict[str, Any] = {
    "about": "your order <7>",
    "values": {"n": 3, "s": {"at": "2026-03-07T14:00:00Z"}},
    "links": {"unsubscribe": "https://l.example/l/x?a=1&b=2"},
    READER: Reader(Locale("en"), dt.UTC),
}


PIECES = [
    *(
        "Hello\n",
        " & <b>",
        "  ",
        "{{ about }}",
        "{{ about | upcase_first }}",
        "{{- about -}}",
        "{{ links.unsubscribe }}",
    ),
    *("{{ values.n }}", "{{ gone }}", "{{ values.gone }}", "{{ about.x }}", "{{ values }}"),
    *(
        "{% if about %}\n {{ about }} {% endif %}",
        "{% if values.n > 3 %}a{% else %}{{ gone }}{% endif %}",
        "{% break %}",
    ),
    *("{{ values.s.at | date }}", "{{ about | date }}", "{% for i in (1..3) %}{{ i }}{% break %}{% endfor %}"),
    *(
        "{% assign about = 'b' %}",
        "{% if values.n %}{% capture about %}<c>{% endcapture %}{% endif %}",
        "{{ values.n | divided_by: 0 }}",
    ),
    *("{% for i in (1..600) %}x{% endfor %}", "{% if about %} {% endif %}", "{{ about | replace: 'e', '<' }}"),
]


def outcome(render: Callable[[dict[str, Any]], str], values: dict[str, Any]) -> str:
    """What is rendered, or why nothing is."""
    try:
        return render(values)
    except RenderError as error:
        return f"error: {error}"


class TestEngine:
    def test_it_reads_no_file_and_runs_no_foreign_tag(self) -> None:
        for tag in (
            "include 'x'",
            "render 'x'",
            "extends 'x'",
            "tablerow i in (1..2)",
            "increment x",
            "liquid",
            "macro x",
        ):
            with pytest.raises(LiquidError):
                parse("{% " + tag + " %}")

    def test_nothing_lets_text_through_as_markup_or_looks_at_a_clock(self) -> None:
        assert not {"safe", "escape_once", "strip_html", "newline_to_br", "json", "t", "where", "map"} & set(FILTERS)
        for word in ("now", "today"):
            with pytest.raises(RenderError):
                Template("{{ '" + word + "' | date }}").render(VALUES)

    def test_what_is_filled_in_is_escaped_in_html_alone(self) -> None:
        for source in (
            "{{ about }}",
            "{{ about | append: '' }}",
            "{% assign a = about %}{{ a }}",
            "{{ about }}{% if 1 %}{% endif %}",
        ):
            assert Template(source).render(VALUES) == "your order <7>"
            assert Template(source, html=True).render(VALUES) == "your order &lt;7&gt;"

    @given(st.lists(st.sampled_from(PIECES)), st.booleans(), st.text(max_size=30))
    def test_the_short_way_gives_what_the_engine_gives(self, parts: list[str], html: bool, about: str) -> None:
        template = Template("".join(parts), html=html)
        values = {**VALUES, "about": about}
        assert outcome(template.render, values) == outcome(template._rendered, values)

    def test_output_has_a_bound_on_either_way(self) -> None:
        for source in ("{{ about }}" * 60, "{% for i in (1..60) %}{{ about }}{% endfor %}"):
            with pytest.raises(RenderError):
                Template(source).render({"about": "x" * 2_000})

    def test_every_tag_is_named(self) -> None:
        named = {tag.name for tag in templates._TAGS}
        assert {*templates.TAGS, "#"} <= named | {"#"}
        assert named - set(templates.TAGS) <= {"content", "output", "illegal", "#"}


class Tags(HTMLParser):
    """Counts what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in {"br", "img", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


LINES = st.sampled_from(
    [
        *("# Title", "Hello *you* **there**", "- one", "- two **b**", "1. first", "* star", "", "", "a * b ** c"),
        *("<script>x</script>", "{{ about }}", "[words](https://a.example/x?a=1&b=2)", "see https://a.example/y."),
        *("[a](javascript:x)", "**[b](https://b.example)**", "{{ links.unsubscribe }}", "*** x ***", "[x]()"),
        *("**{{ about }}**", "## {{ about }}", "- {{ about }}", "a & b < c"),
    ]
)


class TestMarkup:
    @given(st.lists(LINES, max_size=12))
    def test_html_is_whole_whatever_is_written(self, lines: list[str]) -> None:
        source = "\n".join(lines)
        html = Template(to_html(source), html=True).render(VALUES)
        tags = Tags()
        tags.feed(html)
        tags.close()
        assert not tags.open
        assert not tags.wrong
        assert set(tags.seen) <= {"p", "br", "ul", "ol", "li", "h1", "h2", "strong", "em", "a"}
        assert not html_problems(to_html(source)) or "javascript" in source

    @given(st.lists(LINES, max_size=12))
    def test_the_plain_text_says_the_same_words(self, lines: list[str]) -> None:
        source = "\n".join(lines)
        plain = Template(to_plain(source)).render(VALUES)
        for word in ("Title", "Hello", "one", "first", "your order <7>", "https://a.example/y", "<script>x</script>"):
            stands = word in source or (word == "your order <7>" and "{{ about }}" in source)
            assert (word in plain) == stands

    @pytest.mark.parametrize(
        ("source", "html", "plain"),
        [
            ("a\nb", "<p>a<br>\nb</p>", "a\nb"),
            ("a\n\nb", "<p>a</p>\n<p>b</p>", "a\n\nb"),
            ("**a** *b* 2*3*4", "<p><strong>a</strong> <em>b</em> 2*3*4</p>", "a b 2*3*4"),
            ("x\n- a\n- b\ny", "<p>x</p>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<p>y</p>", "x\n- a\n- b\ny"),
            ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>", "1. a\n2. b"),
            ("## T\ntext", "<h2>T</h2>\n<p>text</p>", "T\ntext"),
            ("<b>&", "<p>&lt;b&gt;&amp;</p>", "<b>&"),
            (
                "[see](https://a.example/?a=1&b=2).",
                '<p><a href="https://a.example/?a=1&amp;b=2">see</a>.</p>',
                "see: https://a.example/?a=1&b=2.",
            ),
            ("[m](mailto:a@b.example)", '<p><a href="mailto:a@b.example">m</a></p>', "m: a@b.example"),
            (
                "https://a.example/x, so",
                '<p><a href="https://a.example/x">https://a.example/x</a>, so</p>',
                "https://a.example/x, so",
            ),
            ("[a.example](https://a.example)", '<p><a href="https://a.example">a.example</a></p>', "a.example"),
            (
                "{% if about %}\na\n{% endif %}",
                "{% if about %}\n<p>a</p>\n{% endif %}",
                "{% if about %}\na\n{% endif %}",
            ),
            (
                "{{ values.u | url }}",
                '<p><a href="{{ values.u | url }}">{{ values.u | url }}</a></p>',
                "{{ values.u | url }}",
            ),
            (
                "{% capture u %}a&b{{ x }}<{% endcapture %}\n[s]({{ u | track }})",
                '{% capture u %}a&amp;b{{ x }}&lt;{% endcapture %}\n<p><a href="{{ u | track }}">s</a></p>',
                "{% capture u %}a&b{{ x }}<{% endcapture %}\ns: {{ u | track }}",
            ),
        ],
    )
    def test_what_becomes_of_it(self, source: str, html: str, plain: str) -> None:
        assert to_html(source) == html
        assert to_plain(source) == plain

    @pytest.mark.parametrize(
        ("source", "at"),
        [
            ("say [a]({{ values.u }})", 8),
            ("[a](https://a.example{{ values.u }}) [b](javascript:x)", 4),
            ("{{ about }} [b](javascript:x)", 16),
            ("[a](/orders)", 4),
            ("[a]({{ values.u | track | append: 'x' }})", 4),
        ],
    )
    def test_a_link_whose_address_anybody_could_choose(self, source: str, at: int) -> None:
        assert next(unsafe_links(source)) == at

    @pytest.mark.parametrize(
        "source",
        [
            "[a](https://a.example/{{ values.u }})",
            "[a](https://a.example)",
            "[a](https://a.example?x={{ about }})",
            "[a]({{ values.u | track }})",
            "[a]({{ u | append: about | url }})",
            "[a]({{ links.unsubscribe }})",
            "[a](mailto:x@y.example)",
            "[a](tel:+4912345)",
        ],
    )
    def test_a_link_whose_address_is_the_authors(self, source: str) -> None:
        assert not list(unsafe_links(source))


PAGE = """<!doctype html><html><head><title>T {{ subject }}</title><style>p { color: red }</style></head>
<body><h1>Hello   {{ about }}</h1>
<p>We are late.<br>Sorry &amp; so, <a href="https://a.example/o/{{ values.n }}?a=1&amp;b=2">see it</a>.</p>
{% if about %}<p>It is <b>late</b></p>{% endif %}
<table><tr><td>A</td><td>{{ values.n }}</td></tr><tr><td>B</td><td>2</td></tr></table>
<ul><li>one</li><li>two</li></ul>
<img src="https://a.example/x.png" alt="Logo"> <a href="mailto:c@d.example">c@d.example</a><!-- no -->
</body></html>"""


class TestOwnHtml:
    def test_its_plain_text(self) -> None:
        assert not html_problems(PAGE)
        text = Template(html_to_plain(PAGE)).render(VALUES)
        lines = [line for line in text.split("\n") if line]
        assert lines == [
            "Hello your order <7>",
            "We are late.",
            "Sorry & so, see it: https://a.example/o/3?a=1&b=2.",
            "It is late",
            "A 3",
            "B 2",
            "- one",
            "- two",
            "Logo c@d.example",
        ]

    @pytest.mark.parametrize(
        ("html", "at", "message"),
        [
            ("a <script>x</script>", 2, "<script> has no place"),
            ("<p {{ about }}>a</p>", 0, "stands in quotes"),
            ("{{ about }}<a title={{ about }}>a</a>", 11, "stands in quotes"),
            ("a\n<a href='{{ values.u }}'>a</a>", 2, "written out up to the / behind its host"),
            ("<a href='javascript:x'>a</a>", 0, '"href" of <a>'),
            ("<a href='https://a.example{{ values.u }}'>a</a>", 0, '"href" of <a>'),
            ("<img src='{{ values.u }}'>", 0, '"src" of <img>'),
            ("<style>{{ about }}</style>", 7, "in <style> nothing can be filled in"),
            ("<p style='color: {{ values.c }}'>a</p>", 0, "takes no values"),
            ("<p onclick='x()'>a</p>", 0, "runs a script"),
            ("<!-- {{ about }} -->", 0, "in a comment"),
            ("<meta http-equiv='refresh' content='0'>", 0, "<meta> has no place"),
            ("<form action='https://a.example/'></form>", 0, "<form> has no place"),
        ],
    )
    def test_what_must_not_be_in_it(self, html: str, at: int, message: str) -> None:
        problem = html_problems(html)[0]
        assert message in problem.message
        assert problem.at == at

    def test_what_may(self) -> None:
        for html in (
            "<meta charset='utf-8'>",
            "<a href='{{ values.u | track }}'>a</a>",
            "<p title='{{ about }}'>{{ about }}</p>",
            "<a href='https://a.example/{{ values.u | url_encode }}'>a</a>",
            FRAME,
        ):
            assert not html_problems(html)

    def test_a_frame_has_one_place_for_the_content(self) -> None:
        assert not html_problems(FRAME, frame=True)
        for frame in ("<p>a</p>", "{{ content }}{{ content }}"):
            assert "once" in html_problems(frame, frame=True)[0].message
        assert framed("<p>a \\1</p>", "<i>{{ content }}</i>") == "<i><p>a \\1</p></i>"
        assert framed("<body>a</body>", FRAME) == "<body>a</body>"

    def test_what_is_added_stands_at_the_end_of_the_body(self) -> None:
        html = with_footer("<body>a</body></html>", "Enough & out", picture=True)
        assert html.index("a") < html.index("Enough &amp; out") < html.index("<img") < html.index("</body>")
        assert with_footer("<p>a</p>", None, picture=False) == "<p>a</p>"
        assert with_footer("<p>a</p>", "x", picture=False).startswith("<p>a</p><p ")


class TestLengths:
    @pytest.mark.parametrize(
        ("source", "least", "most"),
        [
            ("abc", 3, 3),
            ("a {{ party }}", 2, 66),
            ("a {{ values.x }}", 2, None),
            ("{{ party | upcase_first }}", 0, 64),
            ("{{ party | append: 'x' }}", 0, None),
            ("{{ values.x | date: 'EEEE' }}", 0, 60),
            ("{% if party %}abc{% endif %}", 0, 3),
            ("{% if party %}abc{% elsif stage %}ab{% else %}abcd{% endif %}", 2, 4),
            ("{% unless party %}abc{% else %}a{% endunless %}", 1, 3),
            ("{% case party %}{% when 'a' %}ab{% when 'b' %}abc{% else %}abcd{% endcase %}", 2, 4),
            ("{% for i in (1..3) %}a{% endfor %}", 0, None),
            ("{% assign a = 'xyz' %}{% capture b %}xyz{% endcapture %}{% comment %}x{% endcomment %}a", 1, 1),
        ],
    )
    def test_as_far_as_they_are_known(self, source: str, least: int, most: int | None) -> None:
        template, _ = read_template(source)
        assert template is not None
        short, long = bounds(template, lambda path: 64 if path == ("party",) else None)
        assert (len(short), None if long is None else len(long)) == (least, most)
