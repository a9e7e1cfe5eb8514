"""Who gets a task: a pure choice among the people of a queue."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from touchline.pipeline.desk.state import Person
from touchline.schemas.request import Skill


class Wanted(NamedTuple):
    """What matters of a task. `language`: the customer's. `knew`: who last helped them. `returned` don't get it,
    `passed` only when nobody else can, the one who let it lie last as the last."""

    skill: Skill
    language: str | None
    knew: str | None
    returned: Sequence[str]
    passed: Sequence[str]


def fits(person: Person, skill: Skill) -> bool:
    """Whether somebody has the skill."""
    return (
        (skill.language is None or skill.language in person.languages)
        and person.seniority >= skill.seniority
        and all(topic in person.topics for topic in skill.topics)
        and all(product in person.products for product in skill.products)
    )


def choose(free: Mapping[str, Person], wanted: Wanted) -> str | None:
    """The one who gets a task, among people who are there and have room; None when nobody can do it.

    Those who have the skill, in this order: who did not let it lie before; who speaks the customer's language; who last
    helped this customer; the least loaded by the share of their places in use; the longest idle; by id."""
    able = [who for who, person in free.items() if who not in wanted.returned and fits(person, wanted.skill)]
    return min(able, key=lambda who: _order(who, free[who], wanted), default=None)


def _order(who: str, person: Person, wanted: Wanted) -> tuple[int, bool, bool, float, int, str]:
    return (
        wanted.passed.index(who) + 1 if who in wanted.passed else 0,
        not speaks(person, wanted.language),
        who != wanted.knew,
        len(person.tasks) / person.capacity,
        person.idle,
        who,
    )


def speaks(person: Person, language: str | None) -> bool:
    """Whether somebody speaks a customer's language, `de` or `de-AT`."""
    return language is not None and language.replace("_", "-").partition("-")[0].lower() in person.languages


def reason(who: str, person: Person, wanted: Wanted) -> str:
    """Why this one, in words. `person` as before the task is theirs."""
    skill = wanted.skill
    needed = [*([skill.language] if skill.language else []), *skill.topics, *skill.products]
    parts = [f"has the skill ({', '.join(needed)})" if needed else "no skill asked for"]
    if skill.seniority:
        parts.append(f"seniority {person.seniority} of at least {skill.seniority}")
    if speaks(person, wanted.language):
        parts.append("speaks the customer's language")
    if who == wanted.knew:
        parts.append("helped this customer before")
    parts.append(f"{len(person.tasks)} of {person.capacity} places in use")
    return "; ".join(parts)
