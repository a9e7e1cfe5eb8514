"""The parts of a text message, against a slow count that puts it together place by place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.outreach.sms import SmsEncoding, SmsLength, sms_length, sms_text

# The two tables of GSM 03.38, by their codes, written down apart from the code under test.
GSM = {0x00: "@", 0x01: "£", 0x02: "$", 0x03: "¥", 0x04: "è", 0x05: "é", 0x06: "ù", 0x07: "ì", 0x08: "ò", 0x09: "Ç"}
GSM |= {0x0A: "\n", 0x0B: "Ø", 0x0C: "ø", 0x0D: "\r", 0x0E: "Å", 0x0F: "å", 0x10: "Δ", 0x11: "_", 0x12: "Φ", 0x13: "Γ"}
GSM |= {0x14: "Λ", 0x15: "Ω", 0x16: "Π", 0x17: "Ψ", 0x18: "Σ", 0x19: "Θ", 0x1A: "Ξ", 0x1C: "Æ", 0x1D: "æ", 0x1E: "ß"}
GSM |= {0x1F: "É", 0x24: "¤", 0x40: "¡", 0x5B: "Ä", 0x5C: "Ö", 0x5D: "Ñ", 0x5E: "Ü", 0x5F: "§", 0x60: "¿"}
GSM |= {0x7B: "ä", 0x7C: "ö", 0x7D: "ñ", 0x7E: "ü", 0x7F: "à"}
GSM |= {code: chr(code) for code in range(0x20, 0x7B) if code not in GSM}
EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|"}
EXTENSION |= {0x65: "€"}
SEPTETS = {char: [code] for code, char in GSM.items()} | {char: [0x1B, code] for code, char in EXTENSION.items()}


def slow(text: str) -> SmsLength:
    """Puts the message together, unit by unit."""
    gsm = all(char in SEPTETS for char in text)
    if gsm:
        pieces = [SEPTETS[char] for char in text]
    else:
        pieces = [list(char.encode("utf-16-be", "surrogatepass"))[::2] for char in text]
    encoding, alone, part = (SmsEncoding.GSM_7, 160, 153) if gsm else (SmsEncoding.UCS_2, 70, 67)
    units = sum(map(len, pieces))
    if units <= alone:
        return SmsLength(encoding, units, 1 if text else 0)
    parts: list[list[int]] = [[]]
    for piece in pieces:
        if len(parts[-1]) + len(piece) > part:
            parts.append([])
        parts[-1].extend(piece)
    return SmsLength(encoding, units, len(parts))


ALPHABET = "".join(SEPTETS)
TEXTS = (
    st.text(ALPHABET, max_size=700)
    | st.text("a€", min_size=140, max_size=700)
    | st.text("[]", max_size=400)
    | st.text("aя\U0001f642", max_size=400)
    | st.text(max_size=400)
)


@given(TEXTS)
def test_parts_are_counted_exactly(text: str) -> None:
    assert sms_length(text) == slow(text)


@given(st.integers(130, 480), st.integers(0, 20), st.sampled_from(["€", "\U0001f642"]))
def test_what_takes_two_places_is_not_split(before: int, after: int, wide: str) -> None:
    text = "a" * before + wide + "a" * after
    assert sms_length(text) == slow(text)


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", "GSM-7", 0, 0),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("я" * 70, "UCS-2", 70, 1),
        ("я" * 71, "UCS-2", 71, 2),
        ("я" * 134, "UCS-2", 134, 2),
        ("\U0001f642" * 35, "UCS-2", 70, 1),
        ("\U0001f642" * 67, "UCS-2", 134, 3),
        ("ç", "UCS-2", 1, 1),
        ("Ç", "GSM-7", 1, 1),
    ],
)
def test_the_known_bounds(text: str, encoding: str, units: int, segments: int) -> None:
    assert sms_length(text) == SmsLength(SmsEncoding(encoding), units, segments)


def test_the_alphabet_has_its_characters() -> None:
    assert len(SEPTETS) == 127 + 10
    for char in map(chr, range(0x3000)):
        assert (sms_length(char).encoding is SmsEncoding.GSM_7) == (char in SEPTETS), char


def test_typography_does_not_make_it_dearer() -> None:
    text = "\u201eSchon da?\u201c \u2013 um 3:00\u202fPM\u2026 \u00ab\u00bb it\u2019s"
    assert sms_length(text).encoding is SmsEncoding.UCS_2
    assert sms_text(text) == '"Schon da?" - um 3:00 PM... "" it\'s'
    assert sms_length(sms_text(text)).encoding is SmsEncoding.GSM_7


@given(st.text())
def test_words_stay_as_they_are(text: str) -> None:
    plain = sms_text(text)
    assert [c for c in plain if c.isalnum()] == [c for c in text if c.isalnum()]
    assert sms_text(plain) == plain
