"""What is wrong with settings together, where each makes sense by itself: the last to be loaded."""

from collections.abc import Iterator

from django.core.exceptions import ImproperlyConfigured

from concert_site.settings import accounts, base, booking, money, security


def contradictions() -> Iterator[tuple[bool, str]]:
    """What may be so, and what then is said."""
    day, month, least, most = money.TOP_UP_DAY_MOST, money.TOP_UP_MONTH_MOST, money.TOP_UP_LEAST, money.TOP_UP_MOST
    yield least > most, f"TOP_UP_LEAST={least} is above TOP_UP_MOST={most}: nobody could top up."
    yield 0 < day < least, f"TOP_UP_DAY_MOST={day} is below TOP_UP_LEAST={least}: nobody could top up."
    yield 0 < month < least, f"TOP_UP_MONTH_MOST={month} is below TOP_UP_LEAST={least}: nobody could top up."
    yield 0 < month < day, f"TOP_UP_MONTH_MOST={month} is below TOP_UP_DAY_MOST={day}."
    yield (
        money.CARD_HOLD_SECONDS < booking.HOLD_SECONDS,
        f"CARD_HOLD_SECONDS={money.CARD_HOLD_SECONDS} is below HOLD_SECONDS={booking.HOLD_SECONDS}, which all have.",
    )
    keys = {money.STRIPE_SECRET_KEY[3:7], money.STRIPE_PUBLISHABLE_KEY[3:7]} - {""}
    yield len(keys) > 1, "STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are of two modes: both test, or both live."
    pair = {money.TOSS_CLIENT_KEY[:4], money.TOSS_SECRET_KEY[:4]} - {""}
    yield len(pair) > 1, "TOSS_CLIENT_KEY and TOSS_SECRET_KEY are of two modes: both test, or both live."
    yield (
        money.BY_TOSS and base.CURRENCY != "KRW",
        f"WALLET_PROVIDER=toss takes won alone, and CURRENCY={base.CURRENCY}.",
    )
    known = money.WALLET_PROVIDER in {"", *money.PROVIDER_CLASSES} or "." in money.WALLET_PROVIDER
    real = ", ".join(name for name in money.PROVIDER_CLASSES if name != "sandbox")
    yield (
        not known,
        f"WALLET_PROVIDER={money.WALLET_PROVIDER} is none: use {real}, or the dotted path of a class.",
    )
    yield (
        base.IS_PRODUCTION and money.WALLET_PROVIDER == "sandbox",
        "WALLET_PROVIDER=sandbox takes no real money: production doesn't start with it.",
    )
    yield (
        security.SECURE_SSL_REDIRECT and not base.BEHIND_PROXY,
        "SECURE_SSL_REDIRECT is on and BEHIND_PROXY is off: every request would be sent in a circle.",
    )
    for provider, app in accounts.SOCIALACCOUNT_PROVIDERS.items():
        name = provider.upper()
        yield not app["APP"]["secret"], f"{name}_CLIENT_ID is set and {name}_SECRET is not: they belong together."


for is_so, complaint in contradictions():
    if is_so:
        raise ImproperlyConfigured(complaint)
