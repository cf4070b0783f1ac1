"""Before the draw nobody finds out the seed, whichever way they ask, and nobody sets it."""

import json
import logging
import re
from base64 import b64encode, urlsafe_b64encode
from collections import deque
from datetime import timedelta
from html import unescape
from io import StringIO
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core import serializers
from django.core.management import call_command
from django.db import ProgrammingError, transaction
from django.test import Client
from django.urls import Resolver404, resolve, reverse
from django.utils.timezone import localtime, now

from concert_site.accounts.tests.factories import make_fan, make_staff
from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client as redis
from concert_site.tests.admin_lists import may_narrow
from payments.tests.scenes import buy
from queueing.domain.draw import draw
from reservations.domain import schedules, waiting_room
from reservations.domain.schedules import copy_schedule
from reservations.models import ConcertSchedule
from reservations.queries.sales import sale_of
from reservations.tests.factories import make_schedule, make_seats
from reservations.tests.scenes import hold, make_sale
from wallet.tests.factories import make_fan as make_fan_with_money

pytestmark = pytest.mark.django_db

OPENS_AT = now().replace(microsecond=0) + timedelta(minutes=30)
SEED = "draw_seed"
FARTHEST = 3
DATES = "admin:reservations_concertschedule_changelist"
MOST_PAGES = 500


@pytest.fixture
def schedule():
    """A date in whose lobby a fan stands, of a concert with another date that sells and has all that admin shows."""
    sale = make_sale(seats=3)
    buy(make_fan_with_money(balance=50_000), sale, 0)
    hold(make_fan(), sale, 1)
    schedule = make_schedule(sale.schedule.concert, reservation_available_at=OPENS_AT)
    make_seats(schedule, 2)
    waiting_room.join(user_id=make_fan().pk, schedule_id=schedule.pk)
    return schedule


@pytest.fixture
def staff():
    client = Client()
    client.force_login(make_staff())
    return client


def seed_of(schedule):
    return bytes(ConcertSchedule.objects.get(pk=schedule.pk).draw_seed)


def spellings(schedule):
    """The seed as it might be written anywhere."""
    seed = seed_of(schedule)
    in_hex = seed.hex()
    return [
        *(seed, b64encode(seed), urlsafe_b64encode(seed)),
        *(text.encode() for text in (in_hex, in_hex.upper(), repr(seed)[2:-1], str(list(seed)))),
    ]


def told(schedule, said):
    """Whether this text or these bytes give the seed away."""
    said = said if isinstance(said, bytes) else said.encode()
    return any(spelling in said for spelling in spellings(schedule))


def links_of(address, page):
    """Where a page leads to on this site, without ways out."""
    found = (urljoin(address, unescape(link)) for link in re.findall(r'href="([^"#]*)', page))
    return [link for link in found if link.startswith("/") and not re.search(r"logout|/static/|jsi18n", link)]


def kinds_of(link):
    """What makes a page worth a look: its view, and of the list of dates each thing that may be asked of it, one by one
    and not in all their combinations: what narrows or orders another list shows the same columns.
    """
    parts = urlsplit(link)
    try:
        view = resolve(parts.path).view_name
    except Resolver404:
        view = parts.path
    asked = parse_qs(parts.query, keep_blank_values=True) if view == DATES else ()
    return {view, *((view, name) for name in asked)}


def walk(client, start):
    """Every page that can be reached by links, as address and body."""
    ahead, met = deque([start]), kinds_of(start)
    while ahead:
        address = ahead.popleft()
        response = client.get(address, follow=True)
        assert response.status_code < 500, address
        body = b"".join(response) if response.streaming else response.content
        yield address, body
        for link in links_of(address, body.decode(errors="replace")):
            if kinds_of(link) - met:
                met |= kinds_of(link)
                ahead.append(link)
        assert len(met) < MOST_PAGES


def paths_to_the_seed(model):
    """The ways from a model to the seed over relations, forwards and backwards, as a list's address spells them."""
    ahead = deque([((), model)])
    while ahead:
        path, here = ahead.popleft()
        if here is ConcertSchedule:
            yield "__".join((*path, SEED))
        elif len(path) < FARTHEST:
            ahead.extend(
                ((*path, field.name), field.related_model)
                for field in here._meta.get_fields()
                if field.is_relation and field.related_model and field.name not in path
            )


# --- Reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_no_list_can_be_narrowed_by_the_seed(staff, model):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    asked = [f"{path}{lookup}" for path in paths_to_the_seed(model) for lookup in ("", "__gt", "__isnull")]

    # What refuses is asked about each, and the page itself about the nearest way.
    somebody = make_staff()
    assert [name for name in asked if may_narrow(somebody, model, name, "00")] == []
    assert [staff.get(address, {name: "00"}).status_code for name in asked[:3]] == [400] * len(asked[:3])


def test_there_are_ways_to_the_seed_that_the_test_above_tries():
    ways = {model._meta.label: len(list(paths_to_the_seed(model))) for model in admin.site._registry}

    assert min(ways[f"reservations.{name}"] for name in ("Concert", "ConcertSchedule", "ConcertSeat", "Reservation"))
    assert ways["queueing.WaitingToken"]
    assert ways["accounts.User"] > 1


@pytest.mark.parametrize(
    "query",
    [
        {"o": "99"},
        {"o": SEED},
        {"o": f"-{SEED}"},
        {"ordering": SEED},
        {"_to_field": SEED},
        {"_to_field": SEED, "_popup": "1"},
        {"all": "", "e": SEED},
        {"q": "\\x00", "_facets": "True"},
    ],
)
def test_no_list_is_ordered_or_keyed_by_the_seed(staff, schedule, query):
    response = staff.get("/admin/reservations/concertschedule/", query)

    assert response.status_code in (200, 302, 400)
    assert not told(schedule, response.content)
    if response.status_code == 200:
        assert SEED not in str(response.context["cl"].queryset.query.order_by)
        assert not any(SEED in str(ordering) for ordering in response.context["cl"].queryset.query.order_by)


