"""Words that come again and again in the state of a shard (sources, parties, channels, fields, rules), kept once."""

from collections.abc import Iterable
from typing import Final

MAX_WORDS: Final = 4_096
"""The most words that are kept; further ones are written out wherever they stand."""

UNIQUE: Final = "~"
"""How words begin that are not worth keeping, because each of them is the only one of its kind."""

_LONGEST: Final = 32


class Words:
    """A `Piece`: numbers for words, given in the order in which they come and never taken back.

    What refers to a word must be asked for its changes before this piece is."""

    def __init__(self) -> None:
        self._words: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._written = 0

    def code(self, word: str) -> int | str:
        """The number of a word; the word itself when it has none and gets none."""
        number = self._numbers.get(word)
        if number is not None:
            return number
        if len(word) > _LONGEST or word.startswith(UNIQUE):
            return word
        return self.code_of_name(word)

    def code_of_name(self, word: str) -> int | str:
        """The same of one that surely comes again, however long it is."""
        number = self._numbers.get(word)
        if number is not None or len(self._numbers) >= MAX_WORDS:
            return word if number is None else number
        number = self._numbers[word] = len(self._numbers)
        self._words[number] = word
        return number

    def word(self, code: int | str) -> str:
        """The word again."""
        return self._words[code] if code.__class__ is int else code  # type: ignore[return-value]

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one entry of the changelog."""
        if value is not None:
            number, word = int(key), value.decode()
            self._words[number], self._numbers[word] = word, number
            self._written = len(self._numbers)

    def changes(self) -> Iterable[tuple[bytes, bytes | None]]:
        """The words that are new."""
        new = range(self._written, len(self._numbers))
        self._written = len(self._numbers)
        return [(b"%d" % number, self._words[number].encode()) for number in new]
