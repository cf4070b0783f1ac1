"""Pages of the admin on the clocks of a venue: what they show is said in its zone, and what is typed is read in it."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from concert_site.lib.zones import offset_label


def on_clocks(zone: ZoneInfo, view: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of a view, made and rendered on the clocks of a zone."""
    with timezone.override(zone):
        response = view()
        # Django would render it later, on the clocks of the house.
        return response.render() if isinstance(response, SimpleTemplateResponse) else response


def clocks_text() -> str:
    """Whose clocks the times of the form are on."""
    now = timezone.localtime(timezone.now())
    text = _("All times are those of the venue's clocks: %(zone)s, now %(offset)s.")
    return text % {"zone": timezone.get_current_timezone_name(), "offset": offset_label(now)}
