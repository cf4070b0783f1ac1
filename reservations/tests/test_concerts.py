"""The public reads over HTTP: what they answer, to whom, and what they cost."""

import gzip
import json
import time
from datetime import UTC, datetime, timedelta
from math import ceil
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate, now

from concert_site.accounts.tests.factories import api_of
from concert_site.lib.cache import clear_caches
from concert_site.lib.rate_limits import LIMITS
from concert_site.tests.away import redis_away
from reservations.models import ConcertSeat, Venue
from reservations.tests.factories import hold, make_concert, make_schedule, make_seats, reserve

pytestmark = pytest.mark.django_db

CONCERTS = "/api/v1/concerts/"
SOMEBODY = {"cookie": "sessionid=" + "a" * 32, "authorization": "Bearer x"}


def get(path, **headers):
    return api_of().get(path, headers=headers)


def error_of(response):
    (error,) = response.json()["errors"]
    return error


def names(**filters):
    response = api_of().get(CONCERTS, filters)
    assert response.status_code == 200, response.content
    return [concert["name"] for concert in response.json()["results"]]


def paths_of(schedule):
    return [
        f"{CONCERTS}{schedule.concert_id}/",
        f"/api/v1/schedules/{schedule.pk}/",
        f"/api/v1/schedules/{schedule.pk}/seats/",
        f"/api/v1/schedules/{schedule.pk}/availability/",
    ]


def test_concert_and_its_schedules_have_the_agreed_shape():
    schedule = make_schedule(make_concert(name="Aria", host="Hall", description="Loud"), tickets_per_fan=2)
    make_seats(schedule, 2, 90_000, category="R")
    make_seats(schedule, 1, 60_000, category="S")

    page = get(CONCERTS).json()

    (concert,) = page.pop("results")
    assert page == {"count": 1, "next": None, "previous": None}
    (found,) = concert.pop("schedules")
    assert concert == {
        "id": schedule.concert_id,
        "name": "Aria",
        "host": "Hall",
        "description": "Loud",
        "status": "AVAILABLE",
        "poster": None,
        "venue": None,
        "genre": "",
        "running_minutes": None,
        "age_rating": None,
        "cast": "",
        "notices": "",
        "organiser": "",
        "contact": "",
        "seller": "",
    }
    for column in ("concert_at", "reservation_available_at", "deadline_at"):
        assert found.pop(column)
    assert found == {
        "id": schedule.pk,
        "concert": schedule.concert_id,
        "concert_date": str(schedule.concert_date),
        "time_zone": "Asia/Seoul",
        "moved_from": None,
        "first_concert_at": None,
        "canceled_at": None,
        "change_reasons": {"ko": "", "en": ""},
        "sale_state": "OPEN",
        "tickets_per_fan": 2,
        "prices": [{"category": "R", "seat_price": 90_000}, {"category": "S", "seat_price": 60_000}],
        "seats_left": 3,
    }


def test_list_detail_and_schedule_tell_the_same():
    schedule = make_schedule()
    make_seats(schedule, 2)

    (listed,) = get(CONCERTS).json()["results"]

    assert get(f"{CONCERTS}{schedule.concert_id}/").json() == listed
    assert get(f"/api/v1/schedules/{schedule.pk}/").json() == listed["schedules"][0]


def test_concert_without_dates_is_listed():
    make_concert()

    assert get(CONCERTS).json()["results"][0]["schedules"] == []


def test_poster_is_an_address_on_this_site():
    concert = make_concert(poster="posters/aria.jpg")

    poster = get(f"{CONCERTS}{concert.pk}/").json()["poster"]

    assert poster.startswith("/")
    assert poster.endswith("posters/aria.jpg")


def test_seats_left_counts_lapsed_holds_as_free():
    schedule = make_schedule()
    _free, held, lapsed, reserved, off_sale = make_seats(schedule, 5)
    hold(held)
    hold(lapsed, until=now() - timedelta(seconds=1))
    reserve(reserved)
    ConcertSeat.objects.filter(pk=off_sale.pk).move("AVAILABLE", "UNAVAILABLE")

    assert get(f"/api/v1/schedules/{schedule.pk}/").json()["seats_left"] == 2


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_the_same_whatever_its_length(count, django_assert_num_queries):
    for _ in range(count):
        concert = make_concert()
        for _ in range(count):
            make_seats(make_schedule(concert), 2)

    # Their number, the page, the schedules, prices and seats left.
    with django_assert_num_queries(4):
        assert len(get(CONCERTS).json()["results"]) == count


