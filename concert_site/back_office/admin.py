"""The admin of what others bring: the periodic tasks of django-celery-beat, and Django's own log."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.utils.translation import gettext_lazy as _

from concert_site.back_office import beat_admin, roles
from concert_site.back_office.cockpit.urls import urls as cockpit_urls
from concert_site.back_office.desk.urls import urls as desk_urls
from concert_site.lib.admin.base import ForSuperusers, ReadOnlyAdmin

# The table of roles says how they are called as soon as it is read.
__all__ = ["LogAdmin", "beat_admin", "roles"]

# unfold asks its site for such addresses; they come before those of the models.
admin.site.extra_urls = lambda: [*cockpit_urls(), *desk_urls()]  # type: ignore[attr-defined]  # to the type checker it is Django's

# The first page is no "site administration".
admin.site.index_title = _("Box office")


@admin.register(LogEntry)
class LogAdmin(ForSuperusers, ReadOnlyAdmin):
    """Who did what in the admin: it tells of every page."""

    list_display = ("action_time", "user", "what", "content_type", "object_repr", "message")
    list_select_related = ("user", "content_type")
    list_filter = ("action_flag", ("action_time", admin.DateFieldListFilter))
    search_fields = ("user__email", "object_repr")
    fields = ("action_time", "user", "what", "content_type", "object_id", "object_repr", "message")

    @admin.display(description=_("action"))
    def what(self, entry: LogEntry) -> str:
        return entry.get_action_flag_display()

    @admin.display(description=_("change"))
    def message(self, entry: LogEntry) -> str:
        return entry.get_change_message()
