"""VADER's rules for the sentiment of short texts, over its lexicon and further phrases.

C. J. Hutto, E. Gilbert: VADER, a parsimonious rule-based model for sentiment analysis of social media text, ICWSM 2014.
Words and constants are those of the package vaderSentiment. Its own scorer lowers the case of the whole text for each
word and knows no phrases of ours; this one reads a text once, in a fraction of the time. A test compares the two.
"""

import math
import string
from collections.abc import Mapping, Sequence
from typing import Final

from vaderSentiment.vaderSentiment import (
    B_DECR,
    BOOSTER_DICT,
    C_INCR,
    N_SCALAR,
    NEGATE,
    SPECIAL_CASES,
    SentimentIntensityAnalyzer,
)

_NEGATIONS: Final = frozenset(NEGATE)
_NEGATION: Final[float] = N_SCALAR
_ALPHA: Final = 15.0
_FADE: Final = (1.0, 0.95, 0.9)
_REACH: Final = 3
_EXCLAMATION: Final = 0.292
_QUESTION: Final = 0.18
_QUESTIONS: Final = 0.96
_BEFORE_BUT: Final = 0.5
_AFTER_BUT: Final = 1.5

_Phrases = dict[str, list[tuple[list[str], float]]]


class Vader:
    """Scores English texts.

    Args:
        lexicon: words and phrases in lower case with their valence from -4 to 4; they go before VADER's own.
    """

    def __init__(self, lexicon: Mapping[str, float] | None = None) -> None:
        analyzer = SentimentIntensityAnalyzer()
        ours = {**SPECIAL_CASES, **(lexicon or {})}
        self._emoji: dict[str, str] = analyzer.emojis
        self._words: dict[str, float] = {**analyzer.lexicon}
        self._words.update((word, valence) for word, valence in ours.items() if " " not in word)
        self._phrases: _Phrases = {}
        for phrase in sorted(ours, key=len, reverse=True):
            first, *rest = phrase.split()
            if rest:
                self._phrases.setdefault(first, []).append((rest, ours[phrase]))
        for word in BOOSTER_DICT.keys() & self._words.keys():
            del self._words[word]
        self._known = self._words.keys() | self._phrases.keys()

    def compound(self, text: str) -> float | None:
        """From -1 to 1, 0 when the words that count balance; None when no word counts."""
        return self.read(text)[0]

    def read(self, text: str) -> tuple[float | None, list[str]]:
        """`compound` of a text, and its words in lower case without punctuation around them."""
        if not text.isascii():
            text = self._without_emoji(text)
        words = [_bare(word) for word in text.split()]
        lower = [word.lower() for word in words]
        return self._compound(text, words, lower), lower

    def _compound(self, text: str, words: Sequence[str], lower: list[str]) -> float | None:
        hits = self._hits(lower)
        if not hits:
            return None
        shouting = 0 < sum(map(str.isupper, words)) < len(words)
        but = lower.index("but") if "but" in lower else -1
        # A word inside a phrase modifies nothing outside it, except a negation at its end ("still not happy").
        around = list(lower)
        for place, length, _ in hits:
            if length > 1:
                inner = length - 1 if _negates(lower[place + length - 1]) else length
                around[place : place + inner] = [""] * inner
        total = 0.0
        for place, length, plain in hits:
            loud = shouting and all(word.isupper() for word in words[place : place + length])
            valence = plain + math.copysign(C_INCR, plain) if loud else plain
            valence = self._in_context(valence, words, around, place, shouting)
            if but >= 0 and place != but:
                valence *= _BEFORE_BUT if place < but else _AFTER_BUT
            total += valence
        if total:
            total += math.copysign(_emphasis(text), total)
        return float(round(total / math.sqrt(total * total + _ALPHA), 4))

    def _hits(self, lower: list[str]) -> list[tuple[int, int, float]]:
        """Place, number of words and valence of what counts, in order."""
        hits = []
        known, free = self._known, 0
        for place, word in enumerate(lower):
            if word not in known or place < free:
                continue
            length, valence = 1, self._words.get(word)
            for rest, found in self._phrases.get(word, ()):
                if lower[place + 1 : place + 1 + len(rest)] == rest:
                    length, valence = 1 + len(rest), found
                    break
            if valence is not None and not self._is_modifier(lower, place, length):
                hits.append((place, length, valence))
                free = place + length
        return hits

    def _is_modifier(self, lower: Sequence[str], place: int, length: int) -> bool:
        """`no` before a word that counts negates it, and counts no more itself; `kind of` dampens."""
        following = lower[place + 1] if place + 1 < len(lower) else ""
        if lower[place] == "no":
            return length == 1 and following in self._words
        return lower[place] == "kind" and following == "of"

    def _in_context(
        self, valence: float, words: Sequence[str], lower: Sequence[str], place: int, shouting: bool
    ) -> float:
        """What the three words before make of a valence."""
        if "no" in lower[max(0, place - 2) : place]:
            valence *= _NEGATION
        for back in range(1, min(_REACH, place) + 1):
            word = lower[place - back]
            boost = BOOSTER_DICT.get(word)
            if _negates(word):
                valence = _negated(valence, lower, place, back)
            elif boost is not None:
                if shouting and words[place - back].isupper():
                    boost += C_INCR
                valence += math.copysign(boost, valence * boost) * _FADE[back - 1]
        if place > 1 and f"{lower[place - 2]} {lower[place - 1]}" in {"kind of", "sort of", "just enough"}:
            valence += math.copysign(B_DECR, -valence)
        if place and lower[place - 1] == "least" and lower[max(0, place - 2)] not in {"at", "very"}:
            valence *= _NEGATION
        return valence

    def _without_emoji(self, text: str) -> str:
        """Each emoji as the words that describe it."""
        return "".join(f" {self._emoji[c]} " if c in self._emoji else c for c in text)


def _negates(word: str) -> bool:
    return word in _NEGATIONS or "n't" in word


def _negated(valence: float, lower: Sequence[str], place: int, back: int) -> float:
    between = lower[place - back + 1 : place]
    if lower[place - back] == "never" and ("so" in between or "this" in between):
        return valence * 1.25
    if lower[place - back] == "without" and "doubt" in between:
        return valence
    return valence * _NEGATION


def _emphasis(text: str) -> float:
    questions = text.count("?")
    asked = 0.0 if questions < 2 else questions * _QUESTION if questions < 4 else _QUESTIONS
    return float(min(text.count("!"), 4) * _EXCLAMATION + asked)


def _bare(word: str) -> str:
    """The word without punctuation around it, unless so little is left that it may be an emoticon."""
    stripped = word.strip(string.punctuation)
    return word if len(stripped) <= 2 else stripped
