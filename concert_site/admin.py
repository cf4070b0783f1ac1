"""The admin of what others bring: the periodic tasks of django-celery-beat, and Django's own log."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as beat  # registers the models below, which is taken back
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from concert_site.lib.staff_pages import PlainLookups, RecordAdmin

if TYPE_CHECKING:
    # unfold comes without types; its classes are Django's with another look.
    from django.contrib.admin import ModelAdmin, TabularInline
else:
    from unfold.admin import ModelAdmin, TabularInline

admin.site.unregister([PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule])


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]  # both come without types
    """beat's list of the tasks there are, in the house's look."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]  # beat comes without types
    """beat's form, in the house's look."""

    def __init__(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        super().__init__(*args, **options)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(PlainLookups, beat.PeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # as above
    """What beat sends, and when."""

    form = PeriodicTaskForm
    date_hierarchy = None
    list_filter = ("enabled", "one_off")


class TasksOfSchedule(TabularInline):  # type: ignore[type-arg]  # the model is named below
    """The tasks that run by one schedule."""

    model = PeriodicTask
    fields = readonly_fields = ("name", "task", "args", "kwargs")
    can_delete = False
    extra = 0
    show_change_link = True
    verbose_name_plural = _("Periodic tasks that use this schedule")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Tasks are made on a page of their own."""
        return False


@admin.register(IntervalSchedule, SolarSchedule)
class ScheduleAdmin(PlainLookups, ModelAdmin):  # type: ignore[type-arg]  # of several models
    """When something runs."""

    inlines = (TasksOfSchedule,)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(PlainLookups, beat.ClockedScheduleAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # as above
    """Once, at a moment."""

    inlines = (TasksOfSchedule,)


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(PlainLookups, beat.CrontabScheduleAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # as above
    """By the clock and the calendar."""

    inlines = (TasksOfSchedule,)


@admin.register(LogEntry)
class LogAdmin(RecordAdmin):
    """Who did what in the admin. For superusers: it tells of every page."""

    list_display = ("action_time", "user", "what", "content_type", "object_repr", "message")
    list_select_related = ("user", "content_type")
    list_filter = ("action_flag", ("action_time", admin.DateFieldListFilter))
    search_fields = ("user__email", "object_repr")
    list_per_page = 50
    fields = ("action_time", "user", "what", "content_type", "object_id", "object_repr", "message")

    @admin.display(description=_("action"))
    def what(self, entry: LogEntry) -> str:
        """Added, changed or deleted."""
        return entry.get_action_flag_display()

    @admin.display(description=_("change"))
    def message(self, entry: LogEntry) -> str:
        """What changed, in words."""
        return entry.get_change_message()

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Superusers alone."""
        return bool(getattr(request.user, "is_superuser", False))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers alone."""
        return self.has_module_permission(request)
