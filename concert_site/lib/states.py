"""State machines: one table of transitions a model, used by the code and by the database."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import pgtrigger
from django.db import models

Model = TypeVar("Model", bound=models.Model)
Transitions = Mapping[Any, Iterable[Any]]  # Any: each model's own choices, which mappings hold invariant


class IllegalMove(Exception):
    """A step that the model's TRANSITIONS table doesn't have: a mistake in the code, not of a user."""


class StateQuerySet(models.QuerySet[Model]):
    """A QuerySet of a model with a state: rows change it through `move` alone.

    The model names its table `TRANSITIONS` and its column `STATE_FIELD`.
    """

    def move(self, source: str, to: str, **changes: Any) -> int:  # Any: column values of every type
        """Move the rows that are in `source` to `to`; return how many moved.

        :raises IllegalMove: if TRANSITIONS has no such step
        """
        field: str = self.model.STATE_FIELD  # type: ignore[attr-defined]  # declared by every model with a state
        transitions: Transitions = self.model.TRANSITIONS  # type: ignore[attr-defined]  # as above
        if to not in transitions.get(source, ()):
            raise IllegalMove(f"{self.model.__name__}: {source} -> {to}")
        return self.filter(**{field: source}).update(**{field: to}, **changes)


def steps(transitions: Transitions) -> list[tuple[str, str]]:
    """The table as sorted pairs, so that the trigger made from it never changes by accident."""
    return sorted((str(source), str(to)) for source, targets in transitions.items() for to in targets)


def fsm_trigger(field: str, transitions: Transitions) -> pgtrigger.FSM:
    """The trigger that refuses every other step, whoever asks for it.

    Its WHEN clause lets the legal steps pass without a call of the trigger function
    (what it costs all the same: docs/decisions/0003-state-machines-in-the-database.md).
    """
    legal = ", ".join(f"'{source}:{to}'" for source, to in steps(transitions))
    return pgtrigger.FSM(
        name=f"legal_{field}",
        field=field,
        transitions=steps(transitions),
        condition=pgtrigger.Condition(
            f'OLD."{field}" IS DISTINCT FROM NEW."{field}" AND OLD."{field}" || \':\' || NEW."{field}" NOT IN ({legal})'
        ),
    )


def one_of(field: str, choices: type[models.TextChoices]) -> models.Q:
    return models.Q(**{f"{field}__in": choices.values})


def all_or_none(*fields: str) -> models.Q:
    """Columns that are set together, or not at all."""
    none, all_ = ({f"{name}__isnull": is_null for name in fields} for is_null in (True, False))
    return models.Q(**none) | models.Q(**all_)
