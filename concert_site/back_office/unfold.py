"""The frame of the admin: its name, its sidebar and its badge. UNFOLD is a setting; the rest is called from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# The colour of the fans' pages, from its palest to its darkest shade.
ACCENT = {
    "50": "#fff1f3",
    "100": "#ffe1e7",
    "200": "#ffc8d4",
    "300": "#ff9eb3",
    "400": "#fb6387",
    "500": "#ec3564",
    "600": "#b4123f",
    "700": "#960f36",
    "800": "#7d1031",
    "900": "#6b122e",
    "950": "#3c0414",
}

UNFOLD = {
    "COLORS": {"primary": ACCENT},
    "SITE_TITLE": "Frontrow",
    "SITE_HEADER": "Frontrow",
    "SITE_SYMBOL": "confirmation_number",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {"action": "concert_site.back_office.unfold.language_url"},
    "GLOBAL_CALLBACK": "concert_site.back_office.unfold.on_every_page",
    "STYLES": ["concert_site.back_office.unfold.stylesheet"],
    "ENVIRONMENT": "concert_site.back_office.unfold.badge",
    "DASHBOARD_CALLBACK": "concert_site.back_office.dashboard.add_to_index",
    "ACCOUNT": {"navigation": [{"title": _("View site"), "link": "/"}]},
    "SIDEBAR": {"show_search": False, "navigation": "concert_site.back_office.unfold.navigation"},
}


@dataclass(frozen=True, slots=True)
class SidebarEntry:
    """An entry of the sidebar: a list of the admin, by its URL name, and the permission that it takes to see it."""

    title: StrPromise
    icon: str
    list_name: str
    permission: str


# Who holds no permission at all passes only where everything is allowed: a superuser.
SUPERUSERS = "superusers only"

SIDEBAR_GROUPS: list[tuple[StrPromise, list[SidebarEntry]]] = [
    (
        _("Shows"),
        [
            SidebarEntry(_("Concerts"), "music_note", "reservations_concert", "reservations.view_concert"),
            SidebarEntry(_("Schedules"), "event", "reservations_concertschedule", "reservations.view_concertschedule"),
            SidebarEntry(_("Seats"), "event_seat", "reservations_concertseat", "reservations.view_concertseat"),
            SidebarEntry(
                _("Reservations"), "local_activity", "reservations_reservation", "reservations.view_reservation"
            ),
            SidebarEntry(_("Waiting tokens"), "hourglass_top", "queueing_waitingtoken", "queueing.view_waitingtoken"),
        ],
    ),
    (
        _("Money"),
        [
            SidebarEntry(_("Payments"), "payments", "payments_payment", "payments.view_payment"),
            SidebarEntry(_("Wallets"), "account_balance_wallet", "wallet_balance", "wallet.view_balance"),
            SidebarEntry(_("Ledger"), "receipt_long", "wallet_balancehistory", "wallet.view_balancehistory"),
        ],
    ),
    (_("People"), [SidebarEntry(_("Users"), "group", "accounts_user", "accounts.view_user")]),
    (
        _("System"),
        [
            SidebarEntry(
                _("Periodic tasks"),
                "schedule",
                "django_celery_beat_periodictask",
                "django_celery_beat.view_periodictask",
            ),
            SidebarEntry(_("Log"), "history", "admin_logentry", SUPERUSERS),
        ],
    ),
]


def badge(request: HttpRequest) -> list[object] | None:
    """What stands in the admin's header where money and fans aren't real."""
    return None if settings.IS_PRODUCTION else [_("demo"), "warning"]


def stylesheet(request: HttpRequest) -> str:
    """What the admin's look needs beside unfold's own."""
    return static("css/back_office.css")


def language_url(request: HttpRequest) -> str:
    """Where the switch of languages is sent: the fans' pages have the same one."""
    return reverse("language")


def on_every_page(request: HttpRequest) -> dict[str, object]:
    """What unfold's switch of languages comes back to."""
    return {"redirect_to": request.get_full_path()}


def navigation(request: HttpRequest) -> list[dict[str, object]]:
    """The sidebar, of what this member of staff may see."""
    groups = [(title, items_for(request, entries)) for title, entries in SIDEBAR_GROUPS]
    dashboard = {"title": _("Dashboard"), "icon": "dashboard", "link": reverse("admin:index")}
    shown = [{"title": title, "separator": True, "items": items} for title, items in groups if items]
    return [{"items": [dashboard]}, *shown]


def items_for(request: HttpRequest, entries: list[SidebarEntry]) -> list[dict[str, object]]:
    """The links to those of these lists that this member of staff may see."""
    return [
        {"title": entry.title, "icon": entry.icon, "link": reverse(f"admin:{entry.list_name}_changelist")}
        for entry in entries
        if may_see(request, entry)
    ]


def may_see(request: HttpRequest, entry: SidebarEntry) -> bool:
    """Whether a list is open to this member of staff; who may change may see."""
    app, _dot, action = entry.permission.partition(".")
    change = f"{app}.{action.replace('view_', 'change_', 1)}"
    return request.user.has_perm(entry.permission) or request.user.has_perm(change)
