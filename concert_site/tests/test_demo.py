"""`load_demo`: five concerts in their five states, two logins, and an audit that finds nothing."""

import time
from datetime import timedelta
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test import Client, override_settings
from django.utils import timezone

from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import at_once
from concert_site.demo import loading
from concert_site.demo.programme import IN_LINE, ITEMS, LOBBY, ON_SALE, SOLD_OUT, UPCOMING
from concert_site.operations import audit
from concert_site.tests.module_transaction import module_transaction
from payments.models import Payment
from payments.queries.mails import CANCELED, CONFIRMED, owed_mails
from queueing.domain.draw import DrawOutcome, draw
from queueing.models import WaitingToken
from reservations.domain import waiting_room
from reservations.models import Concert, ConcertSchedule, ConcertSeat
from reservations.models.concert import IS_AVAILABLE
from reservations.queries.sales import public_schedule
from wallet.models import Balance, BalanceHistory

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(settings, tmp_path):
    """Posters of this test's own."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(scope="class")
def printed(django_db_setup, django_db_blocker, tmp_path_factory):
    """What loading the demo prints. It is loaded once; each test's transaction lies within this one."""
    media = override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("media"))
    with media, module_transaction(django_db_blocker):
        yield load()


def load():
    out = StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue()


def rows():
    """How many rows every table of ours has."""
    labels = ("accounts", "wallet", "queueing", "reservations", "payments")
    return {model: model.objects.count() for label in labels for model in apps.get_app_config(label).get_models()}


def schedule_of(item):
    return ConcertSchedule.objects.get(concert__name=item.name)


def statuses(item):
    return set(ConcertSeat.objects.of_schedule(schedule_of(item).pk).values_list("status", flat=True))


@pytest.mark.usefixtures("printed")
class TestOnceLoaded:
    def test_the_audit_finds_nothing_and_nobody_is_owed_a_mail(self):
        assert [str(finding) for finding in audit.run() if not finding.is_ok] == []
        assert Payment.objects.count() > 100
        assert [*owed_mails(CONFIRMED), *owed_mails(CANCELED)] == []

    def test_five_concerts_in_their_five_states(self):
        now = timezone.now()
        assert Concert.objects.filter(IS_AVAILABLE).count() == 5
        assert {public_schedule(schedule_of(item).pk).sale_state for item in (UPCOMING, LOBBY)} == {"UPCOMING", "LOBBY"}
        for item in (ON_SALE, IN_LINE, SOLD_OUT):
            schedule = schedule_of(item)
            assert schedule.reservation_available_at < now < schedule.deadline_at
        assert statuses(UPCOMING) == statuses(LOBBY) == statuses(IN_LINE) == {"AVAILABLE"}
        assert statuses(ON_SALE) == {"AVAILABLE", "RESERVED"}
        assert statuses(SOLD_OUT) == {"RESERVED"}
        assert ConcertSeat.objects.of_schedule(schedule_of(ON_SALE).pk).count() == 1_984

    def test_concerts_begin_at_half_past_seven_on_the_date_they_name(self):
        for schedule in ConcertSchedule.objects.all():
            local = timezone.localtime(schedule.concert_at)
            assert (local.hour, local.minute) == (19, 30)
            assert local.date() == schedule.concert_date

    def test_every_concert_has_a_poster_of_its_own_that_is_served(self):
        addresses = {concert.poster_url for concert in Concert.objects.all()}
        assert len(addresses) == 5
        for address in addresses:
            assert Client().get(address)["Content-Type"] == "image/svg+xml"

    def test_the_line_has_three_fans_inside_and_sixty_waiting_in_order(self):
        line = WaitingToken.objects.filter(concert_schedule=schedule_of(IN_LINE)).order_by("number")
        assert [token.number for token in line] == list(range(1, 64))
        assert [token.status for token in line] == ["ACTIVE"] * 3 + ["WAITING"] * 60
        assert all(token.entered_at for token in line[:3])
        assert schedule_of(IN_LINE).queue_max_active == 3

    def test_forty_fans_gather_for_an_opening_in_ten_minutes_and_numbers_are_drawn_then(self):
        schedule = schedule_of(LOBBY)
        lobby = WaitingToken.objects.filter(concert_schedule=schedule)

        opens_in = schedule.reservation_available_at - timezone.now()
        assert timedelta(minutes=8) < opens_in <= timedelta(minutes=10)
        assert lobby.filter(status="WAITING", number=None, created_at__lt=timezone.now()).count() == lobby.count() == 40
        ConcertSchedule.objects.filter(pk=schedule.pk).update(reservation_available_at=timezone.now())
        assert draw(schedule.pk) == DrawOutcome(drawn=40, late=0)
        waiting_room.tick(schedule.pk)
        assert lobby.filter(status="ACTIVE").count() == 12

    def test_the_fan_has_money_and_a_ledger_that_says_where_from(self):
        balance = Balance.objects.get(user__email="fan@frontrow.example")
        assert balance.amount == 600_000
        assert [row.amount for row in BalanceHistory.objects.of(user_id=balance.user_id)] == [600_000]

    def test_ledgers_are_in_the_order_of_time(self):
        for fan in User.objects.all():
            booked = BalanceHistory.objects.of(user_id=fan.pk).order_by("pk").values_list("created_at", flat=True)
            assert list(booked) == sorted(booked)

    def test_both_logins_work_as_printed(self, printed):
        lines = printed.splitlines()

        assert len(lines) == 2
        for line in lines:
            email, secret = line.split(":", 1)[1].split(" / ")
            assert Client().login(username=email.strip(), password=secret)
        staff = User.objects.get(email="staff@frontrow.example")
        assert staff.is_staff
        assert staff.is_superuser