@pytest.mark.parametrize("count", [1, 3])
def test_detail_costs_the_same_whatever_its_dates_and_nothing_within_its_second(count, django_assert_num_queries):
    concert = make_concert()
    for _ in range(count):
        make_seats(make_schedule(concert), 2)

    with django_assert_num_queries(3):
        get(f"{CONCERTS}{concert.pk}/")
    with django_assert_num_queries(0):
        get(f"{CONCERTS}{concert.pk}/")


def test_schedule_costs_two_queries_and_nothing_within_its_second(django_assert_num_queries):
    schedule = make_schedule()
    make_seats(schedule, 2)

    with django_assert_num_queries(2):
        get(f"/api/v1/schedules/{schedule.pk}/")
    with django_assert_num_queries(0):
        get(f"/api/v1/schedules/{schedule.pk}/")


def test_search_finds_every_word_in_name_host_or_description():
    make_concert(name="Aria Live", host="Blue Hall", description="An evening")
    make_concert(name="Bolero", host="Red Hall", description="Aria of the year")
    make_concert(name="아리아", host="Red Hall")

    assert names(search="aria blue") == ["Aria Live"]
    assert sorted(names(search="ARIA")) == ["Aria Live", "Bolero"]
    assert names(search="아리") == ["아리아"]
    assert names(search="100%") == []
    assert len(names(search="")) == 3


def test_date_is_the_venues():
    make_schedule(make_concert(name="Soon"), concert_at=now() + timedelta(days=2))
    make_schedule(make_concert(name="Later"), concert_at=now() + timedelta(days=3))

    assert names(date=localdate(now() + timedelta(days=2)).isoformat()) == ["Soon"]


def test_genre_venue_and_dates_narrow_the_list():
    hall = Venue.objects.create(name="Blue Square", address="Yongsan, Seoul")
    moment = now()
    for days in (2, 9):
        make_schedule(
            make_concert(name=f"in {days}", genre="JAZZ", venue=hall), concert_at=moment + timedelta(days=days)
        )
    make_schedule(make_concert(name="elsewhere", genre="POP"), concert_at=moment + timedelta(days=3))
    day = localdate(moment)

    assert names(genre="JAZZ") == names(venue=hall.pk) == names(venue="blue yongsan") == ["in 2", "in 9"]
    assert names(date_from=day + timedelta(days=3)) == ["elsewhere", "in 9"]
    assert names(date_to=day + timedelta(days=3), date_from=day) == ["in 2", "elsewhere"]
    assert names(date_from=day + timedelta(days=3), genre="JAZZ") == ["in 9"]
    assert names(venue=hall.pk + 1) == names(venue="red") == []


def make_one_of_each_state():
    moment = now()
    ahead = {"reservation_available_at": moment + timedelta(days=1)}
    over = {"deadline_at": moment - timedelta(hours=1)}
    make_seats(make_schedule(make_concert(name="upcoming"), **ahead), 2)
    make_seats(make_schedule(make_concert(name="lobby"), reservation_available_at=moment + timedelta(minutes=59)), 2)
    make_seats(make_schedule(make_concert(name="open"), concert_at=moment + timedelta(days=20)), 2)
    make_seats(make_schedule(make_concert(name="closed"), **over), 2)
    _, off_sale = sold = make_seats(make_schedule(make_concert(name="sold out")), 2)
    reserve(sold[0])
    ConcertSeat.objects.filter(pk=off_sale.pk).move("AVAILABLE", "UNAVAILABLE")
    make_schedule(make_concert(name="no seats yet"), **ahead)


def test_sale_state_filters_as_the_answers_say():
    make_one_of_each_state()

    for state, expected in (
        ("UPCOMING", {"upcoming", "no seats yet"}),
        ("LOBBY", {"lobby"}),
        ("OPEN", {"open"}),
        ("SOLD_OUT", {"sold out"}),
        ("CLOSED", {"closed"}),
    ):
        found = get(f"{CONCERTS}?sale_state={state}").json()["results"]
        assert {concert["name"] for concert in found} == expected
        assert {concert["schedules"][0]["sale_state"] for concert in found} == {state}


