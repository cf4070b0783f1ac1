"""The list of concerts and the page of one, as browsers get them."""

import gzip
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_fan
from concert_site.lib.cache import clear_caches
from concert_site.lib.formats import when
from concert_site.lib.rate_limits import LIMITS
from queueing.models import WaitingToken
from queueing.tests.factories import make_active, make_line
from reservations.models import ConcertSchedule, Venue
from reservations.tests import scenes
from reservations.tests.browsers import browser_of
from reservations.tests.factories import hold, make_concert, make_schedule, make_seats, reserve

pytestmark = pytest.mark.django_db


def text_of(client, address, **query):
    """What the page says, with every run of blanks as one."""
    clear_caches()
    response = client.get(address, query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def page_of(schedule):
    return reverse("concert", args=[schedule.concert_id])


def make_upcoming(**times):
    opens_at = now() + timedelta(**times)
    return make_schedule(reservation_available_at=opens_at, concert_at=opens_at + timedelta(days=9))


def test_a_card_says_when_how_much_and_how_many_seats_are_left():
    schedule = make_schedule(make_concert(name="Moonlight", host="The House"))
    seats = [*make_seats(schedule, 3, 50_000), *make_seats(schedule, 1, 90_000, category="VIP", row="2")]
    hold(seats[0])
    make_schedule(schedule.concert, concert_at=now() + timedelta(days=60), deadline_at=now() - timedelta(hours=1))

    page = text_of(browser_of(), "/")

    for words in ("Moonlight", "The House", "On sale", "3 seats left", "and 1 more date", "₩50,000", "₩90,000"):
        assert words in page


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('"><img src=x>', "&quot;&gt;&lt;img src=x&gt;"),
        ("{{ 7|add:7 }}", "{{ 7|add:7 }}"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
    ],
)
def test_names_and_descriptions_are_text(name, shown):
    schedule = make_schedule(make_concert(name=name, host=name, description=f"{name}\n\n{name}"))

    for address in ("/", page_of(schedule)):
        page = text_of(browser_of(), address)
        assert shown in page
        assert name == shown or name not in page


def test_without_a_concert_there_is_a_word_instead():
    assert "No concerts yet" in text_of(browser_of(), "/")


def test_what_nothing_fits_leads_back_to_everything():
    make_schedule()

    page = text_of(browser_of(), "/", search="zzz")

    assert "No concerts found" in page
    assert "Show all concerts" in page


def test_search_and_filters_and_what_makes_no_sense():
    make_seats(make_schedule(make_concert(name="Moonlight")))
    upcoming = make_schedule(
        make_concert(name="River Jazz"),
        concert_at=scenes.CONCERT_AT,
        reservation_available_at=scenes.CONCERT_AT - timedelta(days=9),
    )
    make_seats(upcoming)

    both = {"River Jazz", "Moonlight"}

    for query, found in (
        ({"search": "river jazz"}, {"River Jazz"}),
        ({"sale_state": "UPCOMING"}, {"River Jazz"}),
        ({"sale_state": "OPEN"}, {"Moonlight"}),
        ({"sale_state": "LOBBY"}, set()),
        ({"date": "2031-05-31"}, {"River Jazz"}),
        ({"date": "yesterday"}, both),
        ({"sale_state": "NONSENSE"}, both),
        ({"search": "x" * 101}, both),
        ({"search": "a\0b"}, both),
        ({"page": "0"}, both),
        ({"page": "²"}, both),
        ({"page": "9" * 30}, both),
    ):
        page = text_of(browser_of(), "/", **query)
        assert {name for name in both if name in page} == found, query


def test_a_filter_that_makes_no_sense_says_so_at_its_field():
    page = text_of(browser_of(), "/", date="yesterday")

    assert "Enter a valid date." in page
    assert 'value="yesterday"' in page


