"""How many parts a text message is sent and charged in.

A text in the default alphabet (GSM 03.38) has 160 characters, or parts of 153 where it is longer: the rest tells how
they belong together. Some characters, such as the euro sign, take two places. One character beyond the alphabet puts
the whole text into UCS-2, with 70 units of 16 bits, or parts of 67; most emoji take two. What takes two places is never
split over two parts, so a part may stay one place short.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = "\f^{}\\[~]|€"

_GSM: Final = re.compile(f"[{re.escape(_BASIC + _EXTENDED)}]*")
_TWICE: Final = re.compile(f"[{re.escape(_EXTENDED)}]")
_BEYOND: Final = re.compile(r"[\U00010000-\U0010ffff]")
_LINE_ENDS: Final = re.compile(r"[^\S\n]+\n")
_BLANK_LINES: Final = re.compile(r"\n{3,}")

_PLAINER: Final = str.maketrans(
    {
        "\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " ", "\t": " ",
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "`": "'", "\u00b4": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
        "\u2026": "...", "\u2022": "-", "\u200b": None, "\u00ad": None, "\ufeff": None, "\r": None,
    }
)  # fmt: skip


class SmsEncoding(StrEnum):
    """The alphabet of a text message."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class SmsLength:
    """`units`: septets of GSM-7 or 16-bit units of UCS-2. `segments`: parts that are charged; none for no text."""

    encoding: SmsEncoding
    units: int
    segments: int


def sms_length(text: str) -> SmsLength:
    """Counts a text exactly as it stands."""
    if _GSM.fullmatch(text):
        return _counted(text, SmsEncoding.GSM_7, _TWICE, 160, 153)
    return _counted(text, SmsEncoding.UCS_2, _BEYOND, 70, 67)


def sms_text(text: str) -> str:
    """The text with typographic characters replaced by plain ones that read the same: a quotation mark alone would
    more than double the parts. Letters, and so the words, stay as they are. Blank lines and ends are trimmed."""
    if not _GSM.fullmatch(text) or "\r" in text:
        text = text.translate(_PLAINER)
    return _BLANK_LINES.sub("\n\n", _LINE_ENDS.sub("\n", text.strip()))


def _counted(text: str, encoding: SmsEncoding, twice: re.Pattern[str], alone: int, part: int) -> SmsLength:
    wide = [match.start() for match in twice.finditer(text)]
    units = len(text) + len(wide)
    if units <= alone:
        return SmsLength(encoding, units, min(units, 1))
    if not wide:
        return SmsLength(encoding, units, -(-units // part))
    return SmsLength(encoding, units, _parts(wide, len(text), part))


def _parts(wide: list[int], length: int, part: int) -> int:
    """Fills part after part. `wide`: where the characters stand that take two places."""
    parts, filled, begun = 1, 0, 0  # the newest part is filled so far by what stands before `begun`
    for at in [*wide, length]:
        filled += at - begun
        if filled > part:
            parts, filled = parts + (filled - 1) // part, (filled - 1) % part + 1
        if at < length:
            parts, filled = (parts + 1, 2) if filled + 2 > part else (parts, filled + 2)
            begun = at + 1
    return parts
