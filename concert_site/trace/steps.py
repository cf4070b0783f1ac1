"""What staff did that changed no row of what it is about: it is noted as a step."""

from collections.abc import Mapping, Sequence

from django.db.models import Model

from concert_site.trace.context import acting, current
from concert_site.trace.models import Action, Change

# As steps: what was done, in English, by which a translation is found.
STEP = "step"


def note_step(
    about: type[Model],
    ids: Sequence[int],
    what: str,
    *,
    actor_id: int | None = None,
    reason: str = "",
    changes: Mapping[str, tuple[object, object]] | None = None,
    fan_id: int | None = None,
    schedule_id: int | None = None,
) -> Change:
    """Note in the trace what staff did with these rows: a mail that was sent again, a key that was shown.

    What changes a row of a traced table is noted by the database and needs nothing of this.

    :param what: in English; the page shows its translation (mark it with `gettext_noop`)
    :param actor_id, reason: where nothing above says who is at work (concert_site.trace.context.acting)
    :param changes: from what to what, by name
    """
    here = current()
    with acting(actor_id if actor_id is not None else (here.actor_id if here else None), reason=reason) as context:
        return Change.objects.create(
            actor_id=context.actor_id,
            via=context.via,
            request=context.request,
            reason=context.reason,
            action=Action.STEP,
            table_name=about._meta.db_table,  # noqa: SLF001  what a model says of itself
            objects_changed=list(ids),
            count=len(ids),
            fan_id=fan_id,
            schedule_id=schedule_id,
            changes={STEP: [None, what], **{name: list(pair) for name, pair in (changes or {}).items()}},
        )
