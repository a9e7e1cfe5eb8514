"""Reads files of texts, and tells all that is wrong with them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from touchline.pipeline.outreach.sms import sms_length, sms_text
from touchline.pipeline.outreach.templates_check import Findings, Problem, place_in, read_template
from touchline.pipeline.outreach.templates_filters import locale_named
from touchline.pipeline.outreach.templates_html import html_problems, html_to_plain
from touchline.pipeline.outreach.templates_known import Told, path_problem
from touchline.pipeline.outreach.templates_length import MOST, bounds
from touchline.pipeline.outreach.templates_markup import UNSAFE_ADDRESS, to_plain, unsafe_links
from touchline.schemas.textfile import TextFile, TextVersion
from touchline.schemas.yamlfile import FileError, Finding, Mistake, Path_, YamlFile, yaml_files

BUILT_IN: Final = Path(__file__).with_name("messages.yaml")
"""The texts that come with the built-in rules."""

NUMBER: Final = re.compile(r"\{\{-?\s*number\s*-?\}\}")
PLAIN_WORDS: Final = frozenset({"other", "unsubscribe"})
"""Words that have no number in them."""

_ADAPTER: Final = TypeAdapter(TextFile)
_LIQUID: Final = re.compile(r"\{\{|\{%")
_IN_HTML: Final = frozenset({"subject"})
_IN_FRAME: Final = frozenset({"subject", "content"})
_LONGEST_ABOUT: Final = 170


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is written, and where it stands."""

    name: str
    file: YamlFile
    versions: Mapping[str, TextVersion]

    def path(self, locale: str, *below: str) -> Path_:
        """Where a part of it stands in its file."""
        return ("texts", self.name, locale, *below)


@dataclass(frozen=True, slots=True)
class Library:
    """The texts, words and frame of several files, by name and by language. A later file counts before an earlier."""

    texts: Mapping[str, Text] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    frame: str | None = None

    def over(self, other: "Library") -> "Library":
        """This one, with what it lacks from another; a text of it replaces the other's of that name in all languages,
        words are replaced one by one."""
        words = {
            locale: {**other.words.get(locale, {}), **self.words.get(locale, {})}
            for locale in (*other.words, *self.words)
        }
        return Library({**other.texts, **self.texts}, words, self.frame or other.frame)


@dataclass(frozen=True, slots=True)
class Checking:
    """What texts are checked against. `told`: what each rule tells, None: the rules are not known. `links`: whether
    there are signed links."""

    told: Mapping[str, Told] | None = None
    links: bool = False

    def told_to(self, name: str) -> tuple[Told | None, str]:
        """What can be told in a text of that name, and whose it is."""
        if self.told is None:
            return None, ""
        if name in self.told:
            return self.told[name], f"the rule {name}"
        every = Told(frozenset(), frozenset())
        for one in self.told.values():
            every |= one
        return every, ""


def text_files(paths: Iterable[Path]) -> list[Path]:
    """The files among files and folders (folders with all below them), in order of name.

    Raises: FileError when a path is not there."""
    return yaml_files(paths, "texts", tests=True)


def read_library(paths: Iterable[Path], checking: Checking) -> Library:
    """The texts of files and folders.

    Raises: FileError with every mistake of the first file that has any."""
    library = Library()
    for path in text_files(paths):
        one, mistakes = read_file(path, library, checking)
        if mistakes:
            raise FileError(str(path), mistakes)
        library = one.over(library)
    return library


def read_file(path: Path, before: Library, checking: Checking) -> tuple[Library, list[Mistake]]:
    """The texts of a file, and all that is wrong with them. `before`: those of the files before it.

    Raises: FileError when it is no file of texts."""
    file = YamlFile.read(path)
    one = _library_of(file, file.as_type(_ADAPTER))
    return one, [*_doubles(one, before, file), *mistakes_in(one, file, checking)]


def built_in_library() -> Library:
    """The built-in texts, which the tests have checked."""
    file = YamlFile.read(BUILT_IN)
    return _library_of(file, file.as_type(_ADAPTER))


def mistakes_in(library: Library, file: YamlFile, checking: Checking) -> list[Mistake]:
    """All that is wrong with the texts, words and frame of a file."""
    found = [*_locale_mistakes(library, file), *_word_mistakes(library, file)]
    if library.frame is not None:
        source = library.frame
        problems = [*html_problems(source, frame=True), *_named(source, True, _IN_FRAME, None, "", checking)]
        found += _placed(file, ("frame",), source, problems)
    for text in library.texts.values():
        for locale in text.versions:
            wrong = list(_version_mistakes(text, locale, checking))
            # What is made of a version, and how long it gets, can be told of one that is right.
            found += wrong or [*_derived_mistakes(text, locale), *_length_mistakes(text, locale)]
    return found


def _version_mistakes(text: Text, locale: str, checking: Checking) -> Iterator[Mistake]:
    told, whose = checking.told_to(text.name)
    for part, source in _sources(text.versions[locale]):
        html = part == "html"
        problems = list(_named(source, html, _IN_HTML if html else (), told, whose, checking))
        problems += html_problems(source) if html else _link_problems(part, source)
        yield from _placed(text.file, text.path(locale, part), source, problems)


