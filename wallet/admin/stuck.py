"""The page "Needs attention": each thing in words, with what to do about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from concert_site.lib.formats import day_and_time, money
from concert_site.lib.lazy_text import StrOrPromise
from wallet.admin.steps import MAY_REPLAY, MAY_SETTLE
from wallet.domain import stuck
from wallet.domain.stuck import Stuck
from wallet.models import ProviderEvent, SettlementDay, TopUp, Withdrawal
from wallet.models.top_ups import AMOUNT_DIFFERS, GIVING_BACK, TOO_LARGE

WHY = {
    AMOUNT_DIFFERS: _("The provider took a different amount or currency than was ordered. Nothing was credited."),
    TOO_LARGE: _("The provider has the money, but the wallet has no room for it."),
    GIVING_BACK: _("It was to be refunded, and the provider hasn’t confirmed it yet."),
}


@dataclass(frozen=True, slots=True)
class StuckStep:
    """What staff can do: a button that does it at once, or a link to a page that asks why first."""

    text: StrOrPromise
    url: str
    is_button: bool = True


@dataclass(frozen=True, slots=True)
class StuckItem:
    """One thing that is stuck. The code is for tests and for the manual."""

    code: str
    title: str
    what: StrOrPromise
    steps: Sequence[StuckStep]


def facts(request: HttpRequest) -> dict[str, object]:
    return {"items": list(stuck_items(stuck.stuck(), request)), "back": reverse("admin:index")}


def stuck_items(found: Stuck, request: HttpRequest) -> Iterable[StuckItem]:
    """All of it, the gravest first; steps that this member of staff may not take are left out."""
    may_settle, may_replay = request.user.has_perm(MAY_SETTLE), request.user.has_perm(MAY_REPLAY)
    for top_up in found.for_staff:
        yield for_staff(top_up, may_settle)
    for withdrawal in found.late_withdrawals:
        yield late_withdrawal(withdrawal, may_settle)
    for top_up in found.late_top_ups:
        yield late_top_up(top_up, may_settle)
    for event in found.failed_events:
        yield failed_event(event, may_replay)
    for row in found.unexplained_days:
        yield unexplained_day(row, may_settle)
    for provider, day in found.missing_days:
        url = reverse("admin:wallet_settle_day", args=[provider, day])
        steps = [StuckStep(_("Compare now"), url)] if may_settle else []
        what = _("The provider’s book of this day wasn’t available at night. It is tried again each night for a week.")
        yield StuckItem("day_missing", f"{provider}, {day}", what, steps)


def name_of(top_up: TopUp) -> str:
    return f"{top_up.user.email}, {money(top_up.amount)}, {top_up.provider}, {day_and_time(top_up.created_at)}"


def for_staff(top_up: TopUp, may_settle: bool) -> StuckItem:
    """Money that a provider has and that nothing but staff can do anything with."""
    steps = [
        StuckStep(_("Credit it to the wallet"), reverse("admin:wallet_book", args=[top_up.pk]), is_button=False),
        StuckStep(_("Refund"), reverse("admin:wallet_give_back", args=[top_up.pk]), is_button=False),
        StuckStep(_("Ask the provider again now"), reverse("admin:wallet_ask", args=[top_up.pk])),
    ]
    left = steps[1:2] if top_up.failure == GIVING_BACK else steps
    return StuckItem(top_up.failure, name_of(top_up), WHY[top_up.failure], left if may_settle else [])


def late_top_up(top_up: TopUp, may_settle: bool) -> StuckItem:
    """One that nobody knows the end of."""
    step = StuckStep(_("Ask the provider again now"), reverse("admin:wallet_ask", args=[top_up.pk]))
    what = _("Nobody knows yet whether it was paid. The provider is asked each hour, and it ends by itself.")
    return StuckItem("top_up_late", name_of(top_up), what, [step] if may_settle else [])


def late_withdrawal(withdrawal: Withdrawal, may_settle: bool) -> StuckItem:
    """One that the provider has had for more than a day."""
    title = f"{withdrawal.user.email}, {money(withdrawal.amount)}, {withdrawal.top_up.provider}"
    what = _("The provider hasn’t said yet whether it was paid out. It is asked each hour; check its own pages.")
    step = StuckStep(_("Ask the provider again now"), reverse("admin:wallet_ask_withdrawal", args=[withdrawal.pk]))
    return StuckItem("withdrawal_late", title, what, [step] if may_settle else [])


def failed_event(event: ProviderEvent, may_replay: bool) -> StuckItem:
    """A message that was given up."""
    step = StuckStep(_("Retry"), reverse("admin:wallet_replay", args=[event.pk]))
    what = gettext("It was tried for half a day: %(error)s. Check the log, then retry.")
    title = f"{event.provider}, {event.kind}, {event.reference}"
    return StuckItem("event_failed", title, what % {"error": event.error}, [step] if may_replay else [])


def unexplained_day(row: SettlementDay, may_settle: bool) -> StuckItem:
    """A day on which the provider's book and the ledger differ."""
    steps = [
        StuckStep(_("Open"), reverse("admin:wallet_settlementday_change", args=[row.pk]), is_button=False),
        StuckStep(_("Explain"), reverse("admin:wallet_explain", args=[row.pk]), is_button=False),
        StuckStep(_("Compare again now"), reverse("admin:wallet_settle_again", args=[row.pk])),
    ]
    what = gettext("%(count)d lines differ: the provider says %(theirs)s, the ledger %(ours)s.")
    said = {"count": row.difference_count, "theirs": money(row.provider_sum), "ours": money(row.ledger_sum)}
    return StuckItem("day_differs", f"{row.provider}, {row.day}", what % said, steps if may_settle else steps[:1])
