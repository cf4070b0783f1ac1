"""The cockpit of one sale, all sales of the day side by side, and the figures that both ask for every two seconds."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override
from django.views.decorators.http import require_POST

from concert_site.back_office.cockpit import controls, passes, texts
from concert_site.back_office.cockpit.passes import RUN, WATCH, Pass, may_watch
from concert_site.back_office.pages import page, staff_page
from concert_site.lib.cache import TTLCache
from concert_site.lib.cache_control import PRIVATE
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import thousands
from concert_site.lib.json import to_json
from concert_site.operations.monitoring import process_health
from payments.queries.sale_figures import SaleFigures
from payments.queries.sale_snapshots import figures_of, fresh_figures_of
from reservations.domain import all_sales
from reservations.models import ConcertSchedule
from reservations.queries.onsales import sales_of_the_day
from reservations.queries.sales import sale_of

# As long as a process remembers the figures themselves.
ANSWER_SECONDS = 0.4

_answers: TTLCache[bytes] = TTLCache(most=256)


# --- Pages -----------------------------------------------------------------------------------------


@staff_page(*WATCH)
def sale(request: HttpRequest, *, schedule_id: int) -> HttpResponse:
    found = figures_of([schedule_id])
    if not found:
        raise Http404
    (figures,) = found
    terms = sale_of(schedule_id)
    context = shared(request, [figures]) | {
        "figures": figures,
        "address": reverse("admin:sale_figures", args=[schedule_id]),
        "minutes": controls.MINUTES,
        "longest_message": controls.LONGEST_MESSAGE,
        "log": controls.log_of(schedule_id),
        "layout_name": terms.layout_name if terms is not None and terms.is_public and figures.seats else None,
    }
    return page(request, "cockpit/sale.html", title=figures.concert_name, sale=context["sales"][0], **context)


@staff_page(*WATCH)
def sales(request: HttpRequest) -> HttpResponse:
    found = figures_of(sales_of_the_day())
    context = shared(request, found) | everything(found) | {"address": reverse("admin:sales_figures")}
    return page(request, "cockpit/sales.html", title=_("Sales of the day"), **context)


def everything(found: Sequence[SaleFigures]) -> dict[str, Any]:  # Any: values of a template
    """What "pause everything" and "resume everything" would do."""
    to_pause = set(all_sales.pausable().values_list("pk", flat=True))
    concerned = [each for each in found if each.schedule_id in to_pause]
    return {
        "to_pause": len(to_pause),
        "to_resume": all_sales.paused_together().count(),
        "waiting": sum(each.waiting for each in concerned),
        "inside": sum(each.inside for each in concerned),
    }


def shared(request: HttpRequest, found: Sequence[SaleFigures]) -> dict[str, Any]:  # Any: values of a template
    """What both pages have: the sales, the machinery, and a pass to go on asking with."""
    seen = passes.pass_for(request)
    shown = [texts.figures_text(each, sees_money=seen.sees_money) for each in found]
    for each, figures in zip(shown, found, strict=True):
        each["figures"] = figures
    return {
        "sales": shown,
        "health": texts.health_text(process_health()),
        "pass": passes.written(seen),
        "sees_money": seen.sees_money,
        "may_run": any(map(request.user.has_perm, RUN)),
        "box": f"0 -2 {texts.WIDTH} {texts.HEIGHT + 4}",
    }


# --- What the pages ask for ------------------------------------------------------------------------


def sale_figures(request: HttpRequest, *, schedule_id: int) -> HttpResponse:
    return answer(request, lambda: [schedule_id])


def sales_figures(request: HttpRequest) -> HttpResponse:
    return answer(request, sales_of_the_day)


def answer(request: HttpRequest, schedule_ids: Callable[[], Sequence[int]]) -> HttpResponse:
    """The figures for who shows a pass, or a session that may watch and is given one: no query, most of the time."""
    seen, written = passes.shown_by(request), b""
    if seen is None:
        if not (admin.site.has_permission(request) and may_watch(request.user)):
            return JsonResponse({"code": "not_authenticated"}, status=HTTPStatus.FORBIDDEN)
        seen = passes.pass_for(request)
        written = b'"pass":' + to_json(passes.written(seen)) + b","
    with override(seen.language):
        body = body_for(schedule_ids(), seen)
    response = HttpResponse(b"{" + written + body[1:], content_type="application/json")
    response["Cache-Control"] = PRIVATE
    return response


def body_for(schedule_ids: Sequence[int], seen: Pass) -> bytes:
    """The answer for everybody who reads this language and may, or may not, see money."""
    key = (tuple(schedule_ids), seen.language, seen.sees_money)
    return _answers.get_or_build(key, lambda: (to_json(found_for(schedule_ids, seen)), ANSWER_SECONDS))


def found_for(schedule_ids: Sequence[int], seen: Pass) -> dict[str, Any]:  # Any: JSON
    found = figures_of(schedule_ids)
    return {
        "sales": [texts.figures_text(each, sees_money=seen.sees_money) for each in found],
        "health": texts.health_text(process_health()),
    }


# --- Controls ----------------------------------------------------------------------------------------


@staff_page(*RUN)
@require_POST
def control(request: HttpRequest, *, schedule_id: int, name: str) -> HttpResponse:
    schedule = get_object_or_404(ConcertSchedule.objects.select_related("concert__venue"), pk=schedule_id)
    try:
        said, is_refused = controls.apply(request, schedule, name).said, False
    except DomainError as refusal:
        said, is_refused = str(refusal.detail), True
    figures = fresh_figures_of(schedule_id)
    _answers.clear()
    if "application/json" in request.headers.get("Accept", "") and figures is not None:
        shown = texts.figures_text(figures, sees_money=request.user.has_perm("payments.view_payment"))
        return JsonResponse({"said": said, "is_refused": is_refused, "sales": [shown]})
    messages.add_message(request, messages.ERROR if is_refused else messages.SUCCESS, said)
    back = "admin:sales" if "from_all" in request.POST else "admin:sale"
    return HttpResponseRedirect(reverse(back, args=[schedule_id] if back == "admin:sale" else []))


@staff_page(*RUN)
@require_POST
def pause_all(request: HttpRequest) -> HttpResponse:
    """Pause every sale that isn't paused."""
    return together(request, all_sales.pause_all, paused_text)


