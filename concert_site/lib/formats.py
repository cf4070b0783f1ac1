"""Money, dates and times as people write them: in the language of the moment and the venue's zone.

Babel knows how, but for Korean: CLDR writes ₩66,000 and 2026. 12. 28. 오후 7:30, and Korean ticket sites write
66,000원 and 2026.12.28(월) 19:30. The functions are template filters too, known to every template
(settings.TEMPLATES).
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from math import ceil, inf
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, format_timedelta
from babel.numbers import format_currency, format_decimal, get_currency_precision
from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime, now
from django.utils.translation import get_language, gettext

from concert_site.lib.zones import zone_label

register = template.Library()
DAY_SECONDS = 86_400
# So far away no weekday and month is taken for one of another year.
DAYS_WITHOUT_YEAR = 180

KOREAN_DAY = "yyyy.MM.dd(EEE)"
KOREAN_CLOCK = "HH:mm"
KOREAN_WON = "#,##0원"


def babel_locale() -> Locale:
    try:
        return Locale.parse(get_language() or settings.LANGUAGE_CODE, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


def is_korean() -> bool:
    return babel_locale().language == "ko"


def in_major(amount: int) -> Decimal:
    return Decimal(amount).scaleb(-get_currency_precision(settings.CURRENCY))


@register.filter
def money(amount: int) -> str:
    """An amount in minor units of the currency: 143000 is ₩143,000, and 143,000원 in Korean."""
    pattern = KOREAN_WON if is_korean() and settings.CURRENCY == "KRW" else None
    return str(format_currency(in_major(amount), settings.CURRENCY, pattern, locale=babel_locale()))


def script_money() -> dict[str, object]:
    """How scripts write amounts in minor units (static/js/money.js): as ₩{amount} or {amount}원, to so many digits."""
    pattern = money(0).replace(str(in_major(0)), "{amount}")
    return {
        "language": get_language(),
        "money_pattern": pattern,
        "digits": get_currency_precision(settings.CURRENCY),
    }


@register.filter
def signed_money(amount: int) -> str:
    """A change of a balance: +₩50,000, −₩143,000 with a real minus, which screen readers read out; +50,000원."""
    sign = "+" if amount > 0 else "−" if amount < 0 else ""
    return sign + money(abs(amount))


@register.filter
def major(amount: int) -> str:
    """An amount in minor units as people type it, without signs: 143000 won are 143000, 1250 cents are 12.50."""
    return str(in_major(amount))


def local(moment: datetime, zone: str | None = None) -> datetime:
    """An instant on the clocks of a venue's zone (a name of the IANA's list); without one on those of the moment."""
    return localtime(moment, ZoneInfo(zone) if zone else None)


def at_venue(moment: date | datetime, zone: str | None = None) -> date:
    return local(moment, zone).date() if isinstance(moment, datetime) else moment


@register.filter
def day(moment: date | datetime, zone: str | None = None) -> str:
    """A date in full: Monday, December 28, 2026, or 2026.12.28(월); of an instant, the date at the venue."""
    return str(format_date(at_venue(moment, zone), KOREAN_DAY if is_korean() else "full", locale=babel_locale()))


@register.filter
def short_day(moment: date | datetime, zone: str | None = None) -> str:
    """A date in short: Mon, Dec 28, 2026, or 2026.12.28(월); of an instant, the date at the venue."""
    if is_korean():
        return day(moment, zone)
    return str(format_skeleton("yMMMEd", at_venue(moment, zone), locale=babel_locale()))


@register.filter
def near_day(moment: date | datetime, zone: str | None = None) -> str:
    """A date in a badge: Mon, Dec 28, without the year that everybody would guess; in Korean as ever."""
    told = at_venue(moment, zone)
    if is_korean() or abs((told - local(now(), zone).date()).days) >= DAYS_WITHOUT_YEAR:
        return short_day(moment, zone)
    return str(format_skeleton("MMMEd", told, locale=babel_locale()))


@register.filter
def hour(moment: datetime, zone: str | None = None) -> str:
    """A time at the venue where its zone is named beside: 7:30 PM, or 19:30; never broken in two."""
    pattern = KOREAN_CLOCK if is_korean() else "short"
    written = format_time(local(moment, zone).timetz(), pattern, locale=babel_locale())
    return str(written).replace(" ", "\N{NO-BREAK SPACE}")


@register.filter
def zone_name(moment: datetime, zone: str | None = None) -> str:
    """What the venue's zone is called at that instant: KST, EDT, GMT+5:30."""
    return zone_label(local(moment, zone))


@register.filter
def clock(moment: datetime, zone: str | None = None) -> str:
    """A time at the venue, and whose it is: 7:30 PM KST, or 19:30 KST; never broken in two."""
    return f"{hour(moment, zone)}\N{NO-BREAK SPACE}{zone_name(moment, zone)}"


@register.filter
def day_and_time(moment: datetime, zone: str | None = None) -> str:
    """An instant at the venue: Mon, Dec 28, 2026, 7:30 PM KST, or 2026.12.28(월) 19:30 KST."""
    together = "{1} {0}" if is_korean() else babel_locale().datetime_formats["medium"]
    return str(together).format(clock(moment, zone), short_day(moment, zone))


def marked(moment: datetime, zone: str | None, text: str) -> SafeString:
    """A time as an element: what it says, and the instant itself, so that a reader elsewhere sees their own beside it.

    static/js/local_times.js reads the offset at its end.
    """
    iso = local(moment, zone).isoformat(timespec="seconds")
    return format_html('<time datetime="{}" data-when>{}</time>', iso, text)


@register.filter
def when(moment: datetime, zone: str | None = None) -> SafeString:
    """An instant in one line, for a page."""
    return marked(moment, zone, day_and_time(moment, zone))


@register.filter
def when_long(moment: datetime, zone: str | None = None) -> SafeString:
    """An instant with its day in full, for a page."""
    return marked(moment, zone, f"{day(moment, zone)} · {clock(moment, zone)}")


@register.filter
def when_clock(moment: datetime, zone: str | None = None) -> SafeString:
    """The time of an instant, for a page."""
    return marked(moment, zone, clock(moment, zone))


@register.filter
def age(years: int) -> str:
    """Who may come: from so many years on, 0 is everybody."""
    if not years:
        return gettext("all ages")
    return gettext("ages %(years)d and over") % {"years": years}


@register.filter
def thousands(number: int) -> str:
    """A whole number with its groups: 12,345."""
    return str(format_decimal(number, locale=babel_locale()))


@register.filter
def stopwatch(seconds: float) -> str:
    """Time that is left: 4:05, or 1:02:03 from an hour on; nothing is left of less than nothing."""
    minutes, rest = divmod(max(0, ceil(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def days_and_stopwatch(seconds: float) -> str:
    """Time that is left, its whole days apart: 3d 4:05:00. static/js/countdown.js writes on in the same way."""
    days, rest = divmod(max(0, ceil(seconds)), DAY_SECONDS)
    if not days:
        return stopwatch(rest)
    written = gettext("{n}d").replace("{n}", str(days))
    return f"{written} {stopwatch(rest)}"


@register.filter
def time_span(seconds: int) -> str:
    """Time to do something in: 45 seconds, or 2 minutes; whole minutes, and never more than there is."""
    # Beyond any threshold, so that the unit is the one that is named.
    said = partial(format_timedelta, threshold=inf, locale=babel_locale())
    minutes = seconds // 60
    if minutes:
        return str(said(timedelta(minutes=minutes), granularity="minute"))
    return str(said(timedelta(seconds=seconds), granularity="second"))