@pytest.mark.parametrize("field", [SEED, f"concert_schedule__{SEED}", "concert_schedule"])
def test_what_completes_a_field_knows_no_seeds(staff, schedule, field):
    asked = {"app_label": "queueing", "model_name": "waitingtoken", "field_name": field}

    for term in ("", seed_of(schedule).hex()[:8]):
        response = staff.get("/admin/autocomplete/", asked | {"term": term})
        assert response.status_code == (200 if field == "concert_schedule" else 403)
        assert not told(schedule, response.content)
    if field == "concert_schedule":
        assert response.json()["results"] == []


def test_no_page_of_the_admin_tells_the_seed(staff, schedule):
    edit = reverse("admin:reservations_concertschedule_change", args=[schedule.pk])
    staff.post(edit, {name: localtime(OPENS_AT) for name in ("concert_at", SEED)})
    staff.post(edit.replace("change", "pause"))

    pages = dict(walk(staff, "/admin/"))

    assert reverse("admin:reservations_concertschedule_changelist") in pages
    pages |= {address: staff.get(address).content for address in (edit, edit.replace("change", "history"))}
    assert [address for address, body in pages.items() if told(schedule, body)] == []


def test_no_page_and_no_answer_to_fans_tells_the_seed(schedule):
    fan = make_fan()
    client = Client()
    client.force_login(fan)
    join = client.post(f"/api/v1/schedules/{schedule.pk}/queue-tokens/")
    token = join.json()["token"]

    bodies = dict(walk(client, "/")) | {"join": join.content}
    for address in (
        "concerts/",
        f"schedules/{schedule.pk}/",
        f"schedules/{schedule.pk}/queue/",
        f"queue-tokens/{token}/",
    ):
        for query in (
            "",
            f"?{SEED}__gt=00",
            f"?ordering={SEED}",
            f"?search={SEED}",
            f"?fields={SEED}",
            f"?expand={SEED}",
        ):
            bodies[address + query] = client.get(f"/api/v1/{address}{query}").content
    for address in ("seats/", "availability/", "draw/"):
        bodies[address] = client.get(f"/api/v1/schedules/{schedule.pk}/{address}").content

    assert f"/concerts/{schedule.concert_id}/" in bodies
    assert [address for address, body in bodies.items() if told(schedule, body)] == []
    assert client.get(f"/api/v1/schedules/{schedule.pk}/draw/").status_code == 404
    assert json.loads(bodies[f"schedules/{schedule.pk}/queue/"])["draw"]["seed"] is None


def test_neither_words_nor_logs_nor_the_audit_nor_redis_have_the_seed(schedule, caplog):
    caplog.set_level(logging.DEBUG)
    whole = ConcertSchedule.objects.get(pk=schedule.pk)
    audit = StringIO()

    waiting_room.join(user_id=make_fan().pk, schedule_id=schedule.pk)
    waiting_room.tick(schedule.pk)
    call_command("audit", stdout=audit)

    kept = [value for key in redis().scan_iter("*") for value in (key, redis().dump(key) or b"")]
    said = [str(whole), repr(whole), repr(sale_of(schedule.pk)), caplog.text, audit.getvalue()]
    assert [each for each in (*said, *kept) if told(schedule, each)] == []


def test_the_log_of_the_admin_has_no_seed(staff, schedule):
    address = reverse("admin:reservations_concertschedule_copy", args=[schedule.pk])
    moment = localtime(now() + timedelta(days=40))
    staff.post(address, {"concert_at_0": f"{moment:%Y-%m-%d}", "concert_at_1": f"{moment:%H:%M}"})

    entries = [f"{entry.change_message} {entry.object_repr}" for entry in LogEntry.objects.all()]

    assert entries
    assert not any(told(schedule, entry) for entry in entries)


def test_once_drawn_the_seed_is_there_for_all():
    schedule = make_schedule(reservation_available_at=OPENS_AT)
    waiting_room.join(user_id=make_fan().pk, schedule_id=schedule.pk)
    ConcertSchedule.objects.update(reservation_available_at=now())
    assert draw(schedule.pk).drawn == 1
    clear_caches()

    response = Client().get(f"/api/v1/schedules/{schedule.pk}/draw/")

    assert told(schedule, b"".join(response))


# --- Writing -----------------------------------------------------------------------------------


def test_a_fixture_neither_brings_a_seed_nor_changes_one(schedule):
    chosen = b"\x07" * 32
    (there,) = json.loads(serializers.serialize("json", [ConcertSchedule.objects.get(pk=schedule.pk)]))
    there["fields"][SEED] = b64encode(chosen).decode()
    new = there | {"pk": schedule.pk + 1000}
    before = seed_of(schedule)

    next(serializers.deserialize("json", json.dumps([new]))).save()
    with pytest.raises(ProgrammingError, match="can not be changed"), transaction.atomic():
        next(serializers.deserialize("json", json.dumps([there]))).save()

    assert seed_of(schedule) == before
    assert chosen not in {seed_of(each) for each in ConcertSchedule.objects.all()}


def test_a_copy_has_a_seed_of_its_own_and_a_deleted_date_takes_its_seed_along():
    schedule = make_schedule(reservation_available_at=OPENS_AT)
    seed = seed_of(schedule)

    copy = copy_schedule(schedule_id=schedule.pk, concert_at=now() + timedelta(days=50))
    schedules.delete_schedule(schedule_id=schedule.pk)

    assert seed_of(copy) != seed