def test_date_and_state_are_of_one_and_the_same_schedule():
    concert = make_concert()
    open_one = make_schedule(concert, concert_at=now() + timedelta(days=2))
    closed = make_schedule(concert, concert_at=now() + timedelta(days=3), deadline_at=now() - timedelta(hours=1))

    assert names(date=open_one.concert_date, sale_state="OPEN") == [concert.name]
    assert names(date=closed.concert_date, sale_state="OPEN") == []


def test_concerts_are_in_the_order_of_their_next_date():
    over = now() - timedelta(days=1)
    make_schedule(make_concert(name="over"), concert_at=over, reservation_available_at=over - timedelta(days=1))
    make_schedule(make_concert(name="later"), concert_at=now() + timedelta(days=9))
    make_schedule(make_concert(name="soon"), concert_at=now() + timedelta(days=1))

    assert names() == ["soon", "later", "over"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("date=tomorrow", "date"),
        ("date=2026-02-30", "date"),
        ("date=", "date"),
        ("sale_state=", "sale_state"),
        ("page_size=0", "page_size"),
        ("sale_state=open", "sale_state"),
        ("search=%00", "search"),
        ("date_from=soon", "date_from"),
        ("date_to=2026-02-30", "date_to"),
        ("genre=jazz", "genre"),
        ("search=" + "x" * 101, "search"),
    ],
)
def test_bad_filters_are_refused_by_name(query, field):
    response = get(f"{CONCERTS}?{query}")

    assert response.status_code == 400
    assert response.json()["type"] == "validation_error"
    assert error_of(response)["attr"] == field


@pytest.mark.parametrize("page", ["", "0", "-1", "2", "x", "9" * 30, "9" * 5000, "%00"])
def test_invalid_page_number_is_404(page):
    response = get(f"{CONCERTS}?page={page}")

    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"


def test_pages_are_numbered():
    for _ in range(3):
        make_concert()

    page = get(f"{CONCERTS}?page=2&page_size=2").json()

    assert page["count"] == 3
    assert len(page["results"]) == 1
    assert "page_size=2" in page["previous"]


def test_unavailable_concert_is_found_nowhere():
    schedule = make_schedule(make_concert(status="UNAVAILABLE"))
    make_seats(schedule)

    assert names() == []
    for path in paths_of(schedule):
        response = get(path)
        assert (response.status_code, error_of(response)["code"]) == (404, "not_found"), path


@pytest.mark.parametrize("tail", ["", "seats/", "availability/"])
def test_unknown_ids_are_not_found(tail):
    for pk in ("0", "999999999999999999", "9" * 19, "9" * 100, "-1", "x", "1.0"):
        response = get(f"/api/v1/schedules/{pk}/{tail}")
        assert (response.status_code, error_of(response)["code"]) == (404, "not_found"), pk


def test_leading_zeros_make_no_difference():
    schedule = make_schedule()

    assert get(f"/api/v1/schedules/00{schedule.pk}/").json()["id"] == schedule.pk


def test_public_reads_carry_no_cookies_and_say_how_long_they_are_good():
    schedule = make_schedule()
    make_seats(schedule)

    answers = [get(path, **SOMEBODY) for path in [CONCERTS, *paths_of(schedule)]]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert [answer["Cache-Control"] for answer in answers] == [
        "public, max-age=5",
        "public, max-age=1",
        "public, max-age=1",
        "public, max-age=3600, stale-while-revalidate=86400",
        "public, max-age=1",
    ]
    assert [answer.get("Vary") for answer in answers] == [None, None, None, "Accept-Encoding", "Accept-Encoding"]
    assert not any(answer.cookies for answer in answers)


@pytest.mark.parametrize("tail", ["seats/", "availability/"])
@pytest.mark.parametrize(
    "condition",
    [
        {"if_match": '"other"'},
        {"if_unmodified_since": "Sat, 01 Jan 2000 00:00:00 GMT"},
        {"if_modified_since": "Sat, 01 Jan 2000 00:00:00 GMT"},
    ],
)
def test_other_conditional_headers_are_ignored(tail, condition):
    schedule = make_schedule()
    make_seats(schedule, 2)

    assert get(f"/api/v1/schedules/{schedule.pk}/{tail}", **condition).status_code == 200


