"""How a text sounds, from -1 to 1: VADER with a lexicon of customer service on top; English only."""

from pathlib import Path
from typing import Final

from touchline.pipeline.enrichment.vader import Vader

LEXICON: Final = Path(__file__).with_name("service_lexicon.txt")
"""The words and phrases of customer service that are shipped."""

_COMMON_WORDS: Final = Path(__file__).with_name("common_words.txt")

MAX_CHARACTERS: Final = 2_000
"""So much of a text is read: what is longer says no more about its mood, and costs."""

_FEW_WORDS: Final = 5
_FOREIGN_LETTERS: Final = 0.2


class Sentiment:
    """Reads texts. Loading takes some 0.05 s, a text of 20 words some 15 µs."""

    def __init__(self, lexicon: Path = LEXICON) -> None:
        self._vader = Vader(read_lexicon(lexicon))
        common = {line.split()[0]: set(line.split()[1:]) for line in _lines(_COMMON_WORDS)}
        self._english = frozenset(common.pop("en"))
        self._foreign = frozenset().union(*common.values()) - self._english

    def score(self, text: str) -> float | None:
        """-1 (very bad) to 1 (very good); None when the text does not seem to be English.

        A text is taken for English unless words of other languages outnumber those of English among the commonest
        ones, or one letter in five lies beyond ASCII; and five words or more without any common English word and
        without any word that counts are no English either. Two or three words can't be told; they are scored."""
        compound, words = self._vader.read(text[:MAX_CHARACTERS].replace("\u2019", "'"))
        english = len(self._english.intersection(words))
        foreign = len(self._foreign.intersection(words))
        if foreign > english or (compound is None and not english and len(words) >= _FEW_WORDS):
            return None
        if _beyond_ascii("".join(words)) > _FOREIGN_LETTERS:
            return None
        return compound or 0.0


def read_lexicon(path: Path) -> dict[str, float]:
    """A lexicon file: words, a tab, the valence; `# ` begins a comment.

    Raises: ValueError with the line of the first mistake; OSError."""
    lexicon: dict[str, float] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if _is_remark(line):
            continue
        words, tab, valence = line.partition("\t")
        try:
            lexicon[words.lower()] = float(valence)
        except ValueError:
            raise ValueError(f"{path}:{number}: expected words, a tab and a number from -4 to 4") from None
        if not tab or not -4 <= lexicon[words.lower()] <= 4:
            raise ValueError(f"{path}:{number}: expected words, a tab and a number from -4 to 4")
    return lexicon


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not _is_remark(line)]


def _is_remark(line: str) -> bool:
    return not line.strip() or line.startswith("# ")


def _beyond_ascii(text: str) -> float:
    if text.isascii():
        return 0.0
    letters = [character for character in text if character.isalpha()]
    return sum(letter > "\x7f" for letter in letters) / len(letters) if letters else 0.0
