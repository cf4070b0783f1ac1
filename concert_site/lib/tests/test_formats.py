from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils.formats import date_format
from django.utils.translation import override

from concert_site.lib import formats

EVENING = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)  # half past seven in Seoul


@pytest.mark.parametrize(("language", "text"), [("en", "₩143,000"), ("ko", "143,000원")])
def test_money_has_its_sign_and_groups(language, text):
    with override(language):
        assert formats.money(143_000) == text


def test_money_of_a_currency_with_cents(settings):
    settings.CURRENCY = "EUR"
    with override("en"):
        assert formats.money(-12_345) == "-€123.45"


def test_money_of_another_currency_is_no_won_in_korean(settings):
    settings.CURRENCY = "USD"
    with override("ko"):
        assert formats.money(-1_250) == "-US$12.50"


@pytest.mark.parametrize(
    ("currency", "language", "pattern", "digits"),
    [("KRW", "en", "₩{amount}", 0), ("KRW", "ko", "{amount}원", 0), ("EUR", "en", "€{amount}", 2)],
)
def test_scripts_write_money_by_the_same_pattern(settings, currency, language, pattern, digits):
    settings.CURRENCY = currency
    with override(language):
        assert formats.script_money() == {"language": language, "money_pattern": pattern, "digits": digits}


def test_a_change_of_money_has_its_sign_in_front():
    with override("ko"):
        assert [formats.signed_money(each) for each in (50_000, -143_000)] == ["+50,000원", "−143,000원"]


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["Sunday, November 22, 2026", "Sun, Nov 22, 2026", "7:30 PM KST", "Sun, Nov 22, 2026, 7:30 PM KST"]),
        ("ko", ["2026.11.22(일)", "2026.11.22(일)", "19:30 KST", "2026.11.22(일) 19:30 KST"]),
    ],
)
def test_instants_are_shown_in_the_venues_zone(language, texts):
    with override(language):
        shown = [each(EVENING) for each in (formats.day, formats.short_day, formats.clock, formats.day_and_time)]
        # Between narrow no-break spaces and plain ones CLDR changes its mind from release to release.
        assert [" ".join(text.split()) for text in shown] == texts


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("America/New_York", "Sun, Nov 22, 2026, 5:30 AM EST"),
        ("Asia/Shanghai", "Sun, Nov 22, 2026, 6:30 PM GMT+8"),
        ("Asia/Kolkata", "Sun, Nov 22, 2026, 4:00 PM GMT+5:30"),
        ("America/Sao_Paulo", "Sun, Nov 22, 2026, 7:30 AM GMT-3"),
        ("Pacific/Auckland", "Sun, Nov 22, 2026, 11:30 PM NZDT"),
        (None, "Sun, Nov 22, 2026, 7:30 PM KST"),
    ],
)
def test_an_instant_names_the_zone_of_its_venue(zone, text):
    with override("en"):
        assert " ".join(formats.day_and_time(EVENING, zone).split()) == text


def test_a_time_on_a_page_carries_its_instant_for_readers_elsewhere():
    with override("ko"):
        assert formats.when(EVENING, "Asia/Tokyo") == (
            '<time datetime="2026-11-22T19:30:00+09:00" data-when>2026.11.22(일) 19:30\N{NO-BREAK SPACE}JST</time>'
        )


def test_late_at_night_in_utc_it_is_the_next_day_at_the_venue():
    with override("en"):
        assert formats.short_day(datetime(2026, 11, 22, 15, 0, tzinfo=UTC)) == "Mon, Nov 23, 2026"
        assert formats.short_day(date(2026, 11, 22)) == "Sun, Nov 22, 2026"


def test_a_badge_leaves_out_the_year_that_everybody_would_guess(monkeypatch):
    monkeypatch.setattr(formats, "now", lambda: datetime(2026, 11, 20, tzinfo=UTC))
    with override("en"):
        assert formats.near_day(date(2026, 12, 2)) == "Wed, Dec 2"
        assert formats.near_day(date(2027, 12, 2)) == "Thu, Dec 2, 2027"
    with override("ko"):
        assert formats.near_day(date(2026, 12, 2)) == "2026.12.02(수)"


def test_an_unknown_language_falls_back_to_english():
    with override("xx"):
        assert formats.short_day(date(2026, 11, 22)) == "Sun, Nov 22, 2026"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(-3, "0:00"), (0, "0:00"), (4.2, "0:05"), (245, "4:05"), (3600, "1:00:00"), (3723, "1:02:03")],
)
def test_seconds_are_written_as_on_a_stopwatch_rounded_up(seconds, written):
    assert formats.stopwatch(seconds) == written


def test_a_time_is_never_broken_in_two():
    with override("en"):
        assert " " not in formats.clock(EVENING)


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [(20, "20 seconds", "20초"), (60, "1 minute", "1분"), (119, "1 minute", "1분"), (120, "2 minutes", "2분")],
)
def test_time_span_rounds_down(seconds, english, korean):
    with override("en"):
        assert formats.time_span(seconds) == english
    with override("ko"):
        assert formats.time_span(seconds) == korean


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["Sun, Nov 22, 2026, 7:30 PM", "Sun, Nov 22, 2026", "7:30 PM"]),
        ("ko", ["2026.11.22(일) 19:30", "2026.11.22(일)", "19:30"]),
    ],
)
def test_django_writes_dates_in_the_admin_as_we_do(language, texts):
    moment = EVENING.astimezone(ZoneInfo("Asia/Seoul"))
    with override(language):
        assert [date_format(moment, f"{kind}_FORMAT") for kind in ("DATETIME", "DATE", "TIME")] == texts
        assert date_format(moment, "SHORT_DATETIME_FORMAT") == texts[0]
