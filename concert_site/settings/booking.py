"""The rules of booking."""

from concert_site.settings.base import CURRENCY, env

HOLD_SECONDS = env.whole("HOLD_SECONDS", default=300)
TOKEN_ACTIVE_SECONDS = env.whole("TOKEN_ACTIVE_SECONDS", default=600)
TOKEN_ENTRY_SECONDS = env.whole("TOKEN_ENTRY_SECONDS", default=120)
# Bookings of a schedule that a fan may give back or let lapse within a day for nothing, and how long the next one
# makes them wait, each further one twice as long. 0 seconds: never.
HOLD_COOLDOWN_FREE = env.whole("HOLD_COOLDOWN_FREE", default=5, least=0)
HOLD_COOLDOWN_SECONDS = env.whole("HOLD_COOLDOWN_SECONDS", default=10, least=0)
# What comes of a choice by hand that would leave a single seat alone.
SINGLE_SEATS = env.one_of("SINGLE_SEATS", ["advise", "demand", "off"], default="advise")
LOBBY_SECONDS = env.whole("LOBBY_SECONDS", default=3600, least=0)
TICKETS_PER_FAN = env.whole("TICKETS_PER_FAN", default=4)
QUEUE_MAX_ACTIVE = env.whole("QUEUE_MAX_ACTIVE", default=200, least=0)
# Days before the concert, and the fee in percent from there on; below the last tier nothing is refunded.
CANCELLATION_TIERS = env.tiers("CANCELLATION_TIERS", default=["10:0", "7:10", "3:20", "1:30"])
# Whether pages ask fans to agree to the rules of canceling before they pay, as Korean law on sales at a distance wants
# it. That they did is not kept: without it nothing is paid.
CHECKOUT_CONSENT = env.bool("CHECKOUT_CONSENT", default=CURRENCY == "KRW")
# For how many days after a date was moved its fans cancel for nothing, unless staff say otherwise.
FREE_REFUND_DAYS = env.whole("FREE_REFUND_DAYS", default=14, least=0)
