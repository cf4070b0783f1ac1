"""Money, dates and times as people write them: by Babel, in the language of the moment and the venue's zone.

The functions are template filters too, known to every template (settings.TEMPLATES).
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from math import ceil, inf

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from babel.numbers import format_currency, format_decimal, get_currency_precision
from django import template
from django.conf import settings
from django.utils.timezone import localtime
from django.utils.translation import get_language

register = template.Library()


def babel_locale() -> Locale:
    try:
        return Locale.parse(get_language() or settings.LANGUAGE_CODE, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


def in_major(amount: int) -> Decimal:
    return Decimal(amount).scaleb(-get_currency_precision(settings.CURRENCY))


@register.filter
def money(amount: int) -> str:
    """An amount in minor units of the currency: 143000 is ₩143,000."""
    return str(format_currency(in_major(amount), settings.CURRENCY, locale=babel_locale()))


@register.filter
def signed_money(amount: int) -> str:
    """A change of a balance: +₩50,000, −₩143,000 with a real minus, which screen readers read out."""
    sign = "+" if amount > 0 else "−" if amount < 0 else ""
    return sign + money(abs(amount))


@register.filter
def major(amount: int) -> str:
    """An amount in minor units as people type it, without signs: 143000 won are 143000, 1250 cents are 12.50."""
    return str(in_major(amount))


@register.filter
def day(moment: date | datetime) -> str:
    """A date with its day of the week; of an instant, the date at the venue."""
    on = localtime(moment).date() if isinstance(moment, datetime) else moment
    return str(format_date(on, "full", locale=babel_locale()))


@register.filter
def short_day(moment: date | datetime) -> str:
    """A date without its day of the week; of an instant, the date at the venue."""
    on = localtime(moment).date() if isinstance(moment, datetime) else moment
    return str(format_date(on, "medium", locale=babel_locale()))


@register.filter
def clock(moment: datetime) -> str:
    locale = babel_locale()
    # The wide names of the halves of the day: 오후 and not PM, as Korean houses write it.
    pattern = locale.time_formats["short"].pattern.replace("a", "aaaa")
    # Never broken in two: 오후 stays with its hour, as PM does with its own.
    return str(format_time(localtime(moment).timetz(), pattern, locale=locale)).replace(" ", "\N{NO-BREAK SPACE}")


@register.filter
def day_and_time(moment: datetime) -> str:
    together: str = babel_locale().datetime_formats["medium"]
    return together.format(clock(moment), short_day(moment))


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
def time_span(seconds: int) -> str:
    """Time to do something in: 45 seconds, or 2 minutes; whole minutes, and never more than there is."""
    # Beyond any threshold, so that the unit is the one that is named.
    said = partial(format_timedelta, threshold=inf, locale=babel_locale())
    minutes = seconds // 60
    if minutes:
        return str(said(timedelta(minutes=minutes), granularity="minute"))
    return str(said(timedelta(seconds=seconds), granularity="second"))
