"""A text's own html: what must not be in it, the plain text of the same, and what is put around and below it.

Html is looked at as the author wrote it, before anything of a signal is in it. What is filled in is escaped then, which
is enough between tags and in quotes; where it is not, such as in a script, nothing may be filled in.
"""

import html
import re
from html.parser import HTMLParser
from typing import Final

from touchline.pipeline.outreach.templates_check import Problem
from touchline.pipeline.outreach.templates_markup import UNSAFE_ADDRESS, Marked

_ADDRESSES: Final = frozenset({"href", "src", "action", "formaction", "background", "poster"})
_NEVER: Final = frozenset({"script", "iframe", "object", "embed", "form", "input", "button", "base", "meta"})
"""Mail clients take none of them, and some take the whole mail for a threat. (`meta charset` is allowed.)"""

_SILENT: Final = frozenset({"head", "style", "title"})
_BLOCKS: Final = frozenset(
    {"p", "div", "table", "tr", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "section", "header"}
    | {"footer", "main", "article", "center", "hr"}
)
_APART: Final = frozenset({"p", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"})
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_CONTENT: Final = re.compile(r"\{\{-?\s*content\s*-?\}\}")
_BODY_END: Final = re.compile(r"</body\s*>(?!.*</body\s*>)", re.IGNORECASE | re.DOTALL)
_WHOLE: Final = re.compile(r"<(?:html|body)\b", re.IGNORECASE)

FRAME: Final = """<!doctype html>
<html lang="{{ locale }}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{ subject }}</title></head>
<body style="margin:0;padding:24px;font-family:sans-serif;font-size:16px;line-height:1.5;color:#222;background:#fff">
<div style="max-width:600px;margin:0 auto">
{{ content }}
</div>
</body>
</html>
"""
"""What stands around an e-mail without a frame of its own."""


def html_problems(source: str, *, frame: bool = False) -> list[Problem]:
    """What is wrong with html besides its Liquid. `frame`: it must have its place for the content."""
    look = _Look(source)
    look.feed(look.marked.text)
    look.close()
    if frame and len(_CONTENT.findall(source)) != 1:
        look.problems.append(Problem(0, "a frame has {{ content }} in it, once"))
    return look.problems


def html_to_plain(source: str) -> str:
    """The plain text of html; both are templates."""
    reader = _Plain(Marked(source))
    reader.feed(reader.marked.text)
    reader.close()
    return reader.marked.restored(reader.text())


def framed(content: str, frame: str) -> str:
    """Content in its frame; a whole document stays as it is."""
    return content if _WHOLE.search(content) else _CONTENT.sub(lambda _: content, frame, count=1)


def with_footer(document: str, unsubscribe: str | None, *, picture: bool) -> str:
    """A document with its end added.

    Args:
        document: the html of a whole e-mail.
        unsubscribe: the words of the link that ends such messages, None: there is one already, or none can be made.
        picture: whether it tells that it was looked at.
    """
    end = ""
    if unsubscribe is not None:
        link = f'<a href="{{{{ links.unsubscribe }}}}" style="color:#666">{html.escape(unsubscribe)}</a>'
        end += f'<p style="font-size:13px;color:#666;text-align:center">{link}</p>\n'
    if picture:
        end += '<img src="{{ links.open }}" width="1" height="1" alt="">\n'
    close = _BODY_END.search(document)
    at = close.start() if close else len(document)
    return document[:at] + end + document[at:]


class _Look(HTMLParser):
    """Looks for what must not be."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self.marked = Marked(source)
        self.problems: list[Problem] = []
        self._raw = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag in _NEVER and not (tag == "meta" and not names & {"http-equiv"}):
            self._problem(f"<{tag}> has no place in an e-mail: mail clients drop it, or the mail")
        if "\ue000" in _QUOTED.sub("", self.get_starttag_text() or ""):
            self._problem(f"in <{tag}> a value that is filled in, or a tag of Liquid, stands in quotes")
        for name, value in attrs:
            filled = "\ue000" in (value or "")
            if name.startswith("on") or (filled and name in {"style", "srcdoc"}):
                self._problem(f'"{name}" of <{tag}> ' + ("runs a script" if name[:2] == "on" else "takes no values"))
            elif name in _ADDRESSES and value and not self.marked.safe_address(value.strip()):
                self._problem(f'"{name}" of <{tag}>: {UNSAFE_ADDRESS}')
        self._raw = tag if tag in {"script", "style"} else ""

    def handle_endtag(self, tag: str) -> None:
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw and "\ue000" in data:
            self._problem(f"in <{self._raw}> nothing can be filled in")

    def handle_comment(self, data: str) -> None:
        if "\ue000" in data:
            self._problem("in a comment of html nothing can be filled in")

    def _problem(self, message: str) -> None:
        row, column = self.getpos()
        before = self.marked.text.split("\n")[: row - 1]
        text = "".join(line + "\n" for line in before) + self.marked.text.split("\n")[row - 1][:column]
        self.problems.append(Problem(len(self.marked.restored(text)), message))


class _Plain(HTMLParser):
    """Collects the text."""

    def __init__(self, marked: Marked) -> None:
        super().__init__(convert_charrefs=True)
        self.marked = marked
        self._out: list[str] = []
        self._silent = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._silent += tag in _SILENT
        if tag in _BLOCKS:
            self._new_line(2 if tag in _APART else 1)
        elif tag == "br":
            self._out.append("\n")
        elif tag == "li":
            self._new_line(1)
            self._out.append("- ")
        elif tag in {"td", "th"} and self._out and not self._out[-1].endswith(("\n", " ")):
            self._out.append(" ")
        elif tag == "img" and not self._silent:
            self._out.append(values.get("alt") or "")
        elif tag == "a":
            self._links.append((values.get("href") or "", len(self._out)))

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT and self._silent > 0
        if tag in _BLOCKS:
            self._new_line(2 if tag in _APART else 1)
        elif tag == "a" and self._links:
            address, begun = self._links.pop()
            words = "".join(self._out[begun:]).strip()
            address = address.removeprefix("mailto:").removeprefix("tel:")
            if address and not address.startswith("#") and address != words:
                self._out.append(f": {address}" if words else address)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        text = re.sub(r"[ \t\r\n]+", " ", data)
        if not self._out or self._out[-1].endswith(("\n", " ")):
            text = text.lstrip(" ")
        if text:
            self._out.append(text)

    def text(self) -> str:
        """All of it; a tag of Liquid between two blocks keeps its place."""
        lines = [line.rstrip() for line in "".join(self._out).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"

    def _new_line(self, lines: int) -> None:
        while self._out and self._out[-1] == " ":
            self._out.pop()
        tail = "".join(self._out[-3:])
        standing = len(tail) - len(tail.rstrip("\n"))
        if self._out and standing < lines:
            self._out.append("\n" * (lines - standing))
