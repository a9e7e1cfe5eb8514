"""Filters of texts that know who reads them: dates and numbers as they are written there, links that are theirs."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, Final, Literal, get_args

from babel import Locale, UnknownLocaleError
from babel import dates as babel_dates
from babel import numbers as babel_numbers
from liquid import Markup, RenderContext, is_undefined
from liquid.exceptions import FilterArgumentError, FilterValueError
from liquid.filter import with_context

from touchline.pipeline.outreach.links import Links, is_target
from touchline.schemas.vocabulary import Channel

READER: Final = "_reader"
"""Under this name the filters find a `Reader`; a template can't name it."""

Style = Literal["short", "medium", "long", "full"]
STYLES: Final[tuple[Style, ...]] = get_args(Style)
_LONGEST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Reader:
    """Who a message is for. `locale`: of the text, with their region where it has one; `links` None: there are none."""

    locale: Locale
    zone: dt.tzinfo
    customer: str = ""
    decision_id: str = ""
    channel: Channel = Channel.EMAIL
    links: Links | None = None


@lru_cache(maxsize=512)
def locale_named(name: str) -> Locale | None:
    """The locale of a name such as `de-AT`, None when there is none."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


def _for_reader(filter_: Callable[..., Any]) -> Any:
    """A filter whose second argument is who reads it."""

    @with_context
    @wraps(filter_)
    def wrapper(value: object, *arguments: object, context: RenderContext, **named: object) -> Any:
        return filter_(_known(value), context.resolve(READER), *arguments, **named)

    return wrapper


@_for_reader
def date(value: object, reader: Reader, style: str = "long") -> str:
    """The day, on the reader's own calendar."""
    when = _when(value)
    if isinstance(when, dt.datetime):
        when = when.astimezone(reader.zone).date()
    return _date(when, _pattern(style), reader.locale)


@_for_reader
def time(value: object, reader: Reader, style: str = "short") -> str:
    """The time of day, on the reader's own clock."""
    local = _moment(value).astimezone(reader.zone)
    return babel_dates.format_time(local, _pattern(style), tzinfo=reader.zone, locale=reader.locale)


@_for_reader
def datetime_(value: object, reader: Reader, style: str = "medium") -> str:
    """Day and time of day, on the reader's own clock."""
    return babel_dates.format_datetime(_moment(value), _pattern(style), tzinfo=reader.zone, locale=reader.locale)


@_for_reader
def number(value: object, reader: Reader, decimals: object = None) -> str:
    """A number as it is written there, with so many decimals (without: as many as it has, at most three)."""
    pattern = None if decimals is None else "#,##0" + ("." + "0" * _small(decimals)).rstrip(".")
    return babel_numbers.format_decimal(_number(value), format=pattern, locale=reader.locale)


@_for_reader
def percent(value: object, reader: Reader) -> str:
    """A share, such as 0.25, in percent."""
    return babel_numbers.format_percent(_number(value), locale=reader.locale)


@_for_reader
def money(value: object, reader: Reader, currency: str) -> str:
    """An amount in a currency such as EUR."""
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise FilterArgumentError("money takes a currency: money: 'EUR'", token=None)
    return babel_numbers.format_currency(_number(value), currency, locale=reader.locale)


@_for_reader
def track(value: object, reader: Reader) -> str:
    """An address as a signed link of the reader's own, which leads on to it; without links the address itself."""
    target = _target(value)
    if reader.links is None:
        return target
    return reader.links.click(reader.customer, reader.decision_id, reader.channel, target)


def url(value: object) -> str:
    """An address that may be followed: http or https, and nothing else."""
    return _target(_known(value))


def upcase_first(value: object) -> str:
    """The text with a capital at its beginning; the rest stays."""
    text = value if isinstance(value, str) else str(value)
    return text[:1].upper() + text[1:]


def replace(value: object, old: object, new: object = "") -> str:
    """The text with each `old` replaced by `new`."""
    text, old, new = (one if isinstance(one, str) else str(one) for one in (value, old, new))
    if len(text) + text.count(old) * len(new) > _LONGEST:
        raise FilterValueError("replace would make the text too long", token=None)
    return text.replace(old, new)


def _known(value: object) -> object:
    """A value that is known. Raises: UndefinedError, with the name that is not."""
    if is_undefined(value):
        str(value)  # which raises
    return value


@lru_cache(maxsize=1_024)
def _date(day: dt.date, pattern: str, locale: Locale) -> str:
    return babel_dates.format_date(day, pattern, locale=locale)


def _pattern(style: object) -> Any:
    """One of the styles, or a pattern of CLDR such as `d. MMMM`."""
    if isinstance(style, str) and 0 < len(style) <= 60:
        return style
    raise FilterArgumentError(f"write one of {', '.join(STYLES)}, or a pattern such as 'd MMMM'", token=None)


def _when(value: object) -> dt.datetime | dt.date:
    """A time, or a date alone, from what publishers send; without an offset it is UTC."""
    found: dt.datetime | dt.date | None = value if isinstance(value, dt.datetime | dt.date) else None
    if isinstance(value, str) and 10 <= len(value) <= 40:
        try:
            found = dt.date.fromisoformat(value) if len(value) == 10 else dt.datetime.fromisoformat(value)
        except ValueError:
            found = None
    if found is None:
        raise FilterValueError("the value is no time such as 2026-03-07T14:00:00+01:00", token=None)
    if isinstance(found, dt.datetime) and found.tzinfo is None:
        return found.replace(tzinfo=dt.UTC)
    return found


def _moment(value: object) -> dt.datetime:
    when = _when(value)
    if not isinstance(when, dt.datetime):
        raise FilterValueError("the value is a date without a time of day", token=None)
    return when


def _number(value: object) -> float | int:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
        return value
    raise FilterValueError("the value is no number", token=None)


def _small(value: object) -> int:
    if isinstance(value, int) and 0 <= value <= 6:
        return value
    raise FilterArgumentError("a number has 0 to 6 decimals", token=None)


def _target(value: object) -> str:
    """In html a text that was put together is escaped already: the address is what it stands for."""
    text = value.unescape() if isinstance(value, Markup) else value
    if not isinstance(text, str) or not is_target(str(text)):
        raise FilterValueError("the value is no http or https address", token=None)
    return str(text)
