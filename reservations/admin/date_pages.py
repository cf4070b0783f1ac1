"""Moving a date, and writing to its ticket holders: steps of their own, asked about before they are done.

Canceling, which is about money, lies above (payments.admin.date_cancellation) and is plugged in here, as `STEPS` and
`PANELS` of a date's page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from concert_site.lib.admin.base import StaffAdmin, actor_of
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.pages import OwnPages
from concert_site.lib.formats import day_and_time, short_day, thousands
from reservations.admin.date_forms import AnnouncementForm, MoveForm
from reservations.admin.schedule_view import PREFIX, change_page, report_done, schedule_page, schedule_view
from reservations.admin.venue_clocks import clocks_text
from reservations.domain import announcements, date_changes
from reservations.domain.date_changes import Move
from reservations.domain.schedules import database_now, require_valid_times
from reservations.models import Announcement, ConcertSchedule
from reservations.queries.date_impact import DateImpact, date_impact

CHANGE_DATE, MESSAGE_HOLDERS = "reservations.change_date", "reservations.message_holders"
CONFIRM = "admin/reservations/confirm_change.html"
LATEST_ANNOUNCEMENTS = 20


@dataclass(frozen=True, slots=True)
class DateStep:
    """A button of a date's page."""

    label: str
    url: str
    variant: str = "default"


@dataclass(frozen=True, slots=True)
class DatePanel:
    """What a date's page shows of its changes."""

    schedule: ConcertSchedule
    steps: list[DateStep]
    announcements: Sequence[Announcement]
    panels: list[SafeString]

    @property
    def has_news(self) -> bool:
        moved = self.schedule.canceled_at or self.schedule.first_concert_at
        return bool(moved or self.panels or self.announcements)


# What apps above add to a date's page: a button, if there is one, and what is under way.
STEPS: list[Callable[[HttpRequest, ConcertSchedule], DateStep | None]] = []
PANELS: list[Callable[[HttpRequest, ConcertSchedule], SafeString]] = []


def date_panel(request: HttpRequest, schedule: ConcertSchedule) -> DatePanel:
    steps = [own_step(request, schedule, name) for name in ("move", "message")]
    steps += [make(request, schedule) for make in STEPS]
    return DatePanel(
        schedule=schedule,
        steps=[step for step in steps if step],
        announcements=announced(schedule.pk),
        panels=[panel for make in PANELS if (panel := make(request, schedule))],
    )


def own_step(request: HttpRequest, schedule: ConcertSchedule, name: str) -> DateStep | None:
    may, label = {
        "move": (schedule.canceled_at is None and request.user.has_perm(CHANGE_DATE), _("Change the date")),
        "message": (request.user.has_perm(MESSAGE_HOLDERS), _("Write to all ticket holders")),
    }[name]
    return DateStep(label, reverse(f"admin:{PREFIX}_{name}", args=[schedule.pk])) if may else None


def announced(schedule_id: int) -> Sequence[Announcement]:
    """The latest mails to the ticket holders of a date, each with how many there are and went out."""
    found = Announcement.objects.filter(concert_schedule=schedule_id).order_by("-pk")
    counted = found.annotate(
        total=Count("recipients", filter=Q(recipients__skipped_at__isnull=True)),
        sent=Count("recipients", filter=Q(recipients__mailed_at__isnull=False)),
    )
    rows = list(counted[:LATEST_ANNOUNCEMENTS])
    for row in rows:
        row.title = title_of(row)  # type: ignore[attr-defined]  # for the template
    return rows


