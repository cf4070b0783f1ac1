"""What a mail says of the evening beside its seats: where, in whose time, how long, and whose house it is from."""

from datetime import UTC, datetime

import pytest
from django.utils.translation import override

from concert_site.house import queries, writing
from concert_site.house.models import HouseFacts
from payments.domain.mail_rendering import render_mail
from payments.queries.mails import CONFIRMED, OwedMail, payments_of_mail
from payments.tests.scenes import buy, make_fan
from reservations.tests.factories import make_concert, make_venue
from reservations.tests.scenes import make_sale

pytestmark = pytest.mark.django_db


def test_both_parts_say_where_in_whose_time_how_long_and_from_whom(django_assert_num_queries):
    queries.clear_house_cache()
    writing.write(HouseFacts, language="en", name="A house", address="1 Street", phone="02-0000-0000")
    venue = make_venue("America/New_York", name="Beacon", address="2124 Broadway", map_url="https://maps.example/b")
    concert = make_concert(venue=venue, running_minutes=90, age_rating=12)
    sale = make_sale(concert=concert, concert_at=datetime(2031, 6, 1, 0, 30, tzinfo=UTC), seats=1)
    fan = make_fan(balance=50_000, locale="en")
    (paid,) = buy(fan, sale, 0)
    owed = OwedMail(CONFIRMED, fan.pk, paid.reservation.booking_reference)
    queries.house_in("en")
    # The payments, and what of them came from cards.

    with override("en"), django_assert_num_queries(2):
        mail = render_mail(CONFIRMED, list(payments_of_mail(owed)))

    html = mail.alternatives[0][0]
    for part in (mail.body, html):
        text = " ".join(part.split())
        for said in (
            "8:30 PM EDT",
            "Beacon",
            "2124 Broadway",
            "https://maps.example/b",
            "90 minutes",
            "ages 12 and over",
        ):
            assert said in text
        assert f"/bookings/{owed.reference}/calendar.ics" in text
        for said in ("A house", "1 Street", "02-0000-0000"):
            assert said in text
    assert "May 31, 2031" in mail.subject