def warnings_in(library: Library, locale: str) -> Iterator[Finding]:
    """What is most likely not meant. `locale`: the default one."""
    for text in library.texts.values():
        if not ({locale, locale.partition("-")[0]} & set(text.versions)):
            there = ", ".join(text.versions)
            message = f"has no version in {locale}, the default language: who has no other gets {there.split(',')[0]}"
            yield text.file.finding(("texts", text.name), "warning", "no_default", message)
        for name, version in text.versions.items():
            part = "sms" if version.sms is not None else "text" if version.text is not None else "html"
            longest = sms_bounds(version)[1]
            if longest > version.segments and version.short is None:
                message = (
                    f"may need {longest} parts as a text message, and {version.segments} are allowed: "
                    "write a shorter sms, or fixed words (short) for then; else the text of default goes out instead"
                )
                yield text.file.finding(text.path(name, part), "warning", "long", message)


def sms_bounds(version: TextVersion) -> tuple[int, int]:
    """How many parts it has as a text message, at least and at the most as far as that is known (0: not at all). What
    is filled in is taken to be of the default alphabet."""
    source = to_plain(version.sms or version.text or "") or html_to_plain(version.html or "")
    template, _ = read_template(source)
    if template is None:
        return 0, 0
    least, most = bounds(template, lambda path: _LONGEST_ABOUT if path == ("about",) else MOST.get(path))
    return sms_length(sms_text(least)).segments, 0 if most is None else sms_length(sms_text(most)).segments


def _library_of(file: YamlFile, content: TextFile) -> Library:
    texts = {name: Text(name, file, versions) for name, versions in content.texts.items()}
    return Library(texts, content.words, content.frame)


def _doubles(one: Library, before: Library, file: YamlFile) -> Iterator[Mistake]:
    for name in one.texts:
        if name in before.texts:
            message = f'"{name}" stands already in {before.texts[name].file.name}'
            yield Mistake(*file.key_place(("texts", name)), f"texts.{name}", message)
    if one.frame is not None and before.frame is not None:
        yield file.mistake(("frame",), "another file has a frame already")


def _locale_mistakes(library: Library, file: YamlFile) -> Iterator[Mistake]:
    paths = [("words", locale) for locale in library.words]
    paths += [text.path(locale) for text in library.texts.values() for locale in text.versions]  # type: ignore[misc]
    for path in paths:
        if locale_named(str(path[-1])) is None:
            message = f"{path[-1]} is no language that is known: write en, de or de-AT"
            yield Mistake(*file.key_place(path), ".".join(map(str, path)), message)


def _word_mistakes(library: Library, file: YamlFile) -> Iterator[Mistake]:
    for locale, words in library.words.items():
        for word, phrase in words.items():
            holes = 0 if word in PLAIN_WORDS else 1
            rest, count = NUMBER.subn("", phrase)
            if _LIQUID.search(rest) or count > holes:
                allowed = "once {{ number }}, and no other value" if holes else "no values"
                yield file.mistake(("words", locale, word), f"takes {allowed}")


def _sources(version: TextVersion) -> Iterator[tuple[str, str]]:
    parts = ("subject", "text", "html", "sms", "push", "chat", "app")
    for part in parts:
        source = getattr(version, part)
        if source is not None:
            yield part, source


def _named(
    source: str, html: bool, local: Iterable[str], told: Told | None, whose: str, checking: Checking
) -> Iterator[Problem]:
    """What is wrong with the Liquid of a template."""
    _, found = read_template(source, html=html)
    yield from found.problems
    for path, at in found.paths:
        problem = path_problem(path, {*found.local, *local}, told, whose)
        if problem is not None:
            yield Problem(at, problem)
    if not checking.links:
        yield from _linkless(found)


def _linkless(found: Findings) -> Iterator[Problem]:
    for path, at in found.paths:
        if path == ("links", "unsubscribe") and path not in found.tested:
            message = (
                "there are no links: set outreach.links in the settings, or write it between"
                " {% if links.unsubscribe %} and {% endif %}"
            )
            yield Problem(at, message)


def _link_problems(part: str, source: str) -> Iterator[Problem]:
    if part != "subject":
        yield from (Problem(at, UNSAFE_ADDRESS) for at in unsafe_links(source))


def _derived_mistakes(text: Text, locale: str) -> Iterator[Mistake]:
    """What shows only when the plain text is made from html."""
    version = text.versions[locale]
    if version.text is None and version.html is not None:
        _, found = read_template(html_to_plain(version.html))
        if found.problems:
            message = (
                "no plain text can be made from it: a tag of Liquid is in the head, a style or a tag; write text too"
            )
            yield text.file.mistake(text.path(locale, "html"), message)


def _length_mistakes(text: Text, locale: str) -> Iterator[Mistake]:
    version, file = text.versions[locale], text.file
    if version.sms is not None:
        least, _ = sms_bounds(version)
        if least > version.segments:
            message = f"needs at least {least} parts, and {version.segments} are allowed: shorten it, or set segments"
            yield file.mistake(text.path(locale, "sms"), message)
    if version.short is not None:
        length = sms_length(sms_text(version.short))
        if _LIQUID.search(version.short):
            yield file.mistake(text.path(locale, "short"), "takes no values: it stands in when they are too long")
        elif length.segments > version.segments:
            message = f"has {length.segments} parts, and {version.segments} are allowed"
            yield file.mistake(text.path(locale, "short"), message)


def _placed(file: YamlFile, path: Path_, source: str, problems: Sequence[Problem]) -> Iterator[Mistake]:
    where = ".".join(map(str, path))
    for problem in problems:
        yield Mistake(*file.text_place(path, *place_in(source, problem.at)), where, problem.message)