class DatePages(StaffAdmin):
    """The pages, for the admin of schedules."""

    def own_pages(self) -> OwnPages:
        sent = "<int:schedule_id>/announcement/<int:announcement_id>/"
        return [
            ("<int:schedule_id>/move/", self.move_page, f"{PREFIX}_move"),
            ("<int:schedule_id>/message/", self.message_page, f"{PREFIX}_message"),
            (sent, self.announcement_page, f"{PREFIX}_announcement"),
            *super().own_pages(),
        ]

    # --- Moving ------------------------------------------------------------------------------------

    @schedule_view("change_date")
    def move_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        """When, why and for how long refunds are free; then what it touches; then it is done."""
        shown = {"seen": schedule.concert_at.isoformat(), "concert_at": schedule.concert_at}
        form = MoveForm(request.POST or None, initial=shown)
        if "edit" in request.POST or not form.is_valid():
            return self.move_form(request, schedule, form)
        if "confirmed" not in request.POST:
            checked = submit_to_domain(form, lambda: times_to_show(schedule, form.move()))
            if checked is None:
                return self.move_form(request, schedule, form)
            return schedule_page(
                self,
                request,
                schedule,
                CONFIRM,
                title=_("Change the date?"),
                facts=checked,
                sent=form.sent(),
                submit=_("Change the date"),
            )
        done = submit_to_domain(
            form,
            lambda: date_changes.move_date(
                schedule_id=schedule.pk, move=form.move(), actor_id=actor_of(request), key=form.cleaned_data["key"]
            ),
        )
        return self.move_form(request, schedule, form) if done is None else self.moved(request, schedule, *done)

    def move_form(self, request: HttpRequest, schedule: ConcertSchedule, form: MoveForm) -> HttpResponse:
        title, submit = _("Change the date"), _("Look at what it changes")
        return schedule_page(self, request, schedule, title=title, explanation=clocks_text(), form=form, submit=submit)

    def moved(self, request: HttpRequest, schedule: ConcertSchedule, done: Announcement, is_new: bool) -> HttpResponse:
        """Say what was done, once however often it was sent."""
        if not is_new or done.moved_from is None or done.moved_to is None:
            messages.info(request, _("This was done already."))
            return redirect(change_page(schedule.pk))
        zone = schedule.concert.time_zone
        said = _("Moved from %(from)s to %(to)s: %(reason)s") % {
            "from": day_and_time(done.moved_from, zone),
            "to": day_and_time(done.moved_to, zone),
            "reason": done.body_ko or done.body_en,
        }
        page = report_done(self, request, schedule, said)
        report_mails(request, done)
        return page

    # --- Writing to everyone -------------------------------------------------------------------------

    @schedule_view("message_holders")
    def message_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        """The texts; then how many read them, and how; then they are on their way."""
        form = AnnouncementForm(request.POST or None)
        if "edit" in request.POST or not form.is_valid():
            return self.message_form(request, schedule, form)
        texts = form.texts()
        if submit_to_domain(form, lambda: checked(texts)) is None:
            return self.message_form(request, schedule, form)
        if "confirmed" not in request.POST:
            return self.message_preview(request, schedule, form)
        done = submit_to_domain(
            form,
            lambda: announcements.message_holders(
                schedule_id=schedule.pk,
                actor_id=actor_of(request),
                key=form.cleaned_data["key"],
                now=database_now(),
                **texts,
            ),
        )
        if done is None:
            return self.message_form(request, schedule, form)
        message, is_new = done
        if is_new:
            self.log_change(
                request, schedule, _("Wrote to all ticket holders: %(subject)s") % {"subject": title_of(message)}
            )
            report_mails(request, message)
        else:
            messages.info(request, _("This was done already."))
        return redirect(f"admin:{PREFIX}_announcement", schedule.pk, message.pk)

    def message_form(self, request: HttpRequest, schedule: ConcertSchedule, form: AnnouncementForm) -> HttpResponse:
        title, told = _("Write to all ticket holders"), holders_text(date_impact(schedule.pk).fans)
        return schedule_page(self, request, schedule, title=title, explanation=told, form=form, submit=_("Preview"))

    def message_preview(self, request: HttpRequest, schedule: ConcertSchedule, form: AnnouncementForm) -> HttpResponse:
        texts, fans = form.texts(), date_impact(schedule.pk).fans
        previews = [(each, texts[f"subject_{each}"], texts[f"body_{each}"]) for each in ("ko", "en")]
        return schedule_page(
            self,
            request,
            schedule,
            CONFIRM,
            title=_("Send this mail?"),
            facts=[(_("Recipients"), holders_text(fans))],
            previews=[each for each in previews if each[1]],
            sent=form.sent(),
            submit=ngettext("Send to %(count)s fan", "Send to %(count)s fans", fans) % {"count": thousands(fans)},
        )

    @schedule_view("view_concertschedule")
    def announcement_page(self, request: HttpRequest, schedule: ConcertSchedule, announcement_id: int) -> HttpResponse:
        found = [each for each in announced(schedule.pk) if each.pk == announcement_id]
        if not found:
            raise Http404
        (each,) = found
        return schedule_page(
            self,
            request,
            schedule,
            "admin/reservations/announcement.html",
            title=_("Mail to ticket holders"),
            announcement=each,
            texts=[
                (language, getattr(each, f"subject_{language}"), getattr(each, f"body_{language}"))
                for language in ("ko", "en")
                if getattr(each, f"body_{language}")
            ],
        )


def times_to_show(schedule: ConcertSchedule, move: Move) -> list[tuple[str, str]]:
    """What a move changes and whom it touches, before it is done.

    :raises DomainError: if it would be refused
    """
    now = database_now()
    move.reason.require()
    date_changes.require_movable(schedule, move, now)
    times = date_changes.times_after(schedule, move, now=now)
    require_valid_times(times)
    free = date_changes.free_refunds_until(schedule, move, now)
    changes = [
        (_("Starts at"), schedule.concert_at, times.concert_at),
        (_("Sale opens at"), schedule.reservation_available_at, times.opens_at),
        (_("Sale closes at"), schedule.deadline_at, times.closes_at),
    ]
    zone = schedule.concert.time_zone
    shown = [
        (label, day_and_time(old, zone) if old == new else f"{day_and_time(old, zone)} → {day_and_time(new, zone)}")
        for label, old, new in changes
    ]
    refunds = _("until %(day)s, for who has booked by now") % {"day": short_day(free)} if free else _("none")
    return [
        *shown,
        (_("Free refunds"), refunds),
        *impact_facts(date_impact(schedule.pk)),
        (_("Reason"), move.reason.both),
    ]


def impact_facts(impact: DateImpact) -> list[tuple[str, str]]:
    return [(_("Tickets"), impact.sold), (_("Holds and fans in line"), held_and_waiting(impact))]


def held_and_waiting(impact: DateImpact) -> str:
    facts = {"held": thousands(impact.held), "waiting": thousands(impact.waiting)}
    return _("%(held)s seats held, %(waiting)s fans in line") % facts


def checked(texts: Any) -> bool:  # Any: a TypedDict out of a form
    """
    :raises Invalid: if the texts can't be sent
    """
    announcements.require_texts(texts)
    return True


def holders_text(fans: int) -> str:
    text = ngettext(
        "%(count)s fan has tickets for this date, and gets one mail.",
        "%(count)s fans have tickets for this date, and get one mail each.",
        fans,
    )
    return text % {"count": thousands(fans)}


def title_of(announcement: Announcement) -> str:
    return announcement.subject_ko or announcement.subject_en


def report_mails(request: HttpRequest, announcement: Announcement) -> None:
    count = announcement.recipients.count()
    text = ngettext("%(count)s mail is being sent.", "%(count)s mails are being sent.", count)
    messages.info(request, text % {"count": thousands(count)})
