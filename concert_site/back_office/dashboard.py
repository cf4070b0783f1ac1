"""The admin's first page, the box office: what is on today, what needs somebody, what opens next, where to begin."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from concert_site.back_office.cockpit.passes import WATCH, may_watch
from concert_site.lib.lazy_text import StrOrPromise
from concert_site.operations import monitoring
from reservations.queries import onsales, staff
from wallet.domain.stuck import count_stuck


@dataclass(frozen=True, slots=True)
class Task:
    """Something that a role comes here to do: whoever has one of the permissions is offered it."""

    title: StrOrPromise
    icon: str
    url_name: str
    permissions: tuple[str, ...]

    @property
    def url(self) -> str:
        return reverse(f"admin:{self.url_name}")


TASKS = (
    Task(_("Sales of the day"), "monitoring", "sales", WATCH),
    Task(_("Refund"), "undo", "payments_payment_changelist", ("payments.refund_payment",)),
    Task(_("Today’s till"), "point_of_sale", "payments_till", ("payments.sell_at_counter",)),
    Task(_("Adjust a wallet"), "account_balance_wallet", "wallet_balance_changelist", ("wallet.adjust_balance",)),
    Task(_("New concert"), "add_circle", "reservations_concert_add", ("reservations.add_concert",)),
    Task(_("New date"), "calendar_add_on", "reservations_concertschedule_add", ("reservations.add_concertschedule",)),
    Task(_("Fans and staff"), "group", "accounts_user_changelist", ("accounts.view_user", "accounts.change_user")),
    Task(_("Payments"), "payments", "payments_payment_changelist", ("payments.view_payment",)),
    Task(_("Ledger"), "receipt_long", "wallet_balancehistory_changelist", ("wallet.view_balancehistory",)),
    Task(
        _("Dates and seats"),
        "event_seat",
        "reservations_concertschedule_changelist",
        ("reservations.view_concertschedule",),
    ),
)
# More than a hand can count is an index again.
MOST_TASKS = 6


def add_to_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:  # Any: a template's context
    """Add what the first page shows, each part for staff who may look at it."""
    user = request.user
    context["tasks"] = tasks_for(request)
    if may_watch(user):
        context["onsales"] = sales = onsales.onsales()
        context["played_today"] = staff.played_today()
        context["process_health"] = found = monitoring.process_health()
        context["warnings"] = monitoring.warnings(found, sales)
    if user.has_perm("wallet.view_topup"):
        context["stuck"] = count_stuck()
    return context


def tasks_for(request: HttpRequest) -> list[Task]:
    """What this member of staff may begin here: the first of the list, each address once."""
    found: dict[str, Task] = {}
    for task in TASKS:
        if any(map(request.user.has_perm, task.permissions)):
            found.setdefault(task.url_name, task)
    return [*found.values()][:MOST_TASKS]
