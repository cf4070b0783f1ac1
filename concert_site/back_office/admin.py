"""The admin of what others bring: the periodic tasks of django-celery-beat, and Django's own log."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from concert_site.back_office import beat_admin, roles
from concert_site.back_office.cockpit.urls import urls as cockpit_urls
from concert_site.back_office.desk.urls import urls as desk_urls
from concert_site.lib.admin.base import ReadOnlyAdmin

# The table of roles says how they are called as soon as it is read.
__all__ = ["LogAdmin", "beat_admin", "roles"]

# unfold asks its site for such addresses; they come before those of the models.
admin.site.extra_urls = lambda: [*cockpit_urls(), *desk_urls()]  # type: ignore[attr-defined]  # to the type checker it is Django's

# The first page is no "site administration".
admin.site.index_title = _("Box office")


@admin.register(LogEntry)
class LogAdmin(ReadOnlyAdmin):
    """Who did what in the admin. For superusers: it tells of every page."""

    list_display = ("action_time", "user", "what", "content_type", "object_repr", "message")
    list_select_related = ("user", "content_type")
    list_filter = ("action_flag", ("action_time", admin.DateFieldListFilter))
    search_fields = ("user__email", "object_repr")
    list_per_page = 50
    fields = ("action_time", "user", "what", "content_type", "object_id", "object_repr", "message")

    @admin.display(description=_("action"))
    def what(self, entry: LogEntry) -> str:
        return entry.get_action_flag_display()

    @admin.display(description=_("change"))
    def message(self, entry: LogEntry) -> str:
        return entry.get_change_message()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)
