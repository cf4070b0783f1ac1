"""The page on which staff refund a whole schedule."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from concert_site.approvals.redirects import leading_to_approval
from concert_site.lib.admin.base import ReadOnlyAdmin, actor_of
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.pages import ROUND_SECONDS, requires
from concert_site.lib.formats import in_major, money
from payments.admin.refunds import RefundForm, payments_url, report_cards
from payments.domain import refund_runs, schedule_refunds
from payments.domain.approved_refunds import MAY_REFUND
from payments.domain.schedule_refunds import RefundRound
from reservations.models import ConcertSchedule
from reservations.models.concert import IS_ON_SALE


class ScheduleRefundForm(RefundForm):
    """The same for every seat; `going` is set on all rounds but the first."""

    going = forms.BooleanField(required=False, widget=forms.HiddenInput)


@requires(MAY_REFUND)
@leading_to_approval
def refund_schedule(admin: ReadOnlyAdmin, request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Refund a whole schedule: ask first, then go on round by round; each POST is a round.

    Nothing is remembered between the rounds but the terms, which are the run's: what is left is what the tables say,
    so that it may be stopped, killed, sent twice, or gone on with by somebody else.
    """
    found = get_object_or_404(ConcertSchedule.objects.select_related("concert__venue"), pk=schedule_id)
    if found.canceled_at is not None:
        # Everybody is refunded by its own run.
        return redirect(back_url(request, found))
    if "end_run" in request.POST:
        return end_run(admin, request, found)
    form = ScheduleRefundForm(request.POST or None)
    done = run_round(request, found, form)
    if done is None:
        return confirmation_page(admin, request, found, form)
    log_round(admin, request, found, form, done)
    if done.is_over:
        return redirect("admin:payments_refund_schedule", found.pk)
    context = {"schedule": found, "left": schedule_refunds.to_refund(found.pk), "form": form, "round": done}
    page = "admin/payments/refund_progress.html"
    return admin.page(request, page, title=_("Refunding"), back=back_url(request, found), **context)


def confirmation_page(
    admin: ReadOnlyAdmin, request: HttpRequest, of: ConcertSchedule, form: ScheduleRefundForm
) -> HttpResponse:
    """The page before: how much it is, fee and reason. With nothing left it says what was refunded."""
    left = schedule_refunds.to_refund(of.pk)
    run = refund_runs.open_run(of.pk)
    context: dict[str, object] = {"schedule": of, "left": left, "back": back_url(request, of), "run": run}
    context["run_fee"] = run and in_major(run.fee)
    if left.count:
        context |= {"form": form, "submit": _("Refund all of them"), "is_on_sale": is_on_sale(of)}
    else:
        context["done"] = schedule_refunds.refunded_so_far(of.pk)
    return admin.page(request, "admin/payments/refund_schedule.html", title=_("Refund a whole schedule"), **context)


def end_run(admin: ReadOnlyAdmin, request: HttpRequest, of: ConcertSchedule) -> HttpResponse:
    """End the run that the page showed, so that what is left can be refunded on other terms."""
    run = refund_runs.open_run(of.pk)
    if run is not None and str(run.pk) == request.POST["end_run"] and refund_runs.end(run_id=run.pk):
        said = {"who": run.actor.email, "fee": money(run.fee)}
        text = str(_("Ended the refund that %(who)s began with a fee of %(fee)s.") % said)
        admin.note(request, of, text)
    return redirect("admin:payments_refund_schedule", of.pk)


def run_round(request: HttpRequest, of: ConcertSchedule, form: ScheduleRefundForm) -> RefundRound | None:
    """A round of what a form says; None, and an error at its field, if it isn't valid or that is refused."""
    return submit_to_domain(
        form,
        lambda: schedule_refunds.refund_round(
            schedule_id=of.pk, actor_id=actor_of(request), seconds=ROUND_SECONDS, **form.terms()
        ),
    )


def log_round(
    admin: ReadOnlyAdmin, request: HttpRequest, of: ConcertSchedule, form: ScheduleRefundForm, done: RefundRound
) -> None:
    """Note the first and the last round in the log, and say which seats stay paid."""
    said = {"fee": money(form.cleaned_data["fee"]), "note": form.cleaned_data["note"]}
    if not form.cleaned_data["going"]:
        admin.log_change(request, of, str(_("Began to refund all seats, fee %(fee)s: %(note)s") % said))
    if done.is_over:
        admin.log_change(request, of, str(_("Refunded all seats, fee %(fee)s: %(note)s") % said))
        report_cards(request, done.to_cards, done.returned)
    if done.refused:
        numbers = {"numbers": ", ".join(map(str, done.refused))}
        messages.error(request, _("Not refunded, because the wallet is full: %(numbers)s") % numbers)


def is_on_sale(of: ConcertSchedule) -> bool:
    """Whether seats that come back would be sold again at once."""
    return ConcertSchedule.objects.filter(IS_ON_SALE, pk=of.pk).exists()


def back_url(request: HttpRequest, of: ConcertSchedule) -> str:
    """Where to go from here: to the schedule, for who may see it."""
    if request.user.has_perm("reservations.view_concertschedule"):
        return reverse("admin:reservations_concertschedule_change", args=[of.pk])
    return payments_url(request)
