"""What is played, and when it is played and sold."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.predicates import Predicate, moment
from concert_site.lib.database.search_keys import search_key
from concert_site.lib.languages import in_language
from concert_site.lib.states import all_or_none, one_of
from queueing.facts import SaleState, sale_rule
from reservations.models.hall import HallVersion
from reservations.models.posters import small_name
from reservations.models.venue import Venue


class ConcertStatus(models.TextChoices):
    AVAILABLE = "AVAILABLE", _("available")
    UNAVAILABLE = "UNAVAILABLE", _("unavailable")


class Genre(models.TextChoices):
    """What kind of evening it is: what the programme is filtered by."""

    POP = "POP", _("pop")
    ROCK = "ROCK", _("rock and indie")
    HIP_HOP = "HIP_HOP", _("hip-hop and R&B")
    JAZZ = "JAZZ", _("jazz")
    CLASSICAL = "CLASSICAL", _("classical")
    TRADITIONAL = "TRADITIONAL", _("traditional Korean")
    MUSICAL = "MUSICAL", _("musical and theatre")
    DANCE = "DANCE", _("dance")
    FESTIVAL = "FESTIVAL", _("festival")
    FAMILY = "FAMILY", _("family")
    TALK = "TALK", _("talk and fan meeting")
    OTHER = "OTHER", _("other")


# Minutes that an evening can take, intervals included; and the oldest age that a rating asks for.
LONGEST_MINUTES = 24 * 60
OLDEST_AGE = 21


# What the public may see.
IS_AVAILABLE = Q(status=ConcertStatus.AVAILABLE)


class Concert(models.Model):
    """A concert, played on one date or several."""

    name = models.CharField(_("name"), max_length=200)
    host = models.CharField(_("host"), max_length=200, blank=True)
    description = models.TextField(_("description"), blank=True)
    status = models.CharField(_("status"), max_length=11, choices=ConcertStatus, default=ConcertStatus.AVAILABLE)
    poster = models.FileField(_("poster"), upload_to="posters/", blank=True)
    # A concert may be announced before its hall is known. Until then the house's own clocks count.
    venue = models.ForeignKey(
        Venue, models.PROTECT, null=True, blank=True, related_name="concerts", verbose_name=_("venue")
    )
    genre = models.CharField(_("genre"), max_length=11, choices=Genre, blank=True, db_default="")
    running_minutes = models.PositiveSmallIntegerField(_("running time in minutes"), null=True, blank=True)
    # From which age on somebody may come: 0 is everybody, null that nothing was said.
    age_rating = models.PositiveSmallIntegerField(_("age rating"), null=True, blank=True)
    cast = models.TextField(_("cast"), blank=True, db_default="")
    notices = models.TextField(_("notices"), blank=True, db_default="")
    organiser = models.CharField(_("organiser"), max_length=200, blank=True, db_default="")
    contact = models.CharField(_("contact for questions"), max_length=200, blank=True, db_default="")
    # Only where somebody else than the house sells: who that is, as the law wants it said.
    seller = models.TextField(_("seller"), blank=True, db_default="")
    search_key = models.GeneratedField(
        expression=search_key("name", "host", "cast", "description", named=3),
        output_field=models.TextField(),
        db_persist=True,
        editable=False,
    )

    class Meta:
        db_table = "concert"
        verbose_name = _("concert")
        verbose_name_plural = _("concerts")
        constraints = [
            models.CheckConstraint(condition=one_of("status", ConcertStatus), name="concert_status_known"),
            models.CheckConstraint(condition=~Q(name=""), name="concert_has_a_name"),
            models.CheckConstraint(condition=Q(genre="") | one_of("genre", Genre), name="concert_genre_known"),
            models.CheckConstraint(
                condition=Q(running_minutes__isnull=True) | Q(running_minutes__range=(1, LONGEST_MINUTES)),
                name="concert_running_minutes_bearable",
            ),
            models.CheckConstraint(
                condition=Q(age_rating__isnull=True) | Q(age_rating__lte=OLDEST_AGE), name="concert_age_rating_bearable"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def time_zone(self) -> str | None:
        """The name of its venue's zone, in which its times are said; None is the house's own."""
        return self.venue.time_zone if self.venue else None

    @property
    def poster_url(self) -> str | None:
        return self.poster.url if self.poster else None

    @property
    def poster_small_url(self) -> str | None:
        """The address of the poster as lists show it: of a small picture, where there is one."""
        small = small_name(self.poster.name or "")
        return self.poster.storage.url(small) if small else self.poster_url


def tickets_per_fan_default() -> int:
    """The house's limit, until a schedule has one of its own."""
    return int(settings.TICKETS_PER_FAN)