@staff_page(*RUN)
@require_POST
def resume_all(request: HttpRequest) -> HttpResponse:
    """Resume every sale that was paused with all others."""
    return together(request, all_sales.resume_all, resumed_text)


def together(request: HttpRequest, step: Callable[[], all_sales.Together], text: Callable[[int], str]) -> HttpResponse:
    """Do it to all of them, write each into the log, and say how many it were, and which could not be reached."""
    made = step()
    schedules = ConcertSchedule.objects.select_related("concert").in_bulk([*made.done, *made.missed])
    schedule_admin = admin.site.get_model_admin(ConcertSchedule)
    for schedule_id in made.done:
        schedule_admin.log_change(request, schedules[schedule_id], text(len(made.done)))
        fresh_figures_of(schedule_id)
    _answers.clear()
    messages.success(request, text(len(made.done)))
    for schedule_id in made.missed:
        refused = _("%(date)s could not be reached just now. Do it on its own page.")
        messages.error(request, refused % {"date": schedules[schedule_id]})
    return HttpResponseRedirect(reverse("admin:sales"))


def paused_text(count: int) -> str:
    text = ngettext(
        "Paused everything: %(count)s sale, where nobody is let in.",
        "Paused everything: %(count)s sales, where nobody is let in.",
        count,
    )
    return text % {"count": thousands(count)}


def resumed_text(count: int) -> str:
    text = ngettext(
        "Resumed what was paused with everything: %(count)s sale.",
        "Resumed what was paused with everything: %(count)s sales.",
        count,
    )
    return text % {"count": thousands(count)}
