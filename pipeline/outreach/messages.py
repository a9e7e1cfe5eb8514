"""The texts of messages: plain text with `{name}` placeholders, checked when they are loaded."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass as contract

from touchline.schemas.outreach import Message
from touchline.schemas.signal import Signal
from touchline.schemas.types import Name
from touchline.schemas.vocabulary import Polarity
from touchline.schemas.yamlfile import FileError, Mistake, YamlFile, did_you_mean

BUILT_IN: Final = Path(__file__).with_name("messages.yaml")
PLACEHOLDERS: Final = ("about", "party", "stage")

_NAMED: Final = frozenset({"order", "ticket", "case", "return", "subscription", "invoice", "claim", "booking"})
"""Subjects whose number a customer knows."""

_SUBJECT: Final = 256
_TEXT: Final = 16_384
"""The bounds of a `Message`, in characters."""

_CONFIG = ConfigDict(extra="forbid")


@contract(frozen=True, slots=True, config=_CONFIG)
class Template:
    """One message. The subject is one line."""

    subject: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
    text: Annotated[str, Field(min_length=1, max_length=8_000)]


@contract(frozen=True, slots=True, config=_CONFIG)
class _File:
    default: Template
    rules: dict[Name, Template]
    need: Template | None = None
    delight: Template | None = None


_ADAPTER: Final = TypeAdapter(_File)


@dataclass(frozen=True, slots=True)
class Messages:
    """The texts by rule, and for rules without one by polarity: an apology would be out of place in a good moment."""

    default: Template
    rules: dict[str, Template]
    polarities: dict[Polarity, Template] = field(default_factory=dict)

    def render(self, signal: Signal, to: str) -> Message:
        """The message about a signal to an address."""
        template = self.rules.get(signal.rule) or self.polarities.get(signal.polarity, self.default)
        about = about_of(signal)
        words = {"about": about, "party": signal.party, "stage": signal.stage.value}
        subject = template.subject.format_map(words)
        text = template.text.format_map(words)
        text = "\n".join(map(_capital, text.split("\n")))
        return Message(to=to, subject=_capital(subject)[:_SUBJECT], text=text[:_TEXT])


def about_of(signal: Signal) -> str:
    """What a signal is about, in words for the customer."""
    for subject in (signal.group, *signal.subjects):
        kind, colon, number = subject.partition(":")
        if colon and kind in _NAMED:
            return f"your {kind} {number}"
    return "your recent contact with us"


def load_messages(path: Path = BUILT_IN) -> Messages:
    """Reads a file of texts.

    Raises: FileError, with the place of each mistake; an unknown placeholder is one."""
    file = YamlFile.read(path)
    content = file.as_type(_ADAPTER)
    others = {Polarity.NEED: content.need, Polarity.DELIGHT: content.delight}
    polarities = {polarity: template for polarity, template in others.items() if template is not None}
    mistakes = list(_mistakes(file, ("default",), content.default))
    for polarity, template in polarities.items():
        mistakes += _mistakes(file, (polarity,), template)
    for rule, template in content.rules.items():
        mistakes += _mistakes(file, ("rules", rule), template)
    if mistakes:
        raise FileError(file.name, mistakes)
    return Messages(content.default, content.rules, polarities)


@lru_cache(maxsize=1)
def built_in_messages() -> Messages:
    """The texts that come with the built-in rules."""
    return load_messages()


def _mistakes(file: YamlFile, path: tuple[str, ...], template: Template) -> list[Mistake]:
    return [
        file.mistake((*path, name), problem)
        for name, text in (("subject", template.subject), ("text", template.text))
        for problem in _placeholder_problems(text)
    ]


def _placeholder_problems(text: str) -> list[str]:
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        return [f"{error}; write {{{{ and }}}} for braces"]
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    found = []
    for _, name, form, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            whole = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            found.append(f"{{{whole}}} is no placeholder{did_you_mean(name, PLACEHOLDERS)}; there are {known}")
    return found


def _capital(line: str) -> str:
    """A line that begins with a placeholder begins with a capital all the same."""
    return line[:1].upper() + line[1:] if line.startswith("your ") else line