def queue_max_active_default() -> int:
    """The house's cap of fans inside at once, until a schedule has one of its own."""
    return int(settings.QUEUE_MAX_ACTIVE)


class RandomSeed(Func):
    """32 random bytes, made by PostgreSQL from the operating system's generator."""

    template = "sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))"
    output_field = models.BinaryField()


# The seed of the draw is born in the database and stays as it was, so that nobody can choose it or copy
# it from another schedule. Once numbers are drawn, the opening that they were drawn for is history too.
SEED_IS_BORN_HERE = pgtrigger.Trigger(
    name="seed_is_born_here",
    operation=pgtrigger.Insert,
    when=pgtrigger.Before,
    func="NEW.draw_seed := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())); RETURN NEW;",
)
SEED_STAYS = pgtrigger.Trigger(
    name="seed_stays",
    operation=pgtrigger.Update,
    when=pgtrigger.Before,
    condition=pgtrigger.Condition(
        "OLD.draw_seed IS DISTINCT FROM NEW.draw_seed"
        " OR OLD.drawn_at IS NOT NULL AND (OLD.drawn_at IS DISTINCT FROM NEW.drawn_at"
        " OR OLD.reservation_available_at IS DISTINCT FROM NEW.reservation_available_at)"
    ),
    func="RAISE EXCEPTION 'The draw of schedule % can not be changed', OLD.id;",
)

# Fans have been told, and get their money back: a date that was canceled is never played, at no time.
CANCELED_STAYS = pgtrigger.Trigger(
    name="canceled_stays",
    operation=pgtrigger.Update,
    when=pgtrigger.Before,
    condition=pgtrigger.Condition(
        "OLD.canceled_at IS NOT NULL"
        " AND (OLD.canceled_at IS DISTINCT FROM NEW.canceled_at OR OLD.concert_at IS DISTINCT FROM NEW.concert_at)"
    ),
    func="RAISE EXCEPTION 'Schedule % was canceled, and stays so', OLD.id;",
)
LONGEST_CHANGE_REASON = 500
LONGEST_MESSAGE = 500


# Of a schedule: whether every seat on sale is paid.
IS_SOLD_OUT = Predicate("pk", function="schedule_is_sold_out")
# Whether its seats can be had now, be there any left or not.
IS_ON_SALE = IsNull(
    Func(
        *("concert__status", "canceled_at", "reservation_available_at", "deadline_at", Now()),
        function="sale_refusal",
        output_field=models.CharField(),
    ),
    True,
)
# A date that the public may see; one that won't be played; one that hasn't begun.
IS_PUBLIC = Q(concert__status=ConcertStatus.AVAILABLE)
IS_CANCELED = Q(canceled_at__isnull=False)
IS_TO_COME = Q(concert_at__gt=Now())
# What everybody who waits for a date reads now.
MESSAGE_IN_FORCE = Func(
    *("queue_message", "queue_message_until", Now()), function="message_in_force", output_field=models.CharField()
)
# What the facts of a sale are called here.
FLAGS = {"is_public": IS_PUBLIC, "is_canceled": IS_CANCELED, "is_sold_out": Q(IS_SOLD_OUT)}
TIMES = {"opens_at": "reservation_available_at", "deadline_at": "deadline_at"}


def sale_state_at(now: datetime | None = None, *, then: Callable[[SaleState], Combinable] | None = None) -> Case:
    """Where the sale of a schedule stands: queueing.facts.sale_rule, for PostgreSQL to follow.

    Instead of its name, `then` may give something else for each state.
    """
    value = then or (lambda state: Value(state.value))
    return Case(
        *(When(holds(fact, so, now), then=value(state)) for state, fact, so in sale_rule()),
        default=value(SaleState.UPCOMING),
        output_field=models.CharField() if then is None else None,
    )


def holds(fact: str, so: bool | timedelta, now: datetime | None) -> Q:
    """Whether a flag is so, or a time, less so much, has come."""
    if isinstance(so, bool):
        return FLAGS[fact] if so else ~FLAGS[fact]
    return Q(**{f"{TIMES[fact]}__lte": moment(now) + so})


