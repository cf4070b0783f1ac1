"""The frame of the admin: its name, its sidebar and its badge. UNFOLD is a setting; the rest is called from it."""

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from concert_site.lib.lazy_text import StrOrPromise

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
    "LANGUAGES": {"action": lambda _request: reverse("language")},
    "GLOBAL_CALLBACK": "concert_site.back_office.unfold.on_every_page",
    "STYLES": [lambda _request: static("css/back_office.css"), lambda _request: static("css/desk.css")],
    "SCRIPTS": [lambda _request: static("js/find.js")],
    "ENVIRONMENT": "concert_site.back_office.unfold.badge",
    "DASHBOARD_CALLBACK": "concert_site.back_office.dashboard.add_to_index",
    "ACCOUNT": {"navigation": [{"title": _("View site"), "link": "/"}]},
    "SIDEBAR": {"show_search": False, "navigation": "concert_site.back_office.unfold.navigation"},
}


# The lists of the admin by group: a model, its title, and an icon.
SIDEBAR_GROUPS: list[tuple[StrOrPromise, list[tuple[str, StrOrPromise, str]]]] = [
    (
        _("Shows"),
        [
            ("reservations.concert", _("Concerts"), "music_note"),
            ("reservations.venue", _("Venues"), "location_on"),
            ("reservations.venuehall", _("Halls"), "theater_comedy"),
            ("reservations.concertschedule", _("Schedules"), "event"),
            ("reservations.concertseat", _("Seats"), "event_seat"),
            ("reservations.reservation", _("Reservations"), "local_activity"),
            ("queueing.waitingtoken", _("Waiting tokens"), "hourglass_top"),
        ],
    ),
    (
        _("Money"),
        [
            ("payments.payment", _("Payments"), "payments"),
            ("wallet.balance", _("Wallets"), "account_balance_wallet"),
            ("wallet.balancehistory", _("Ledger"), "receipt_long"),
            ("wallet.topup", _("Top-ups"), "add_card"),
            ("wallet.withdrawal", _("Withdrawals"), "credit_card"),
            ("wallet.providerevent", _("Providers’ messages"), "forum"),
            ("wallet.settlementday", _("Settlements"), "balance"),
        ],
    ),
    (
        _("People"),
        [
            ("accounts.user", _("Users"), "group"),
            ("auth.group", _("Roles"), "badge"),
            ("approvals.ceiling", _("Ceilings"), "price_check"),
        ],
    ),
    (_("House"), [("house.housepage", _("Pages"), "article"), ("house.housefacts", _("Company"), "badge")]),
]
SYSTEM: tuple[StrOrPromise, list[tuple[str, StrOrPromise, str]]] = (
    _("System"),
    [
        ("django_celery_beat.periodictask", _("Periodic tasks"), "schedule"),
        ("trace.change", _("Changes"), "manage_history"),
        ("admin.logentry", _("Log"), "history"),
    ],
)
FOR_SUPERUSERS = {"django_celery_beat.periodictask", "admin.logentry"}


def badge(request: HttpRequest) -> list[object] | None:
    """What stands in the admin's header where money and fans aren't real."""
    return None if settings.IS_PRODUCTION else [_("demo"), "warning"]


def on_every_page(request: HttpRequest) -> dict[str, object]:
    """What unfold's switch of languages comes back to."""
    return {"redirect_to": request.get_full_path()}


def till_for(request: HttpRequest) -> list[dict[str, object]]:
    """The day's till, for who sells or may see it."""
    may = ("payments.sell_at_counter", "payments.give_complimentary", "payments.view_tillentry")
    if not any(request.user.has_perm(each) for each in may):
        return []
    return [{"title": _("Till"), "icon": "point_of_sale", "link": reverse("admin:payments_till")}]


def navigation(request: HttpRequest) -> list[dict[str, object]]:
    groups = [(title, items_for(request, entries)) for title, entries in SIDEBAR_GROUPS]
    shown: list[dict[str, object]] = [
        {"title": title, "separator": True, "items": items} for title, items in groups if items
    ]
    title, entries = SYSTEM
    is_boss = request.user.is_superuser
    # What beat runs is nobody's daily work: for superusers alone, and out of sight until it is unfolded.
    system = items_for(request, [each for each in entries if is_boss or each[0] not in FOR_SUPERUSERS])
    if system:
        shown.append({"title": title, "separator": True, "collapsible": True, "items": system})
    return [{"items": [*box_office_for(request), *till_for(request), *approvals_for(request)]}, *shown]


def box_office_for(request: HttpRequest) -> list[dict[str, object]]:
    """Where staff begin: the first page, the sales, and what money is stuck."""
    # UNFOLD is a setting, so this module is read before there are models.
    from concert_site.back_office.cockpit.passes import may_watch

    items: list[dict[str, object]] = [{"title": _("Box office"), "icon": "storefront", "link": reverse("admin:index")}]
    if may_watch(request.user):
        items.append({"title": _("Sales of the day"), "icon": "monitoring", "link": reverse("admin:sales")})
    if request.user.has_perm("wallet.view_topup"):
        items.append({"title": _("Needs attention"), "icon": "help", "link": reverse("admin:wallet_stuck")})
    return items


def approvals_for(request: HttpRequest) -> list[dict[str, object]]:
    """What waits for a second person, for who may see it, with how many wait for them."""
    approvals = admin.site.get_model_admin(apps.get_model("approvals.approval"))
    if not approvals.has_view_permission(request):
        return []
    item: dict[str, object] = {"title": _("Approvals"), "icon": "approval_delegation"}
    item["link"] = reverse("admin:approvals_approval_changelist")
    count = approvals.count_waiting(request)  # type: ignore[attr-defined]  # of its own admin
    return [item | {"badge": str(count), "badge_variant": "danger"} if count else item]


def items_for(request: HttpRequest, entries: list[tuple[str, StrOrPromise, str]]) -> list[dict[str, object]]:
    return [
        {"title": title, "icon": icon, "link": reverse(f"admin:{model.replace('.', '_')}_changelist")}
        for model, title, icon in entries
        if admin.site.get_model_admin(apps.get_model(model)).has_view_permission(request)
    ]
