"""What roles are called, and what they may do, in words. The table itself is above (concert_site.back_office.roles)."""

from dataclasses import dataclass

from concert_site.lib.lazy_text import StrOrPromise


@dataclass(frozen=True, slots=True)
class RoleText:
    """A role's title, and a sentence on what it may do."""

    title: StrOrPromise
    may: StrOrPromise


_texts: dict[str, RoleText] = {}


def describe(name: str, text: RoleText) -> None:
    """Say how the role of this group is called."""
    _texts[name] = text


def title_of(name: str) -> str:
    """How a group is called: a role by its title, a house's own by its name."""
    return str(_texts[name].title) if name in _texts else name


def may_of(name: str) -> str:
    """What a role may do; nothing of a house's own group."""
    return str(_texts[name].may) if name in _texts else ""


def names() -> list[str]:
    """The groups that are roles, in their order."""
    return list(_texts)