class ConcertSchedule(models.Model):
    """One date of a concert: when it is played, when it is sold, and how its waiting room runs."""

    concert = models.ForeignKey(Concert, models.PROTECT, related_name="schedules", verbose_name=_("concert"))
    concert_date = models.DateField(_("date"))
    concert_at = models.DateTimeField(_("starts at"))
    reservation_available_at = models.DateTimeField(_("sale opens at"))
    deadline_at = models.DateTimeField(_("sale closes at"))
    queue_max_active = models.PositiveIntegerField(
        _("fans inside at once"), default=queue_max_active_default, db_default=200
    )
    queue_paused = models.BooleanField(_("waiting room paused"), default=False, db_default=False)
    # Since when it is paused together with all others, and to be resumed with them; null once somebody paused or
    # resumed this one by itself.
    paused_together_at = models.DateTimeField(_("paused with all others at"), null=True, blank=True, editable=False)
    queue_message = models.CharField(
        _("message to everyone waiting"), max_length=LONGEST_MESSAGE, blank=True, db_default=""
    )
    # From then on nobody reads it any more (SQL: message_in_force). Without an end it stays until staff take it away.
    queue_message_until = models.DateTimeField(_("message ends at"), null=True, blank=True)
    tickets_per_fan = models.PositiveIntegerField(_("tickets per fan"), default=tickets_per_fan_default, db_default=4)
    limits_changed_at = models.DateTimeField(_("limits changed at"), db_default=Now())
    # The version of a hall that its seats were made of; null where they are its own.
    hall_version = models.ForeignKey(
        HallVersion, models.PROTECT, null=True, blank=True, related_name="schedules", verbose_name=_("plan of a hall")
    )
    layout = models.JSONField(_("layout"), default=dict, blank=True)
    layout_version = models.PositiveIntegerField(_("layout version"), default=1, db_default=1)
    draw_seed = models.BinaryField(_("seed of the draw"), db_default=RandomSeed(), editable=False)
    drawn_at = models.DateTimeField(_("drawn at"), null=True, blank=True, editable=False)
    # When it was announced for, had it moved since; null while it is played as it was first announced.
    first_concert_at = models.DateTimeField(_("first announced for"), null=True, blank=True, editable=False)
    # Why it was moved or canceled, as fans read it.
    change_reason_ko = models.CharField(
        _("reason in Korean"), max_length=LONGEST_CHANGE_REASON, blank=True, db_default="", default=""
    )
    change_reason_en = models.CharField(
        _("reason in English"), max_length=LONGEST_CHANGE_REASON, blank=True, db_default="", default=""
    )
    # Up to and including this day at the venue those who had booked before that moment cancel for nothing.
    free_refunds_until = models.DateField(_("free refunds until"), null=True, blank=True, editable=False)
    free_refunds_before = models.DateTimeField(_("for bookings made before"), null=True, blank=True, editable=False)
    canceled_at = models.DateTimeField(_("canceled at"), null=True, blank=True, editable=False)

    class Meta:
        db_table = "concert_schedule"
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        permissions = [
            ("run_sale", "Can run a sale: pause, resume, admit, message, close"),
            ("change_date", "Can postpone and cancel a date"),
            ("message_holders", "Can write to the ticket holders of a date"),
            ("manage_blocks", "Can hold seats back for somebody"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(reservation_available_at__lt=F("deadline_at"), deadline_at__lte=F("concert_at")),
                name="schedule_opens_closes_plays",
            ),
            models.CheckConstraint(condition=Q(tickets_per_fan__gt=0), name="schedule_tickets_per_fan_positive"),
            models.CheckConstraint(condition=Q(layout_version__gt=0), name="schedule_layout_version_positive"),
            models.CheckConstraint(
                condition=all_or_none("free_refunds_until", "free_refunds_before"),
                name="schedule_free_refunds_of_somebody",
            ),
            models.CheckConstraint(
                condition=Q(canceled_at__isnull=True) | ~Q(change_reason_ko="") | ~Q(change_reason_en=""),
                name="schedule_canceled_says_why",
            ),
            models.CheckConstraint(
                condition=Q(paused_together_at__isnull=True) | Q(queue_paused=True), name="schedule_paused_with_others"
            ),
            models.CheckConstraint(
                condition=Q(queue_message_until__isnull=True) | ~Q(queue_message=""), name="schedule_message_that_ends"
            ),
        ]
        triggers: ClassVar = [SEED_IS_BORN_HERE, SEED_STAYS, CANCELED_STAYS]

    def __str__(self) -> str:
        return f"{self.concert}, {self.concert_date}"

    @property
    def free_until(self) -> date | None:
        """Until which day whoever had booked before it was moved cancels for nothing: at most until it is played."""
        return min(self.free_refunds_until, self.concert_date) if self.free_refunds_until else None

    @property
    def change_reason(self) -> str:
        """Why it was moved or canceled, in the language of the reader if it was said in it; empty if it never was."""
        return self.change_reason_in(None)

    def change_reason_in(self, language: str | None) -> str:
        """The same in this language, else the reader's."""
        return in_language({"ko": self.change_reason_ko, "en": self.change_reason_en}, language) or ""