def test_a_search_on_the_page_has_the_budget_of_the_apis(monkeypatch):
    make_schedule()
    monkeypatch.setitem(LIMITS, "search", 1)
    asked = [browser_of().get("/", {"search": "night"}) for _ in range(3)]

    assert [response.status_code for response in asked].count(429) >= 1
    refused = next(response for response in asked if response.status_code == 429)
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert browser_of().get("/").status_code == 200
    assert browser_of().get("/", {"search": ""}).status_code == 200
    # A network has one budget, an account has its own.
    assert browser_of(make_fan()).get("/", {"search": "night"}).status_code == 200
    assert browser_of().get("/", {"search": "night"}, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_pages_of_a_search_lead_to_each_other():
    for number in range(25):
        make_schedule(make_concert(name=f"Night {number:02}"))

    first, last = text_of(browser_of(), "/", search="Night"), text_of(browser_of(), "/", search="Night", page="2")

    assert "Page 1 of 2" in first
    assert "?search=Night&amp;page=2" in first
    assert "?search=Night&amp;page=1" in last
    assert last.count("<article") == 1


def test_the_list_costs_the_same_however_long_it_is(django_assert_num_queries):
    """Genres and venues, count, concerts, schedules, inventories, two for the foot; nothing within the same second."""
    for rows in (1, 3):
        for _ in range(rows):
            make_seats(make_schedule(), 2)
        clear_caches()
        with django_assert_num_queries(7):
            browser_of().get("/")
    with django_assert_num_queries(0):
        browser_of().get("/")


@pytest.mark.parametrize("dates", [1, 3])
def test_a_concert_costs_two_queries_more_for_who_is_logged_in(dates, django_assert_num_queries):
    concert, fan = make_concert(), browser_of(make_fan())
    for _ in range(dates):
        make_seats(make_schedule(concert), 2)
    fan.get(f"/concerts/{concert.pk}/")

    clear_caches()
    with django_assert_num_queries(6):
        browser_of().get(f"/concerts/{concert.pk}/")
    # The session, the user, what is theirs, and what they hold.
    with django_assert_num_queries(4):
        fan.get(f"/concerts/{concert.pk}/")


def test_nobody_books_without_a_login_that_leads_back():
    schedule = make_schedule()
    make_seats(schedule)

    page = text_of(browser_of(), page_of(schedule))

    assert f'href="/accounts/login/?next=%2Fconcerts%2F{schedule.concert_id}%2F%23date-{schedule.pk}"' in page
    assert reverse("join", args=[schedule.pk]) not in page


def test_a_fan_books_by_a_form():
    schedule = make_schedule()
    make_seats(schedule)

    page = text_of(browser_of(make_fan()), page_of(schedule))

    assert f'method="post" action="{reverse("join", args=[schedule.pk])}"' in page
    assert "csrfmiddlewaretoken" in page


def test_in_the_lobby_a_fan_enters_the_waiting_room_and_sees_the_opening_near():
    schedule = make_upcoming(minutes=5)
    make_seats(schedule)

    page, stranger = (text_of(browser_of(fan), page_of(schedule)) for fan in (make_fan(), None))

    for words in ("Waiting room open", "Booking opens", "Enter the waiting room", "who came first"):
        assert words in page
    assert 'data-seconds-left="300"' in page or 'data-seconds-left="299"' in page
    assert f'method="post" action="{reverse("join", args=[schedule.pk])}"' in page
    assert "Log in to enter the waiting room" in stranger


def test_before_the_lobby_a_sale_counts_down_to_it():
    schedule = make_upcoming(minutes=65)
    make_seats(schedule)

    page = text_of(browser_of(make_fan()), page_of(schedule))

    assert "Booking opens" in page
    assert "The waiting room opens" in page
    assert 'data-seconds-left="300"' in page or 'data-seconds-left="299"' in page
    assert reverse("join", args=[schedule.pk]) not in page


def test_without_a_lobby_a_sale_counts_down_to_its_opening(settings):
    settings.LOBBY_SECONDS = 0
    schedule = make_upcoming(minutes=5)
    make_seats(schedule)

    page = text_of(browser_of(make_fan()), page_of(schedule))

    assert "Booking opens" in page
    assert "waiting room" not in page.lower()
    assert 'data-seconds-left="300"' in page or 'data-seconds-left="299"' in page
    assert reverse("join", args=[schedule.pk]) not in page


def test_days_before_there_is_no_clock():
    schedule = make_upcoming(days=3)
    make_seats(schedule)

    assert "data-seconds-left" not in text_of(browser_of(), page_of(schedule))


def names_in_order(**query):
    """The concerts of the programme as they stand on the page, the lead first."""
    return re.findall(r'<h2[^>]*><a href="[^"]*/concerts/\d+/">([^<]*)</a>', text_of(browser_of(), "/", **query))


def test_what_opens_next_leads_and_what_cannot_be_had_comes_last():
    moment = now()
    for name, times in {
        "over": {"concert_at": moment - timedelta(days=1), "reservation_available_at": moment - timedelta(days=9)},
        "sold out": {"concert_at": moment + timedelta(days=2)},
        "closed": {"concert_at": moment + timedelta(days=1), "deadline_at": moment - timedelta(hours=1)},
        "on sale later": {"concert_at": moment + timedelta(days=9)},
        "on sale soon": {"concert_at": moment + timedelta(days=3)},
        "opens in a week": {"reservation_available_at": moment + timedelta(days=7)},
        "opens tomorrow": {"reservation_available_at": moment + timedelta(days=1)},
        "lobby": {"reservation_available_at": moment + timedelta(minutes=9)},
    }.items():
        (seat,) = make_seats(make_schedule(make_concert(name=name), **times))
        if name == "sold out":
            reserve(seat)
    make_concert(name="no dates yet")

    order = ["lobby", "opens tomorrow", "opens in a week", "on sale soon", "on sale later", "no dates yet", "closed"]
    assert names_in_order() == [*order, "sold out", "over"]
    assert 'class="countdown"' in text_of(browser_of(), "/").partition('class="tiles"')[0]


def test_what_narrows_the_list_is_a_chip_that_takes_itself_away():
    hall = Venue.objects.create(name="Small Room")
    make_seats(make_schedule(make_concert(name="River Jazz", genre="JAZZ", venue=hall), concert_at=scenes.CONCERT_AT))
    make_seats(make_schedule(make_concert(name="Moonlight", genre="CLASSICAL")))
    day = scenes.CONCERT_AT.date()
    query = {
        "search": "jazz",
        "genre": "JAZZ",
        "venue": hall.pk,
        "date_from": day,
        "date_to": day,
        "sale_state": "OPEN",
    }

    page = text_of(browser_of(), "/", **query)

    assert names_in_order(**query) == ["River Jazz"]
    for name in query:
        rest = urlencode({other: value for other, value in query.items() if other != name})
        assert f'href="?{rest.replace("&", "&amp;")}"' in page, name
    assert names_in_order(date_to=day - timedelta(days=1), venue=hall.pk) == []
    assert names_in_order(date_from=day, date_to=day - timedelta(days=1)) == names_in_order(date_from=day)
    # Genres that nobody plays aren't offered.
    assert 'href="?genre=CLASSICAL"' in text_of(browser_of(), "/")
    assert "genre=TALK" not in text_of(browser_of(), "/")


def test_a_date_on_sale_goes_before_a_later_opening_of_the_same_concert():
    concert = make_concert(name="Aria")
    make_seats(make_schedule(concert))
    make_schedule(concert, reservation_available_at=now() + timedelta(days=1))
    make_seats(make_schedule(make_concert(name="Bolero"), reservation_available_at=now() + timedelta(days=2)))

    assert names_in_order() == ["Bolero", "Aria"]


def test_a_lead_whose_every_date_was_canceled_says_so_and_sells_nothing():
    schedule = make_schedule(make_concert(name="Moonlight"))
    make_seats(schedule)
    assert ">Book<" in text_of(browser_of(), "/")
    ConcertSchedule.objects.update(canceled_at=now(), change_reason_ko="가수의 건강 문제", change_reason_en="Illness")

    page = text_of(browser_of(), "/")

    lead = page[page.index('class="stage lead"') : page.index('role="search"')]
    assert "Canceled" in lead
    assert "About the concert" in lead
    assert ">Book<" not in lead


def test_lead_and_card_say_that_the_lobby_is_open_and_when_booking_opens():
    schedule = make_upcoming(minutes=5)
    make_seats(schedule)

    lead = text_of(browser_of(), "/")
    make_upcoming(minutes=4)
    _, card = text_of(browser_of(), "/").split("<article")

    assert "Waiting room open" in card
    opens = " ".join(when(schedule.reservation_available_at).split())
    for place in (lead, card):
        assert f"Booking opens {opens}" in place


def test_who_stands_in_the_lobby_is_led_back_to_it_until_the_numbers_are_drawn():
    schedule = make_upcoming(minutes=5)
    make_seats(schedule)
    fan = make_fan()
    WaitingToken.objects.create(user=fan, concert_schedule=schedule)

    def page():
        return text_of(browser_of(fan), page_of(schedule))

    gathered = page()
    assert "Numbers are drawn when booking opens" in gathered
    assert f'href="{reverse("waiting_room", args=[schedule.pk])}">To the waiting room</a>' in gathered
    assert reverse("join", args=[schedule.pk]) not in gathered
    ConcertSchedule.objects.update(reservation_available_at=now() + timedelta(hours=2))
    assert "Numbers are drawn when booking opens" in page()
    ConcertSchedule.objects.update(reservation_available_at=now())
    assert "The draw decides your number." in page()
    WaitingToken.objects.update(number=7)
    drawn = page()
    assert "You’re in line." in drawn
    assert "To your place in line" in drawn


def test_what_is_over_closed_or_sold_out_has_no_button():
    sold_out = make_schedule()
    reserve(*make_seats(sold_out, 2))
    closed = make_schedule(sold_out.concert, deadline_at=now() - timedelta(minutes=1))
    over = make_schedule(sold_out.concert, concert_at=now() - timedelta(hours=1))

    page = text_of(browser_of(make_fan()), page_of(sold_out))

    for words in ("Every seat is sold", "The sale for this date is closed", "This concert is over"):
        assert words in page
    for schedule in (sold_out, closed, over):
        assert reverse("join", args=[schedule.pk]) not in page


def test_who_waits_is_led_to_the_line_and_who_is_inside_to_the_seats():
    schedule = make_schedule(queue_max_active=1)
    make_seats(schedule, 2)
    inside, stranger = make_fan(), make_fan()
    make_active(schedule, inside, since=now())
    make_line(schedule, 1)
    waiting = schedule.waitingtoken_set.get(status="WAITING").user

    pages = [text_of(browser_of(fan), page_of(schedule)) for fan in (inside, waiting, stranger)]

    seats, line = reverse("seats", args=[schedule.pk]), reverse("waiting_room", args=[schedule.pk])
    assert [(f'"{seats}"' in page, f'href="{line}"' in page) for page in pages] == [
        (True, False),
        (False, True),
        (False, False),
    ]


def test_who_holds_seats_is_led_to_pay_and_nobody_else():
    sale = scenes.make_sale(seats=6, tickets_per_fan=2)
    fan = make_fan()
    booking = scenes.hold(fan, sale, 0, 1)

    own, others = (text_of(browser_of(each), page_of(sale.schedule)) for each in (fan, make_fan()))

    checkout = reverse("checkout", args=[booking.reference])
    assert "You hold 2 seats" in own
    assert checkout in own
    assert "you have them all" in own
    assert checkout not in others


def test_an_unavailable_concert_is_not_there():
    concert = make_concert(status="UNAVAILABLE")

    assert browser_of().get(f"/concerts/{concert.pk}/").status_code == 404
    assert browser_of().get(f"/concerts/{10**17}/").status_code == 404


def test_crawlers_and_messengers_find_what_to_show():
    concert = make_concert(name="Moonlight", description='An "evening"', poster=f"posters/{'a' * 64}.webp")

    page = text_of(browser_of(), f"/concerts/{concert.pk}/")

    assert '<meta property="og:title" content="Moonlight">' in page
    assert 'content="An &quot;evening&quot;"' in page
    assert f'<meta property="og:image" content="http://testserver{concert.poster_url}">' in page
    assert f'<link rel="canonical" href="http://testserver/concerts/{concert.pk}/">' in page


def test_who_has_a_session_gets_pages_that_nobody_keeps():
    make_schedule()

    assert browser_of().get("/")["Cache-Control"] == "private, no-cache"
    assert browser_of(make_fan()).get("/")["Cache-Control"] == "private, no-store"


def map_of(schedule, name="", **headers):
    clear_caches()
    return Client().get(f"/schedules/{schedule.pk}/map.svg{name and f'?v={name}'}", headers=headers)


def test_the_map_of_a_hall_is_a_picture_of_its_own_that_may_be_kept_for_good():
    schedule = make_schedule()
    make_seats(schedule, 3)
    (address,) = re.findall(r'<img src="(/schedules/[^"]+)"', text_of(browser_of(), page_of(schedule)))

    response = map_of(schedule, address.partition("?v=")[2])

    assert (response.status_code, response["Content-Type"]) == (200, "image/svg+xml")
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["Vary"] == "Accept-Encoding"
    assert response.content.startswith(b"<svg")
    assert response.content.count(b"h0") == 3
    assert not response.cookies


def test_a_map_whose_name_is_not_known_is_asked_for_again_before_long():
    schedule = make_schedule()
    make_seats(schedule)

    assert "max-age=3600" in map_of(schedule)["Cache-Control"]
    assert "max-age=3600" in map_of(schedule, "old")["Cache-Control"]


def test_a_map_is_sent_once_and_packed():
    schedule = make_schedule()
    make_seats(schedule)
    plain, packed = map_of(schedule), map_of(schedule, **{"accept-encoding": "gzip"})

    again = map_of(schedule, **{"if-none-match": plain["ETag"]})

    assert gzip.decompress(packed.content) == plain.content
    assert packed["ETag"] == plain["ETag"]
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("categories", "shown"),
    [
        ([{"name": "R", "color": "#123456"}], 'fill="#123456"'),
        ([{"name": "R", "color": '"><script>'}], 'fill="#'),
        ([{"name": "S", "color": "#123456"}], "₩50,000"),
        ("nonsense", "₩50,000"),
        (None, "₩50,000"),
    ],
)
def test_prices_have_the_colours_of_the_map_if_it_has_any(categories, shown):
    schedule = make_schedule(layout={"categories": categories})
    make_seats(schedule)

    page = text_of(browser_of(), page_of(schedule))

    assert shown in page
    assert '"><script>' not in page


