"""The admin of beat's rows: the site's own tasks are in nobody's hands but a superuser's, who confirms."""

from inspect import signature
from typing import TYPE_CHECKING, Any

from celery import current_app
from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as beat  # registers the models below, which is taken back
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)
from kombu.exceptions import OperationalError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from concert_site.lib.admin.base import SafeLookupsAdmin, StaffAdmin, actor_of
from concert_site.operations import periodic_tasks

if TYPE_CHECKING:
    # unfold comes without types; its classes are Django's with another look.
    from django.contrib.admin import ModelAdmin, TabularInline
else:
    from unfold.admin import ModelAdmin, TabularInline

admin.site.unregister([PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule])

# What a superuser may change about a task of the site.
OPEN_FIELDS = ("enabled", "interval", "crontab")
CONFIRMED = "confirmed"
EVERYDAY = {IntervalSchedule.SECONDS: 1, IntervalSchedule.MINUTES: 60, IntervalSchedule.HOURS: 3600}


def is_site_task(row: Model | None) -> bool:
    return isinstance(row, PeriodicTask) and row.name in periodic_tasks.PERIODIC_TASKS


def is_used_by_site_task(row: Model | None) -> bool:
    if row is None or row.pk is None:
        return False
    # Four models, each with tasks of its own.
    return bool(row.periodictask_set.filter(name__in=periodic_tasks.PERIODIC_TASKS).exists())  # type: ignore[attr-defined]


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]  # both come without types
    """beat's list of the tasks there are, in the site's look."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]  # beat comes without types
    """beat's form, in the site's look, that takes nothing which could not run or would get in the ticks' way."""

    def __init__(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        super().__init__(*args, **options)
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
        if "regtask" in self.fields:
            self.fields["regtask"].widget = TaskSelect()

    def clean(self) -> dict[str, Any]:  # Any: fields of every type
        """Check the whole: of the site, how often; of others, what and where."""
        if is_site_task(self.instance):
            return self._clean_site_task()
        cleaned: dict[str, Any] = super().clean()  # Any: as above
        current_app.loader.import_default_modules()
        task = current_app.tasks.get(cleaned.get("task") or "")
        if task is None:
            self.add_error("task", _("There is no such task."))
        elif {"args", "kwargs"} <= cleaned.keys():
            self._clean_arguments(task, cleaned)
        if cleaned.get("queue") not in (None, "", periodic_tasks.OTHERS):
            self.add_error("queue", _("Leave this empty. The other queues are reserved for the waiting lines."))
        return cleaned

    def _clean_site_task(self) -> dict[str, Any]:  # Any: as above
        cleaned: dict[str, Any] = forms.ModelForm.clean(self) or self.cleaned_data  # Any: as above
        spec = periodic_tasks.PERIODIC_TASKS[self.instance.name]
        interval, crontab = cleaned.get("interval"), cleaned.get("crontab")
        if (interval is None) == (crontab is None) or (interval is None) != (spec.every is None):
            self.add_error(None, _("Choose one schedule of the kind this task uses."))
        elif interval is not None:
            seconds = interval.every * EVERYDAY.get(interval.period, 0)
            if not 1 <= seconds <= spec.most_seconds:
                text = _("This task must run at least every %(most)s seconds, and at most once a second.")
                self.add_error("interval", text % {"most": spec.most_seconds})
        return cleaned

    def _clean_arguments(self, task: Any, cleaned: dict[str, Any]) -> None:  # Any: a task of any signature
        args, kwargs = periodic_tasks.parsed(cleaned["args"]), periodic_tasks.parsed(cleaned["kwargs"])
        if not isinstance(args, list):
            self.add_error("args", _("Enter a list, such as []."))
        elif not isinstance(kwargs, dict):
            self.add_error("kwargs", _("Enter an object, such as {}."))
        else:
            try:
                signature(task.run).bind(*args, **kwargs)
            except TypeError:
                self.add_error("kwargs", _("The task doesn't take these arguments."))


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, StaffAdmin):  # type: ignore[misc]  # as above
    """What beat sends, and when."""

    form = PeriodicTaskForm
    # Beat's own has a script within the page, which the site's policy refuses; it is about a field that isn't shown.
    change_form_template = StaffAdmin.change_form_template
    date_hierarchy = None
    list_filter = ("enabled", "one_off")
    list_display = ("name", "enabled", "scheduler", "last_run_at", "one_off")
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        (
            _("Schedule"),
            {"fields": ("interval", "crontab", "solar", "clocked", "start_time", "last_run_at", "one_off")},
        ),
        (_("Arguments"), {"fields": ("args", "kwargs")}),
        (_("Execution Options"), {"fields": ("expires", "expire_seconds", "queue")}),
    )
    readonly_fields = ("last_run_at",)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:  # Any: Django's
        """Of a task of the site, all but whether and how often it runs."""
        if not is_site_task(obj):
            return self.readonly_fields
        names = [name for _title, options in self.fieldsets for name in options["fields"] if name != "regtask"]
        return [name for name in names if name not in OPEN_FIELDS]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:  # Any: Django's
        """Without the choice of a task where it is not to be chosen."""
        if not is_site_task(obj):
            return self.fieldsets
        return [
            (title, options | {"fields": [name for name in options["fields"] if name != "regtask"]})
            for title, options in self.fieldsets
        ]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if is_site_task(obj) and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The site's own tasks are deleted by nobody: they would be put back."""
        return not is_site_task(obj) and bool(super().has_delete_permission(request, obj))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Before a task of the site is changed, say what that means and have it confirmed."""
        row = self.get_object(request, object_id) if object_id and request.method == "POST" else None
        if is_site_task(row) and CONFIRMED not in request.POST and self.has_change_permission(request, row):
            form = self.get_form(request, row, change=True)(request.POST, request.FILES, instance=row)
            if form.is_valid() and form.has_changed():
                return self.ask(request, [row], request.POST)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def ask(self, request: HttpRequest, tasks: list[Any], posted: Any) -> HttpResponse:
        """The page that says what a change of these tasks means; its form sends the same once more."""
        again = [(name, value) for name, values in posted.lists() for value in values if name != "csrfmiddlewaretoken"]
        return self.page(
            request, "admin/confirm_tasks.html", title=_("Change a task that the site needs?"), tasks=tasks, again=again
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:  # Any: Django's
        """Write down with a task of the site that its values were confirmed."""
        if is_site_task(obj):
            periodic_tasks.confirm(obj, actor_id=actor_of(request))
        super().save_model(request, obj, form, change)

    @admin.action(description=_("Enable selected tasks"), permissions=["change"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self.switch(request, queryset, lambda _was: True)

    @admin.action(description=_("Disable selected tasks"), permissions=["change"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self.switch(request, queryset, lambda _was: False)

    @admin.action(description=_("Toggle activity of selected tasks"), permissions=["change"])
    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self.switch(request, queryset, lambda was: not was)

    def switch(self, request: HttpRequest, queryset: QuerySet[Any], wanted: Any) -> HttpResponse | None:
        """Switch each to what is wanted of it, and log it; what the site needs only if a superuser confirms."""
        rows = [row for row in queryset.select_related("interval", "crontab") if wanted(row.enabled) != row.enabled]
        refused = [row for row in rows if not self.has_change_permission(request, row)]
        if refused:
            names = ", ".join(row.name for row in refused)
            text = _("The site needs these: %(names)s. Only a superuser may switch them.") % {"names": names}
            self.message_user(request, text, messages.ERROR)
            return None
        off = [row for row in rows if is_site_task(row) and not wanted(row.enabled)]
        if off and CONFIRMED not in request.POST:
            return self.ask(request, off, request.POST)
        for row in rows:
            row.enabled = wanted(row.enabled)
            if is_site_task(row):
                periodic_tasks.confirm(row, actor_id=actor_of(request))
            row.save(update_fields=["enabled", "headers"])
            self.log_change(request, row, [{"changed": {"fields": ["enabled"]}}])
        PeriodicTasks.update_changed()
        self.message_user(request, _("Switched: %(number)s.") % {"number": len(rows)})
        return None

    @admin.action(description=_("Run selected tasks"), permissions=["change"])
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        try:
            super().run_tasks(request, queryset)
        except OperationalError:
            self.message_user(request, _("The broker is unavailable. Nothing was sent."), messages.ERROR)
            return
        for row in queryset:
            self.log_change(request, row, "Run.")


class TasksOfSchedule(TabularInline):  # type: ignore[type-arg]  # the model is named below
    """The tasks that run by one schedule."""

    model = PeriodicTask
    fields = readonly_fields = ("name", "task", "args", "kwargs")
    can_delete = False
    extra = 0
    show_change_link = True
    verbose_name_plural = _("Periodic tasks that use this schedule")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ProtectedSchedule(SafeLookupsAdmin):
    """A schedule that a task of the site runs by is changed by nobody: another is chosen on the task's own page."""

    inlines = (TasksOfSchedule,)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return not is_used_by_site_task(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return not is_used_by_site_task(obj) and super().has_delete_permission(request, obj)


class IntervalForm(forms.ModelForm):  # type: ignore[type-arg]  # the model is named below
    """An interval of a second at least: shorter ones would flood the broker."""

    class Meta:
        model = IntervalSchedule
        fields = ("every", "period")

    def clean_period(self) -> str:
        period: str = self.cleaned_data["period"]
        if period == IntervalSchedule.MICROSECONDS:
            raise forms.ValidationError(_("The shortest interval is one second."))
        return period


@admin.register(IntervalSchedule)
class IntervalAdmin(ProtectedSchedule, ModelAdmin):  # type: ignore[type-arg]  # of its model
    """Every so many seconds, minutes, hours or days."""

    form = IntervalForm


@admin.register(SolarSchedule)
class SolarAdmin(ProtectedSchedule, ModelAdmin):  # type: ignore[type-arg]  # as above
    """By the sun."""


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(ProtectedSchedule, beat.ClockedScheduleAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    """Once, at a moment."""


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ProtectedSchedule, beat.CrontabScheduleAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    """By the clock and the calendar."""
