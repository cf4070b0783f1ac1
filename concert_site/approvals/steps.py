"""The steps of staff that have a ceiling. Each app says which are its own, when it is ready."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from concert_site.approvals.models import Approval
from concert_site.lib.lazy_text import StrOrPromise

DescriptionLine = tuple[StrOrPromise, str]


@dataclass(frozen=True, slots=True)
class Step:
    """A step: how it is called, the permission that it needs and whose ceiling counts, and how it is done.

    `run` does what was asked, by who asked, once however often it is called: a process may die right after it. What
    it refuses it raises as a domain error. `describe` says in lines (a label, a text) what is asked for.
    """

    kind: str
    title: StrOrPromise
    permission: str
    run: Callable[[Approval], object]
    describe: Callable[[Approval], Sequence[DescriptionLine]]


_steps: dict[str, Step] = {}


def register(step: Step) -> None:
    _steps[step.kind] = step


def step_of(kind: str) -> Step:
    """A step by its kind.

    :raises KeyError: if no app has it (any more)
    """
    return _steps[kind]


def all_steps() -> list[Step]:
    return list(_steps.values())
