"""HTML from Python without a template language: everything that is not `Html` already is escaped."""

from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = Html | str | int | None
_VOID = {"meta", "line", "rect", "path", "circle"}


def tag(element: str, /, *children: Child, **attributes: str | float | None) -> Html:
    """An element. `class_` is written as `class`, an underscore in an attribute as a dash; None leaves it out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in _VOID and not children:
        return Html(f"<{element}{said}/>")
    return Html(f"<{element}{said}>{join(*children)}</{element}>")


def join(*children: Child) -> Html:
    """The children one after the other."""
    return Html("".join(c if isinstance(c, Html) else escape(str(c)) for c in children if c is not None))
