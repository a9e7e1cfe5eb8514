"""From a text as people write it to html, and to the plain text of the same.

What may be written: paragraphs apart by a blank line, `# headings`, `- lists` and `1. lists`, `**strong**`,
`*stressed*` and `[words](address)`; an address alone becomes a link too. A new line stays one. All else is text, also
what looks like html. It works on the template, before anything of a signal is in it: so nothing that a publisher sent
can become markup, and what is filled in is escaped then.
"""

import html
import re
from collections.abc import Callable, Iterator
from typing import Final

_LIQUID: Final = re.compile(
    r"\{%-?\s*capture\b.*?\{%-?\s*endcapture\s*-?%\}|\{%-?\s*comment\b.*?\{%-?\s*endcomment\s*-?%\}"
    r"|\{\{.*?\}\}|\{%.*?%\}",
    re.DOTALL,
)
_MARKED: Final = re.compile("\ue000(\\d+)\ue001")
"""A piece of Liquid while the text around it is worked on."""

_TAGS_ALONE: Final = re.compile("\\s*(?:\ue000\\d+\ue001\\s*)+")
_LINK: Final = re.compile(r"\[([^\[\]\n]+)\]\(([^()\s]+)\)")
_BARE: Final = re.compile(r"https?://[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]")
_STRONG: Final = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_STRESSED: Final = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=\S)\*(?![\w*])")
_HEADING: Final = re.compile(r"(#{1,3}) +(.+)")
_ITEM: Final = re.compile(r"([-*]|\d{1,2}\.) +(.+)")
_SAFE_START: Final = re.compile(r"https?://[^/?#\s{}\ue000]+[/?#]|(?:mailto|tel):|https?://[^/?#\s{}\ue000]+$|#")
_FOLLOWABLE: Final = re.compile(r"\{\{-?\s*(?:links\.\w+|.*\|\s*(?:track|url))\s*-?\}\}", re.DOTALL)

UNSAFE_ADDRESS: Final = (
    "what an address begins with must be written out up to the / behind its host, or be made by | track or | url:"
    " else a publisher could send customers anywhere"
)


class Marked:
    """A text whose pieces of Liquid are marks, so that what is done to the text leaves them alone."""

    def __init__(self, source: str) -> None:
        self.pieces: list[str] = []
        self.text = _LIQUID.sub(self._mark, source.replace("\ue000", "").replace("\ue001", ""))

    def _mark(self, match: re.Match[str]) -> str:
        self.pieces.append(match[0])
        return f"\ue000{len(self.pieces) - 1}\ue001"

    def restored(self, text: str, change: Callable[[str], str] = str) -> str:
        """A text with the pieces back in their places."""
        return _MARKED.sub(lambda match: change(self.pieces[int(match[1])]), text)

    def says(self, text: str) -> bool:
        """Whether a text has letters of its own, or pieces that are filled in."""
        return bool(_MARKED.sub("", text).strip()) or any(
            self.pieces[int(match[1])].startswith("{{") for match in _MARKED.finditer(text)
        )

    def safe_address(self, address: str) -> bool:
        """Whether nothing of a signal can decide which host an address leads to."""
        if _SAFE_START.match(address):
            return True
        first = _MARKED.match(address)
        return first is not None and _FOLLOWABLE.fullmatch(self.pieces[int(first[1])]) is not None


def unsafe_links(source: str) -> Iterator[int]:
    """Where links stand whose address a publisher could choose: the character of each in the source."""
    marked = Marked(source)
    for match in _LINK.finditer(marked.text):
        if not marked.safe_address(match[2]):
            yield len(marked.restored(marked.text[: match.start(2)]))


def to_plain(source: str) -> str:
    """The same as plain text."""
    marked = Marked(source)
    lines = []
    for line in marked.text.split("\n"):
        heading = _HEADING.fullmatch(line.strip())
        text = _LINK.sub(_plain_link, heading[2] if heading else line)
        lines.append(_STRESSED.sub(r"\1", _STRONG.sub(r"\1", text)))
    return marked.restored("\n".join(lines))


def to_html(source: str) -> str:
    """The same as html, without a frame."""
    marked = Marked(source)
    out: list[str] = []
    block: list[str] = []
    for line in [*marked.text.split("\n"), ""]:
        tags = _TAGS_ALONE.fullmatch(line) is not None and not marked.says(line)
        if not line.strip() or tags:
            out.extend(_block(block, marked))
            block = []
            if tags:
                out.append(line.strip())
        else:
            block.append(line.strip())
    return marked.restored("\n".join(out), _escaped_capture)


def _block(lines: list[str], marked: Marked) -> Iterator[str]:
    """One paragraph: runs of list items become lists, headings stand alone."""
    run: list[str] = []
    kind = ""
    for line in lines:
        heading, item = _HEADING.fullmatch(line), _ITEM.fullmatch(line)
        now = "h" if heading else "p" if not item else "ul" if item[1] in "-*" else "ol"
        if run and (now != kind or now == "h"):
            yield _element(kind, run)
            run = []
        kind = now
        text = _inline(heading[2] if heading else item[2] if item else line, marked)
        run.append(f"<h{len(heading[1])}>{text}</h{len(heading[1])}>" if heading else text)
    if run:
        yield _element(kind, run)


def _element(kind: str, lines: list[str]) -> str:
    if kind == "h":
        return lines[0]
    if kind == "p":
        return "<p>" + "<br>\n".join(lines) + "</p>"
    return f"<{kind}>\n" + "\n".join(f"<li>{line}</li>" for line in lines) + f"\n</{kind}>"


def _inline(text: str, marked: Marked) -> str:
    """Links first: what stands in an address is no markup."""
    out, end = [], 0
    for match in _LINK.finditer(text):
        out.append(_words(text[end : match.start()], marked))
        end = match.end()
        out.append(f'<a href="{html.escape(match[2])}">{_styled(match[1])}</a>')
    out.append(_words(text[end:], marked))
    return "".join(out)


def _words(text: str, marked: Marked) -> str:
    """Text with the addresses in it as links."""
    out, end = [], 0
    for match in _addresses(text, marked):
        out.append(_styled(text[end : match.start()]))
        end = match.end()
        address = html.escape(match[0])
        out.append(f'<a href="{address}">{address}</a>')
    out.append(_styled(text[end:]))
    return "".join(out)


def _addresses(text: str, marked: Marked) -> list[re.Match[str]]:
    found = [match for match in _BARE.finditer(text) if marked.safe_address(match[0])]
    made = [m for m in _MARKED.finditer(text) if marked.safe_address(m[0])]
    inside = [(match.start(), match.end()) for match in found]
    found += [one for one in made if not any(start <= one.start() < end for start, end in inside)]
    return sorted(found, key=lambda match: match.start())


def _styled(text: str) -> str:
    text = _STRONG.sub(r"<strong>\1</strong>", html.escape(text, quote=False))
    return _STRESSED.sub(r"<em>\1</em>", text)


def _plain_link(match: re.Match[str]) -> str:
    words, address = match[1], match[2]
    bare = re.sub(r"^(?:https?://|mailto:|tel:)", "", address)
    return bare if words in {address, bare} else f"{words}: {re.sub('^(?:mailto|tel):', '', address)}"


def _escaped_capture(piece: str) -> str:
    """What is captured is text too: its letters are escaped like all others."""
    if "capture" not in piece[:20]:
        return piece
    parts = re.split(r"(\{\{.*?\}\}|\{%.*?%\})", piece, flags=re.DOTALL)
    return "".join(part if part.startswith(("{{", "{%")) else html.escape(part) for part in parts)
