"""Forms of staff that notice what was changed since they were opened, by whom, and write nothing of it back.

A form carries what it showed, field by field, in one hidden input. What somebody typed is what differs from that, and
what changed meanwhile is where the row does. If both is so, the form comes back: with what was typed kept, what is
there now beside it, and a tick to leave it so. It then carries what it shows by now, so saving again is deliberate.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from concert_site.lib.admin.once import LONGEST_KEY, ONCE
from concert_site.lib.formats import day_and_time
from concert_site.lib.stale import Shown, comparable, differing

if TYPE_CHECKING:
    Form = forms.BaseForm
else:
    Form = object

# The hidden input, and the ticks beside what changed.
SHOWN, KEEP = "_shown", "_keep"
# A page of the house's, twice, is 50,000 characters; no form shows more than this.
LONGEST_NOTE = 500_000
LONGEST_SAID = 100


class StaleCheckForm(Form):
    """A form of one row that knows what it showed. `subject` is the row, for who changed it; a model's form has it."""

    subject: Model | None = None
    has_come_back = False

    @property
    def row(self) -> Model | None:
        """The row that the form is about; None of a form that makes something new."""
        row = self.subject or getattr(self, "instance", None)
        return None if row is None or row.pk is None else row

    @cached_property
    def present(self) -> dict[str, object]:
        """What the row has now, of all that can be typed here."""
        return {
            name: comparable(self.get_initial_for_field(field, name))
            for name, field in self.fields.items()
            if not field.disabled
        }

    @cached_property
    def note(self) -> dict[str, Any] | None:  # Any: values of a browser's
        """What was sent back of what the form showed; None of whoever sent nothing of the kind."""
        sent = self.data.get(SHOWN, "") if self.is_bound and self.row else ""
        try:
            note = json.loads(sent) if len(sent) <= LONGEST_NOTE else None
        except (ValueError, RecursionError):
            return None
        if not isinstance(note, dict) or not isinstance(note.get("at"), int):
            return None
        return note if isinstance(note.get("fields"), dict) else None

    @property
    def shown(self) -> Shown | None:
        """What the form showed when it was opened, for the domain to compare; None if nobody says."""
        return self.note and self.note["fields"]

    @property
    def shown_input(self) -> SafeString:
        """The hidden input. Of a form with errors it stays what it was: what is refused isn't seen.

        A form that makes something new shows nothing of a row; it carries a key by which it is known again.
        """
        if self.row is None:
            return once_input(self.data.get(ONCE, "") if self.is_bound else "")
        if not self.present:
            return SafeString("")
        is_kept = self.note is not None and not self.has_come_back
        note = self.note if is_kept else {"at": int(timezone.now().timestamp()), "fields": self.present}
        return format_html('<input type="hidden" name="{}" value="{}">', SHOWN, json.dumps(note))

    @cached_property
    def changed_meanwhile(self) -> set[str]:
        """The fields that somebody else changed."""
        return differing(self.shown, self.present) if self.shown else set()

    @property
    def kept(self) -> set[str]:
        """The fields that are to stay as they are, whatever was typed."""
        return set(self.data.getlist(KEEP)) if hasattr(self.data, "getlist") else set()

    @property
    def changed_data(self) -> list[str]:
        """What was typed: all that differs from what was shown."""
        if self.row is None:
            return [name for name in self.fields if has_changed(self[name])]
        return [name for name in self.fields if name in self.present and self.is_typed(name)]

    def is_typed(self, name: str) -> bool:
        """Whether a field says something else than it showed."""
        if name in self.kept:
            return False
        cleaned = getattr(self, "cleaned_data", {})
        if name not in cleaned:
            return has_changed(self[name])
        if isinstance(self.fields[name], forms.FileField):
            return isinstance(cleaned[name], UploadedFile) or cleaned[name] is False
        before: Shown = self.shown if self.shown is not None and name in self.shown else self.present
        return bool(comparable(cleaned[name]) != before[name])

    def _post_clean(self) -> None:
        """After cleaning, before a model's form writes into its row."""
        # An empty name where one is needed is no reason to refuse a form that leaves it as it is.
        for name in self.kept & self.fields.keys():
            self.errors.pop(name, None)
            self.cleaned_data.pop(name, None)
        for name, field in self.fields.items():
            # What is no choice at all can't be shown as chosen; Django's widgets end with a 500 over it.
            if (
                isinstance(field, forms.ModelChoiceField)
                and self.has_error(name)
                and not self.has_error(name, "required")
            ):
                show_present(field)
        # An error first: what can't be written needs no question.
        if not self.errors and self.changed_meanwhile and self.changed_data:
            self.come_back()
        super()._post_clean()  # type: ignore[misc]  # of the form it is mixed into

    def come_back(self) -> None:
        """Say what changed, at each field, and show what is there now where nothing was typed."""
        self.has_come_back = True
        typed = set(self.changed_data)
        for name in sorted(self.changed_meanwhile, key=list(self.fields).index):
            if name not in typed:
                show_present(self.fields[name])
            self.add_error(name, self.told(name, is_typed=name in typed))
        self.add_error(None, format_html('{} <a class="text-link" href="">{}</a>', CHANGED, _("Discard what I typed")))

    def told(self, name: str, *, is_typed: bool) -> SafeString:
        """What a field is now, what it was, and who made it so; with a tick to leave it so, if something was typed."""
        field = self.fields[name]
        who = last_change(self.row, name, since_of(self.note))
        now, before = (in_words(field, values.get(name)) for values in (self.present, self.shown or {}))
        said = _("Now: %(now)s. It was: %(before)s.") % {"now": now, "before": before}
        by = f" ({who})" if who else ""
        if not is_typed:
            return format_html("{}{}", said, by)
        tick = format_html('<input type="checkbox" name="{}" value="{}">', KEEP, name)
        return format_html('{}{} <label class="block mt-1">{} {}</label>', said, by, tick, _("Leave it as it is now"))