@pytest.mark.parametrize("tail", ["seats/", "availability/"])
def test_unchanged_is_304_without_a_query(tail, django_assert_num_queries):
    schedule = make_schedule()
    make_seats(schedule, 2)
    path = f"/api/v1/schedules/{schedule.pk}/{tail}"
    etag = get(path)["ETag"]

    for known in (etag, f'"other", {etag}', "*", "W/" + etag.removeprefix("W/")):
        # It is remembered for a second, which begins here.
        clear_caches()
        first = get(path)
        with django_assert_num_queries(0):
            again = get(path, if_none_match=known)
        assert (again.status_code, again.content) == (304, b"")
        assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], first["Cache-Control"])
        assert again.get("Vary") == first.get("Vary")


@pytest.mark.parametrize("known", ['"other"', "nonsense", '""', ""])
@pytest.mark.parametrize("tail", ["seats/", "availability/"])
def test_changed_etag_is_answered_with_200(known, tail):
    schedule = make_schedule()

    assert get(f"/api/v1/schedules/{schedule.pk}/{tail}", if_none_match=known).status_code == 200


@pytest.mark.parametrize(
    ("offer", "is_packed"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("xgzip", False),
    ],
)
def test_map_is_packed_for_who_takes_it(offer, is_packed):
    schedule = make_schedule()
    make_seats(schedule, 3)

    answer = get(f"/api/v1/schedules/{schedule.pk}/seats/", accept_encoding=offer)

    assert (answer.get("Content-Encoding") == "gzip") is is_packed
    body = gzip.decompress(answer.content) if is_packed else answer.content
    assert len(json.loads(body)["seats"]) == 3


def test_availability_has_a_letter_for_each_seat_of_the_map():
    schedule = make_schedule()
    seats = make_seats(schedule, 3)
    hold(seats[1])

    drawn = get(f"/api/v1/schedules/{schedule.pk}/seats/").json()["seats"]
    live = get(f"/api/v1/schedules/{schedule.pk}/availability/").json()

    held = [seat["id"] for seat, letter in zip(drawn, live["seats"], strict=True) if letter == "T"]
    assert held == [seats[1].pk]
    assert live["seats_left"] == 2


def test_head_and_options_are_answered():
    schedule = make_schedule()
    make_seats(schedule)

    for path in [CONCERTS, *paths_of(schedule)]:
        head, options = api_of().head(path), api_of().options(path)
        assert (head.status_code, head.content) == (200, b"")
        assert options.status_code == 200
        assert options["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_methods_are_refused(method):
    for path in [CONCERTS, *paths_of(make_schedule())]:
        response = getattr(api_of(), method)(path, {}, format="json")
        assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")


def test_only_the_search_is_throttled(monkeypatch):
    monkeypatch.setitem(LIMITS, "search", 1)
    monkeypatch.setitem(LIMITS, "read", 0)
    schedule = make_schedule()

    assert [get(path).status_code for path in paths_of(schedule)] == [200] * 4
    # An address that nobody had this minute; and should a minute end meanwhile, the third is refused.
    address = f"2001:db8::{uuid4().hex[:4]}:{uuid4().hex[:4]}"
    searches = [api_of().get(CONCERTS, REMOTE_ADDR=address) for _ in range(3)]
    assert searches[0].status_code == 200
    throttled = next(search for search in searches if search.status_code == 429)
    assert error_of(throttled)["code"] == "throttled"
    assert 1 <= int(throttled["Retry-After"]) <= 60


def test_without_redis_all_reads_go_on():
    schedule = make_schedule()
    make_seats(schedule, 2)

    with redis_away():
        assert [get(path).status_code for path in [CONCERTS, *paths_of(schedule)]] == [200] * 5


def test_without_redis_polling_asks_each_question_once_a_second():
    schedule = make_schedule()
    make_seats(schedule, 2)
    with redis_away(), CaptureQueriesContext(connection) as asked:
        started = time.monotonic()
        for _ in range(5):
            for path in paths_of(schedule)[1:]:
                get(path)
        seconds = time.monotonic() - started

    # The facts, the standing, the map, the letters; anew with each second that this took on a busy machine.
    assert 4 <= len(asked) <= 4 * (1 + ceil(seconds - 1))


def test_instants_are_in_utc_as_everywhere_in_the_api():
    schedule = make_schedule(concert_at=datetime(2031, 5, 31, 10, 0, tzinfo=UTC))

    assert get(f"/api/v1/schedules/{schedule.pk}/").json()["concert_at"] == "2031-05-31T10:00:00Z"
