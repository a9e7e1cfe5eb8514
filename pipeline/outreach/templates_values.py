"""What a template is filled in with. It is worked out when it is asked for: most texts ask for little."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from touchline.pipeline.outreach.templates_file import NUMBER, PLAIN_WORDS
from touchline.pipeline.outreach.templates_filters import READER, Reader
from touchline.schemas.customer import Profile
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Purpose

Words = Mapping[str, Mapping[str, str]]


class Values(dict[str, Any]):
    """The values by the name that templates begin with. What is not known is not in it, so that asking raises."""

    def __init__(
        self,
        signal: Signal,
        profile: Profile | None,
        reader: Reader,
        about: str,
        locale: str,
        purpose: Purpose,
    ) -> None:
        super().__init__(
            {"about": about, "party": signal.party, "stage": signal.stage.value, "locale": locale, READER: reader}
        )
        self._signal = signal
        self._profile = profile
        self._reader = reader
        self._purpose = purpose

    def __missing__(self, name: str) -> Any:
        make = _MADE.get(name)
        if make is None:
            raise KeyError(name)
        value = self[name] = make(self)
        return value

    @property
    def unsubscribe(self) -> str | None:
        """Where one click ends such messages; None without links."""
        links: dict[str, str] = self["links"]
        return links.get("unsubscribe")

    def links(self) -> dict[str, str]:
        """The links that are this reader's own."""
        reader = self._reader
        if reader.links is None:
            return {}
        whose = (reader.customer, reader.decision_id, reader.channel)
        return {"unsubscribe": reader.links.unsubscribe(*whose, self._purpose), "open": reader.links.open(*whose)}

    def signal(self) -> dict[str, Any]:
        """The signal itself."""
        it = self._signal
        found: dict[str, Any] = {
            "rule": it.rule,
            "severity": it.severity.value,
            "polarity": it.polarity.value,
            "stage": it.stage.value,
            "party": it.party,
            "owner": it.owner,
            "status": it.status.value,
            "group": it.group,
            "at": it.at,
            "raised_at": it.raised_at,
            "evidence": it.evidence,
            "action": it.action,
            "values": self["values"],
            "subjects": self["subjects"],
        }
        return found if it.channel is None else {**found, "channel": it.channel.value}

    def values_(self) -> dict[str, Any]:
        """The values of the signal: those of an event (`s.carrier`) below its name, and by the whole name."""
        found: dict[str, Any] = {}
        for name, value in self._signal.values.items():
            if value is None:
                continue
            found[name] = value
            event, dot, field = name.partition(".")
            below = found.setdefault(event, {}) if dot else None
            if isinstance(below, dict):
                below[field] = value
        return found

    def subjects(self) -> dict[str, str]:
        """What the signal is about, by type: of each the first."""
        found: dict[str, str] = {}
        for subject in (self._signal.group, *self._signal.subjects):
            kind, colon, number = subject.partition(":")
            if colon and kind not in found:
                found[kind] = number
        return found

    def customer(self) -> dict[str, Any]:
        """What is known of the customer, without an address or a name."""
        it = self._profile
        if it is None:
            return {}
        fields = {"locale": it.locale, "country": it.country, "zone": it.zone, "value": it.value}
        known: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        return known if it.preferred is None else {**known, "preferred": it.preferred.value}


_MADE: Final[Mapping[str, Callable[[Values], Any]]] = {
    "links": Values.links,
    "signal": Values.signal,
    "values": Values.values_,
    "subjects": Values.subjects,
    "customer": Values.customer,
}


def about_in(words: Words, languages: Sequence[str], signal: Signal) -> str:
    """What a signal is about, in the words of the first of the languages that has any for it."""
    for subject in (signal.group, *signal.subjects):
        kind, colon, number = subject.partition(":")
        if colon and kind not in PLAIN_WORDS:
            for language in languages:
                phrase = words.get(language, {}).get(kind)
                if phrase is not None:
                    return number.join(NUMBER.split(phrase, 1))
    return next(found for language in languages if (found := words.get(language, {}).get("other")) is not None)
