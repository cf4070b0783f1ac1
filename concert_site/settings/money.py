"""Money from outside: who takes it, how much at most, and for how long it is waited for."""

from concert_site.settings.base import IS_PRODUCTION, env

# Larger than any balance, and exact in every browser.
MOST_MONEY = 2**53 - 1
# Who may take money, by the short names that WALLET_PROVIDER has for them; another has the dotted path of its class.
PROVIDER_CLASSES = {
    "sandbox": "wallet.providers.sandbox.Sandbox",
    "stripe": "wallet.providers.stripe.Stripe",
    "toss": "wallet.providers.toss.Toss",
}
# What tops up a wallet; blank in production until a real provider is configured.
WALLET_PROVIDER = env.str("WALLET_PROVIDER", default="" if IS_PRODUCTION else "sandbox")
# An app's top-up is paid in the answer, for tours and load tests; off, it is asynchronous for apps as for pages.
SANDBOX_CREDITS_AT_ONCE = env.bool("SANDBOX_CREDITS_AT_ONCE", default=True)
# In minor units. Those of a day (the venue's) and of 30 days are of a fan's top-ups of the wallet; 0: no limit.
TOP_UP_LEAST = env.whole("TOP_UP_LEAST", default=1, most=MOST_MONEY)
TOP_UP_MOST = env.whole("TOP_UP_MOST", default=100_000_000, most=MOST_MONEY)
TOP_UP_DAY_MOST = env.whole("TOP_UP_DAY_MOST", default=0, least=0, most=MOST_MONEY)
TOP_UP_MONTH_MOST = env.whole("TOP_UP_MONTH_MOST", default=0, least=0, most=MOST_MONEY)
# How long a fan may be with the provider; holds that are paid by card are prolonged for as long.
TOP_UP_SECONDS = env.whole("TOP_UP_SECONDS", default=600)
# The longest that seats are held from when they were chosen, however often their fan begins to pay by card.
CARD_HOLD_SECONDS = env.whole("CARD_HOLD_SECONDS", default=1800)
# Where a refund goes unless it is said: to the wallet at once, or by the way the money came.
REFUND_TO = env.one_of("REFUND_TO", ["wallet", "card"], default="wallet")

# What staff may move at once without a second person, in minor units. Roles have ceilings of their own, in the admin;
# these are of who has a permission by no role, and of superusers when they adjust wallets (0: none).
STAFF_CEILING = env.whole("STAFF_CEILING", default=1_000_000, least=0, most=MOST_MONEY)
SUPERUSER_ADJUST_CEILING = env.whole("SUPERUSER_ADJUST_CEILING", default=1_000_000, least=0, most=MOST_MONEY)
# How long it waits for the second person.
APPROVAL_SECONDS = env.whole("APPROVAL_SECONDS", default=3 * 86_400)

# How long a provider may take to answer, in seconds.
PROVIDER_TIMEOUT = env.duration("PROVIDER_TIMEOUT", default=8)

# Stripe: the keys of one mode (test or live), and of the webhook that it is told of. The other two are for emulators.
BY_STRIPE = WALLET_PROVIDER == "stripe"
STRIPE_SECRET_KEY = env.key(
    "STRIPE_SECRET_KEY", r"(sk|rk)_(test|live)_\w+", "sk_test_... or sk_live_...", needed=BY_STRIPE
)
STRIPE_PUBLISHABLE_KEY = env.key(
    "STRIPE_PUBLISHABLE_KEY", r"pk_(test|live)_\w+", "pk_test_... or pk_live_...", needed=BY_STRIPE
)
STRIPE_WEBHOOK_SECRET = env.key("STRIPE_WEBHOOK_SECRET", r"whsec_\S+", "whsec_...", needed=BY_STRIPE)
STRIPE_API_BASE = env.web_address("STRIPE_API_BASE", default="https://api.stripe.com")
STRIPE_JS_URL = env.file_address("STRIPE_JS_URL", default="https://js.stripe.com/v3/")

# Toss Payments: a pair of keys, those of the widget (gck, gsk) or of its window (ck, sk).
BY_TOSS = WALLET_PROVIDER == "toss"
TOSS_CLIENT_KEY = env.key("TOSS_CLIENT_KEY", r"(test|live)_g?ck_\w+", "test_gck_... or live_gck_...", needed=BY_TOSS)
TOSS_SECRET_KEY = env.key("TOSS_SECRET_KEY", r"(test|live)_g?sk_\w+", "test_gsk_... or live_gsk_...", needed=BY_TOSS)
TOSS_API_BASE = env.web_address("TOSS_API_BASE", default="https://api.tosspayments.com")
TOSS_JS_URL = env.file_address("TOSS_JS_URL", default="https://js.tosspayments.com/v2/standard")
