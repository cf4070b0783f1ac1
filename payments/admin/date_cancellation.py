"""Canceling a date, on its page: the step, and how far the refunds are."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from concert_site.approvals.redirects import leading_to_approval
from concert_site.lib.admin.base import ReadOnlyAdmin, actor_of, add_domain_error
from concert_site.lib.admin.pages import requires
from concert_site.lib.errors import DomainError
from payments.admin.refunds import refund_to_field
from payments.domain import date_cancellation, refund_work
from payments.domain.date_cancellation import PERMISSION, DateCancellation
from payments.models import RefundRun, RefundTo
from reservations.admin.date_forms import ChangeReasonForm
from reservations.admin.date_pages import CONFIRM, PANELS, STEPS, DateStep, impact_facts
from reservations.admin.schedule_view import change_page, report_done, schedule_page
from reservations.models import ConcertSchedule
from reservations.queries.date_impact import date_impact

# Who sees dates at the door sees no money.
SEE_REFUNDS = ("reservations.view_concertschedule", "payments.view_payment")


class CancelDateForm(ChangeReasonForm):
    """Why, and where the money goes."""

    refund_to = refund_to_field(required=True)

    def order(self, schedule_id: int) -> DateCancellation:
        return DateCancellation(schedule_id, self.reason(), RefundTo(self.cleaned_data["refund_to"]))


@requires(PERMISSION)
@leading_to_approval
def cancel_date(admin: ReadOnlyAdmin, request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Ask why; then show what it touches; then do it."""
    schedule = schedule_of(schedule_id)
    form = CancelDateForm(request.POST or None)
    if schedule.canceled_at is not None:
        messages.info(request, _("This date was canceled, and stays so."))
        return redirect(change_page(schedule.pk))
    if "edit" in request.POST or not form.is_valid():
        return ask(admin, request, schedule, form)
    order = form.order(schedule.pk)
    try:
        order.reason.require()
        if "confirmed" not in request.POST:
            return confirm(admin, request, schedule, form)
        date_cancellation.cancel_date(order, actor_id=actor_of(request))
    except DomainError as refusal:
        add_domain_error(form, refusal)
        return ask(admin, request, schedule, form)
    said = _("Canceled the date: %(reason)s") % {"reason": order.reason.text}
    return report_done(admin, request, schedule, said)


def schedule_of(schedule_id: int) -> ConcertSchedule:
    return get_object_or_404(ConcertSchedule.objects.select_related("concert__venue"), pk=schedule_id)


def ask(admin: ReadOnlyAdmin, request: HttpRequest, schedule: ConcertSchedule, form: CancelDateForm) -> HttpResponse:
    return schedule_page(
        admin,
        request,
        schedule,
        title=_("Cancel this date"),
        explanation=_("The sale ends, holds are released, and everybody gets everything back. It can’t be undone."),
        form=form,
        submit=_("Look at what it changes"),
    )


def confirm(
    admin: ReadOnlyAdmin, request: HttpRequest, schedule: ConcertSchedule, form: CancelDateForm
) -> HttpResponse:
    reason, refund_to = form.reason(), RefundTo(form.cleaned_data["refund_to"])
    return schedule_page(
        admin,
        request,
        schedule,
        CONFIRM,
        title=_("Cancel this date and refund everybody?"),
        warnings=[_("It can’t be undone: a date that was canceled is never played.")],
        facts=[
            *impact_facts(date_impact(schedule.pk)),
            (_("Refund"), _("in full, without a fee: %(where)s") % {"where": refund_to.label}),
            (_("Mails"), _("one to each fan once they are refunded")),
            (_("Reason"), reason.both),
        ],
        sent=form.sent(),
        submit=_("Cancel the date and refund everybody"),
        variant="danger",
    )


def progress(admin: ReadOnlyAdmin, request: HttpRequest, schedule_id: int) -> HttpResponse:
    """How far the refunds are, as a part of the date's page: asked for again and again while they go on."""
    if not request.user.has_perms(SEE_REFUNDS):
        raise PermissionDenied
    run = refund_work.cancellation_run(schedule_id)
    if run is None:
        raise Http404
    return HttpResponse(progress_html(request, run))


@requires(PERMISSION)
@method_decorator(require_POST)
def retry(admin: ReadOnlyAdmin, request: HttpRequest, schedule_id: int) -> HttpResponse:
    schedule = schedule_of(schedule_id)
    run = refund_work.cancellation_run(schedule_id)
    if run is not None and refund_work.retry(run_id=run.pk):
        admin.note(request, schedule, _("Tried the refunds that failed again."))
    return redirect(change_page(schedule_id))


# --- On the date's page --------------------------------------------------------------------------


def cancel_step(request: HttpRequest, schedule: ConcertSchedule) -> DateStep | None:
    if schedule.canceled_at is not None or not request.user.has_perm(PERMISSION):
        return None
    return DateStep(_("Cancel this date"), reverse("admin:payments_cancel_date", args=[schedule.pk]), variant="danger")


def progress_panel(request: HttpRequest, schedule: ConcertSchedule) -> SafeString:
    """How far the refunds of a canceled date are; empty of others."""
    may_see = schedule.canceled_at is not None and request.user.has_perms(SEE_REFUNDS)
    run = refund_work.cancellation_run(schedule.pk) if may_see else None
    if run is None:
        return SafeString()
    address = reverse("admin:payments_date_refunds", args=[schedule.pk])
    facts = {"part": progress_html(request, run), "address": address}
    return render_to_string("admin/payments/date_refunds.html", facts, request)


def progress_html(request: HttpRequest, run: RefundRun) -> SafeString:
    facts = {"progress": refund_work.progress_of(run), "may_retry": request.user.has_perm(PERMISSION)}
    return render_to_string("admin/payments/date_refunds_part.html", facts, request)


def add_to_date_pages() -> None:
    """Have both shown on the pages of dates."""
    if cancel_step not in STEPS:
        STEPS.append(cancel_step)
        PANELS.append(progress_panel)