@pytest.mark.parametrize("item", ITEMS, ids=[item.poster for item in ITEMS])
def test_a_poster_is_three_by_four_says_what_it_is_and_runs_nothing(item):
    root = ET.fromstring(item.drawing)

    names = {element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in root.iter()}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert root.attrib["viewBox"] == "0 0 600 800"
    assert root[0].text == item.name
    assert names <= {
        *("svg", "title", "defs", "linearGradient", "radialGradient", "stop"),
        *("g", "path", "rect", "circle", "ellipse", "text"),
    }
    assert not {name for name in attributes if name.startswith("on") or "href" in name or name == "style"}
    assert len(item.drawing) < 20_000


@pytest.mark.usefixtures("media")
def test_loading_again_changes_nothing_and_prints_the_logins_again():
    first = load()
    before = rows()

    assert load() == first
    assert rows() == before


@pytest.mark.usefixtures("media")
@pytest.mark.django_db(transaction=True)
def test_of_two_loads_at_once_the_second_waits_for_the_first_however_long(monkeypatch):
    for loader in ("load_lobby", "load_line", "load_on_sale", "load_sold_out"):
        monkeypatch.setattr(loading, loader, lambda *_: [])
    monkeypatch.setattr(loading, "load_upcoming", lambda _: time.sleep(0.5))

    def load_impatiently():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        return loading.load()

    assert sorted(at_once([load_impatiently, load_impatiently])) == [False, True]


@pytest.mark.usefixtures("media")
def test_a_load_that_breaks_in_the_middle_leaves_nothing():
    blocker = User.objects.create_user("crowd180@frontrow.example")
    before = rows()

    with pytest.raises(IntegrityError):
        load()

    assert rows() == before
    blocker.delete()
    load()
    assert Concert.objects.count() == 5


@pytest.mark.usefixtures("media")
def test_demo_is_refused_in_production(settings):
    settings.IS_PRODUCTION = True

    with pytest.raises(CommandError, match="MODE=demo"):
        load()

    assert User.objects.count() == 0