def has_changed(field: forms.BoundField) -> bool:
    """Django's own: whether what was sent differs from what the form began with."""
    return bool(field._has_changed())  # type: ignore[attr-defined]  # noqa: SLF001  it has no public name


def once_input(key: str) -> SafeString:
    """The hidden input by which a form is known; see `concert_site.lib.admin.once`."""
    return format_html('<input type="hidden" name="{}" value="{}">', ONCE, key[:LONGEST_KEY] or uuid4().hex)


CHANGED = gettext_lazy(
    "Somebody else changed this while you had it open. What you typed is kept, and nothing is saved yet. "
    "Save again to write it over what is there now; tick what should stay."
)


def show_present(field: forms.Field) -> None:
    """Have a field of a form that was sent show what is there now."""
    field.bound_data = lambda data, initial: initial  # type: ignore[method-assign]  # noqa: ARG005  of the form's own copy


def since_of(note: dict[str, Any] | None) -> datetime:  # Any: values of a browser's
    """When a form was opened; never in the future, nor before there were clocks."""
    seconds = (note or {}).get("at", 0)
    return datetime.fromtimestamp(min(max(seconds, 0), int(timezone.now().timestamp())), UTC)


# Who changed a column of a row last, and when, in words: plugged in from above, where the trace is.
Teller = Callable[[Model, str, datetime], str | None]
_tellers: list[Teller] = []


def use_teller(teller: Teller) -> None:
    _tellers[:] = [teller]


def last_change(row: Model | None, name: str, since: datetime) -> str | None:
    """Who changed a field of a row, and when; None if the trace has nothing of it."""
    return _tellers[0](row, name, since) if _tellers and row is not None else None


def told_of(who: str, when: datetime) -> str:
    """Who changed something, and when."""
    return _("%(who)s, %(when)s") % {"who": who, "when": day_and_time(when)}


def in_words(field: forms.Field, value: Any) -> str:  # Any: as `comparable` has it
    """A value of a form as people read it."""
    text = choice_in_words(field, value)
    if isinstance(value, bool):
        text = _("yes") if value else _("no")
    elif isinstance(field, forms.DateTimeField | forms.SplitDateTimeField) and value:
        text = day_and_time(datetime.fromisoformat(str(value)))
    if text in ("", "None"):
        return _("empty")
    return text if len(text) <= LONGEST_SAID else text[:LONGEST_SAID] + "…"


def choice_in_words(field: forms.Field, value: Any) -> str:  # Any: as above
    """The label of what was chosen, or its title where labels say more; of what is no choice, the value itself."""
    if isinstance(field, forms.ModelMultipleChoiceField):
        rows = [row for row in field.queryset or () if row.pk in set(value or ())]
        return ", ".join(map(getattr(field, "title_from_instance", field.label_from_instance), rows))
    if isinstance(field, forms.ModelChoiceField):
        row = field.queryset.filter(pk=value).first() if field.queryset is not None and value is not None else None
        return field.label_from_instance(row) if row else ""
    if isinstance(field, forms.ChoiceField):
        return str(dict(field.choices).get(value if value is not None else "", value))  # type: ignore[arg-type]  # flat
    return "" if value is None else str(value)