def test_there_is_no_map_of_what_the_public_may_not_know():
    schedule = make_schedule(make_concert(status="UNAVAILABLE"))

    assert map_of(schedule).status_code == 404
    assert browser_of().get(f"/schedules/{10**17}/map.svg").status_code == 404


def test_a_hall_with_nothing_free_says_so_and_what_to_do_and_no_book_leads_there_unsaid():
    schedule = make_schedule()
    first, second, sold = make_seats(schedule, 3)
    hold(first, until=now() + timedelta(minutes=2, seconds=12))
    hold(second)
    reserve(sold)
    other = make_schedule(schedule.concert)
    make_seats(other)

    page = text_of(browser_of(make_fan()), page_of(schedule))

    (card,) = re.findall(rf'id="date-{schedule.pk}".*?</article>', page)
    assert "No seat is free right now." in card
    assert "2 seats are in checkouts. If it isn’t paid, the next one comes back in 2:10 at the soonest." in card
    assert ">Wait in line for a returned seat</button>" in card
    assert ">Book</button>" not in card
    assert f"/concerts/{schedule.concert_id}/#date-{other.pk}" in card
    assert ">Book</button>" in page
    assert "No seat free right now" not in text_of(browser_of(), "/")


def test_the_programme_says_that_nothing_is_free_before_anybody_goes_there():
    schedule = make_schedule()
    hold(*make_seats(schedule, 2))

    page = text_of(browser_of(), "/")

    assert "No seat free right now" in page
    assert "2 seats are in checkouts." in page


def test_a_badge_is_watched_where_one_sale_alone_says_how_the_concert_stands():
    schedule = make_schedule()
    make_seats(schedule, 2)
    watched = f'data-progress="/api/v1/schedules/{schedule.pk}/queue/"'
    assert watched in text_of(browser_of(), "/")

    make_seats(make_schedule(schedule.concert), 2)

    assert "data-progress" not in text_of(browser_of(), "/")


def test_a_sold_out_date_leads_to_the_others():
    schedule = make_schedule()
    reserve(*make_seats(schedule))
    other = make_schedule(schedule.concert)
    make_seats(other)

    page = text_of(browser_of(), page_of(schedule))

    (card,) = re.findall(rf'id="date-{schedule.pk}".*?</article>', page)
    assert f"#date-{other.pk}" in card
    assert f'#date-{schedule.pk}"' not in card
