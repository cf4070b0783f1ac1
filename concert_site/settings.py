"""Settings: environment variables alone. Each one is described in docs/settings.md."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from concert_site.back_office.frame import UNFOLD  # noqa: F401  a setting
from concert_site.embedded.modes import MODES, PRODUCTION
from concert_site.operations.production import demand_safe
from concert_site.variables import Env

env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent

MODE = env.str("MODE", default="production")
# A word that is none of them would otherwise mean "not production": free top-ups, any host, plain cookies.
if MODE not in MODES:
    raise ImproperlyConfigured(f"MODE={MODE} is not a mode: use {', '.join(MODES)}.")
IS_PRODUCTION = MODE == PRODUCTION
DEBUG = False

# In production there is no default: a missing secret stops the start. The other modes get theirs
# from the data directory (see concert_site.embedded); checks that need none run with a blank.
SECRET_KEY = env.str("SECRET_KEY") if IS_PRODUCTION else env.str("SECRET_KEY", default="")
JWT_PRIVATE_KEY = (
    env.str("JWT_PRIVATE_KEY", multiline=True)
    if IS_PRODUCTION
    else env.str("JWT_PRIVATE_KEY", multiline=True, default=SECRET_KEY)
)

# Signs tickets; without one the key is derived from SECRET_KEY (reservations.tickets.keys).
TICKET_PRIVATE_KEY = env.ed25519("TICKET_PRIVATE_KEY")

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if IS_PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "concert_site",
    "concert_site.accounts",
    "concert_site.operations",
    "concert_site.back_office",
    "wallet",
    "queueing",
    "reservations",
    "payments",
    # Before the admin, whose templates it replaces.
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "pgtrigger",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.kakao",
    "allauth.socialaccount.providers.naver",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
    "rest_framework",
    "drf_standardized_errors",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
]

MIDDLEWARE = [
    "concert_site.lib.web.headers.SecurityHeaders",
    "concert_site.operations.health.Probes",
    "django.middleware.security.SecurityMiddleware",
    "concert_site.lib.web.static.LastingFiles",
    "concert_site.views.media.Posters",
    "concert_site.lib.web.middleware.FreshConnections",
    "concert_site.lib.web.middleware.RefusalsArePages",
    "concert_site.accounts.middleware.ReadableBodies",
    "concert_site.lib.web.middleware.OwnIsPrivate",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "concert_site.lib.web.middleware.SlashesForReaders",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "concert_site.lib.web.middleware.InTheReadersLanguage",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "concert_site.accounts.offered.OfferedAlone",
    "concert_site.accounts.middleware.KnownDevices",
    "concert_site.accounts.middleware.RefusalsInAllauthsShape",
    "concert_site.accounts.seen_sessions.SeenSessions",
]

# The API's requests that carry no cookie pass these alone (concert_site.front).
API_MIDDLEWARE = [
    "concert_site.lib.web.headers.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "concert_site.lib.web.middleware.FreshConnections",
    "concert_site.lib.web.middleware.OwnIsPrivate",
    "concert_site.lib.web.middleware.InTheReadersLanguage",
    "concert_site.lib.web.middleware.SlashesForReaders",
]

ROOT_URLCONF = "concert_site.urls"
WSGI_APPLICATION = "concert_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            # Known to every template: money, dates and times in the reader's language.
            "builtins": ["concert_site.lib.formats"],
        },
    }
]

# --- PostgreSQL --------------------------------------------------------------------------------

LOCK_TIMEOUT_MS = env.whole("LOCK_TIMEOUT_MS", default=2000)
# Off behind a pooler in transaction mode, where a prepared statement may meet another server process, and which
# refuses connections that ask for settings of PostgreSQL's at their start.
PREPARE_STATEMENTS = env.bool("PREPARE_STATEMENTS", default=True)
# What each connection is to have: asked for at its start, or behind a pooler kept for our role by PostgreSQL itself
# (concert_site.lib.database.pooler).
CONNECTION_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "max_parallel_workers_per_gather": "0",
    "lock_timeout": str(LOCK_TIMEOUT_MS),
}

DATABASES = {"default": env.postgres("DATABASE_URL", default="postgresql:///frontrow")}
# What the address itself asks for; ours is added to it.
ASKED = DATABASES["default"].get("OPTIONS", {})
DATABASES["default"] |= {
    # django-environ's choice of engine is the right one, but is an empty default for odd URL schemes.
    "ENGINE": "django.db.backends.postgresql",
    "CONN_MAX_AGE": None,
    # A dead connection is noticed without a round trip, see concert_site.lib.web.middleware.FreshConnections.
    "CONN_HEALTH_CHECKS": False,
    # One lives on a server process that belongs to the next client of the pooler meanwhile.
    "DISABLE_SERVER_SIDE_CURSORS": not PREPARE_STATEMENTS,
    "OPTIONS": {"connect_timeout": 5}
    | ASKED
    | {
        # Server-side binding stays off: with generic plans it would keep the ORM's filters on status
        # from using a partial index. Only the hot statements are prepared (concert_site.lib.database.statements).
        "server_side_binding": False,
        "prepare_threshold": 5 if PREPARE_STATEMENTS else None,
    },
}
if PREPARE_STATEMENTS:
    DATABASES["default"]["OPTIONS"]["options"] = " ".join(
        [ASKED.get("options", ""), *(f"-c {name}={value}" for name, value in CONNECTION_SETTINGS.items())]
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis -------------------------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
REDIS_TIMEOUT_SECONDS = env.duration("REDIS_TIMEOUT_SECONDS", default=0.5)

CACHES = {
    "default": {
        "BACKEND": "concert_site.lib.cache.FailOpenRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "frontrow",
        # Without them a Redis that takes connections and says nothing would hold up every page.
        "OPTIONS": {"socket_timeout": REDIS_TIMEOUT_SECONDS, "socket_connect_timeout": REDIS_TIMEOUT_SECONDS},
    }
}
# In PostgreSQL alone: a copy that outlives a logout would be a way back in.
SESSION_ENGINE = "concert_site.accounts.session_store"

# --- Accounts ----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
# Alone: it does what Django's own does, and a wrong password would be hashed by each.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# The first one hashes; the second checks what was hashed elsewhere.
PASSWORD_HASHERS = [
    "concert_site.accounts.hashers.PatientPBKDF2",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
]

THROTTLE = env.bool("THROTTLE", default=True)
# One proxy of ours stands in front and says in X-Forwarded-For and X-Forwarded-Proto who asked, and how.
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
ALLAUTH_TRUSTED_PROXY_COUNT = int(BEHIND_PROXY)

ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
# Whether an account must have given a code that was mailed to its address before it joins a line, holds or tops up.
VERIFY_ADDRESSES = env.bool("VERIFY_ADDRESSES", default=IS_PRODUCTION)
# allauth has codes under this word alone; here nobody is kept from logging in (concert_site.accounts.stages).
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 15 * 60
# Before each change of a second factor, and of an address by who has no password.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
# Asking for a code tells nobody who has an account; nor does a sign-up, where codes are demanded before it counts.
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Frontrow: "
ACCOUNT_FORMS = {
    "login": "concert_site.accounts.login.Login",
    "signup": "concert_site.accounts.login.SignUp",
}
SOCIALACCOUNT_FORMS = {"signup": "concert_site.accounts.login.SocialSignUp"}
ACCOUNT_ADAPTER = "concert_site.accounts.adapter.AccountAdapter"
# Guesses, mails that are asked for and sign-ups are counted by concert_site.accounts.guessing instead: allauth's counts
# take turns, and one stranger uses up what an account has. A whole phone network may come from one address.
ACCOUNT_RATE_LIMITS = (
    {
        "login": None,
        "login_failed": None,
        "signup": None,
        "reset_password": None,
        "confirm_email": None,
        "reset_password_from_key": "300/m/ip",
    }
    if THROTTLE
    else False
)

# A second factor: for anyone who wants one, and demanded of staff before they may do anything in the admin.
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=IS_PRODUCTION)
MFA_ADAPTER = "concert_site.accounts.second_factor.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "concert_site.accounts.second_factor.Authenticate",
    "reauthenticate": "concert_site.accounts.second_factor.Reauthenticate",
    "add_webauthn": "concert_site.accounts.second_factor.AddPasskey",
    "edit_webauthn": "concert_site.accounts.second_factor.RenamePasskey",
    "login_webauthn": "concert_site.accounts.second_factor.LoginPasskey",
    "authenticate_webauthn": "concert_site.accounts.second_factor.AuthenticatePasskey",
    "reauthenticate_webauthn": "concert_site.accounts.second_factor.ReauthenticatePasskey",
}
MFA_TOTP_ISSUER = "Frontrow"
# Phones whose clock is half a minute off.
MFA_TOTP_TOLERANCE = 1
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RATE_LIMITS = {"webauthn_login": "600/m/ip"} if THROTTLE else False
# Who signs up with somebody else's address must not lock them out by a factor of their own.
MFA_ALLOW_UNVERIFIED_EMAIL = not VERIFY_ADDRESSES
# Browsers give passkeys to https and to localhost alone; allauth would refuse the latter.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IS_PRODUCTION
# Off: it would keep out who has no JavaScript, and apps that know nothing of it.
SIGNUP_PROOF_OF_WORK = env.bool("SIGNUP_PROOF_OF_WORK", default=False)
USERSESSIONS_ADAPTER = "concert_site.accounts.adapter.SessionsAdapter"
# By allauth for its API; pages note it less often (concert_site.accounts.seen_sessions.SeenSessions).
USERSESSIONS_TRACK_ACTIVITY = True

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "concerts"

HEADLESS_CLIENTS = ("app",)
HEADLESS_ADAPTER = "concert_site.accounts.headless.HeadlessAdapter"
HEADLESS_TOKEN_STRATEGY = "concert_site.accounts.token_strategy.TokenStrategy"
HEADLESS_JWT_PRIVATE_KEY = JWT_PRIVATE_KEY
HEADLESS_JWT_ALGORITHM = "RS256" if JWT_PRIVATE_KEY.startswith("-----BEGIN") else "HS256"
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = env.whole("ACCESS_TOKEN_SECONDS", default=3600)
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = env.whole("REFRESH_TOKEN_SECONDS", default=30 * 86400)
HEADLESS_SERVE_SPECIFICATION = False

# A provider is offered once its client id is set, for example GOOGLE_CLIENT_ID and GOOGLE_SECRET.
SOCIALACCOUNT_PROVIDERS = {
    provider: {"APP": {"client_id": client_id, "secret": env.str(f"{provider.upper()}_SECRET", default="")}}
    for provider in ("google", "kakao", "naver")
    if (client_id := env.str(f"{provider.upper()}_CLIENT_ID", default=""))
}

# --- API ---------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "concert_site.accounts.authentication.RevocableAccessToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["concert_site.lib.api.rendering.OrjsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "concert_site.lib.api.negotiation.NoChoice",
    "DEFAULT_PARSER_CLASSES": ["concert_site.lib.api.rendering.OrjsonParser"],
    "DEFAULT_THROTTLE_CLASSES": ["concert_site.lib.api.throttling.PerCaller"] if THROTTLE else [],
    "DEFAULT_SCHEMA_CLASS": "concert_site.lib.api.openapi.schema.RefusalSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "NUM_PROXIES": int(BEHIND_PROXY),
    "UNAUTHENTICATED_USER": "concert_site.lib.api.authentication.Anonymous",
    # Serializers hand instants on as they are, so that every answer has them in the renderer's one form.
    "DATETIME_FORMAT": None,
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_HANDLER_CLASS": "concert_site.lib.api.exception_handler.DomainErrors"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Frontrow",
    "DESCRIPTION": "Book numbered concert seats: wait in line, hold, pay, cancel. "
    "Sign up and log in under `/_allauth/app/v1/` and send the access token as `Authorization: Bearer <token>`.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PATH_CONVERTER_OVERRIDES": {
        "id": {"type": "integer", "format": "int64", "minimum": 0},
        "token": {"type": "string", "format": "uuid"},
    },
    "ENUM_NAME_OVERRIDES": {
        "TokenStatus": "queueing.models.Status",
        "ReservationStatus": "reservations.models.reservation.Status",
        "ConcertStatus": "reservations.models.concert.ConcertStatus",
    },
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "concert_site.accounts.openapi.add_accounts",
        "concert_site.views.documentation.add_links",
    ],
}

# --- Background work ---------------------------------------------------------------------------


def broker_of(redis_url: str) -> str:
    """Celery writes a Redis on a Unix socket as redis+socket://, with the database as virtual_host."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    database = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair).get("db", "0")
    return f"redis+socket://{path}?virtual_host={database}"


CELERY_BROKER_URL = broker_of(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "celery"
# Ticks have a worker of their own, since a line must move each second whatever else there is to do: what they do is
# short. What is long about a line is asked for by ticks, and done beside the rest.
CELERY_TASK_ROUTES = {
    "concert_site.tick_analyze": {"queue": "lines"},
    "reservations.draw_line": {"queue": "lines"},
    "reservations.record_draw": {"queue": "lines"},
    "reservations.end_line": {"queue": "lines"},
    "*.tick_*": {"queue": "ticks"},
}
CELERY_BEAT_SCHEDULER = "concert_site.operations.scheduler:HouseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
# Whoever enqueues gives up at once: beat finds what is owed. (Worker and beat connect with retries of their own.)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 2,
    "max_retries": 0,
    "visibility_timeout": 3600,
}

# --- Language, time, money ---------------------------------------------------------------------

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", "English"), ("ko", "한국어")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
# The venue's zone. Time is stored in UTC.
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Seoul")
CURRENCY = env.str("CURRENCY", default="KRW")

# --- The rules of booking ----------------------------------------------------------------------

HOLD_SECONDS = env.whole("HOLD_SECONDS", default=300)
TOKEN_ACTIVE_SECONDS = env.whole("TOKEN_ACTIVE_SECONDS", default=600)
TOKEN_ENTRY_SECONDS = env.whole("TOKEN_ENTRY_SECONDS", default=120)
# Bookings of a schedule that a fan may give back or let lapse within a day for nothing, and how long the next one
# makes them wait, each further one twice as long. 0 seconds: never.
HOLD_COOLDOWN_FREE = env.whole("HOLD_COOLDOWN_FREE", default=5, least=0)
HOLD_COOLDOWN_SECONDS = env.whole("HOLD_COOLDOWN_SECONDS", default=10, least=0)
LOBBY_SECONDS = env.whole("LOBBY_SECONDS", default=3600, least=0)
TICKETS_PER_FAN = env.whole("TICKETS_PER_FAN", default=4)
QUEUE_MAX_ACTIVE = env.whole("QUEUE_MAX_ACTIVE", default=200, least=0)
# Days before the concert, and the fee in percent from there on; below the last tier nothing is refunded.
CANCELLATION_TIERS = env.tiers("CANCELLATION_TIERS", default=["10:0", "7:10", "3:20", "1:30"])
# What tops up a wallet; blank in production until a real provider is configured.
WALLET_PROVIDER = env.str("WALLET_PROVIDER", default="" if IS_PRODUCTION else "sandbox")

# --- Static files, mail, security, logs --------------------------------------------------------

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served from where they lie: nothing is collected, so there is no STATIC_ROOT.
WHITENOISE_USE_FINDERS = True

# Posters, served by concert_site.views.media. Without manage.py nobody has set DATA_DIR.
DATA_DIR = env.str("DATA_DIR", default=str(BASE_DIR / ".data"))
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=f"{DATA_DIR}/media")).absolute()
MEDIA_URL = "/media/"
STORAGES = {
    "default": {"BACKEND": "concert_site.lib.storage.WholeFiles"},
    "staticfiles": {"BACKEND": "concert_site.lib.web.static.Versioned"},
}

vars().update(env.email_url("EMAIL_URL", default="smtp://localhost:25" if IS_PRODUCTION else "consolemail://"))
# A mail server that takes a connection and says nothing holds up one mail for so long, and not for ever.
EMAIL_TIMEOUT = 10
# Where links in mails lead. `up` knows where it listens and says so, in demo and test.
FIRST_HOST = next((host.lstrip(".") for host in ALLOWED_HOSTS if host != "*"), "localhost")
SITE_URL = env.web_address("SITE_URL", default=f"https://{FIRST_HOST}/" if IS_PRODUCTION else "http://127.0.0.1:8000/")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Frontrow <tickets@localhost>")

X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "concert_site.views.errors.csrf_failed"
# Where a login by another account leads; browsers hold the forms of a page to these.
LOGIN_HOSTS = {
    "google": "https://accounts.google.com",
    "kakao": "https://kauth.kakao.com",
    "naver": "https://nid.naver.com",
}
# Of pages; concert_site.lib.web.headers has those of everything else.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'", *(LOGIN_HOSTS[provider] for provider in SOCIALACCOUNT_PROVIDERS)],
    },
}
# Without a proxy that says so, a request by https could not be told from one by http.
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=IS_PRODUCTION and BEHIND_PROXY)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = env.whole("SECURE_HSTS_SECONDS", default=31_536_000 if IS_PRODUCTION else 0, least=0)
# `check --deploy` would have HSTS for every host of the domain, and in browsers' own lists: the domain's owner decides.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
if IS_PRODUCTION:
    # Browsers take such names by https alone, for this host alone: a neighbouring host can't set our cookies.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    demand_safe(
        secrets={"SECRET_KEY": SECRET_KEY, "JWT_PRIVATE_KEY": JWT_PRIVATE_KEY},
        hosts=ALLOWED_HOSTS,
        origins=CSRF_TRUSTED_ORIGINS,
        email_backend=vars()["EMAIL_BACKEND"],
        site_url=SITE_URL,
    )
# No script of ours reads it: forms carry the token, and the API's requests by page say it in their form.
CSRF_COOKIE_HTTPONLY = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A refusal is an answer, not an incident.
    "loggers": {"django.request": {"level": "ERROR"}, "httpx": {"level": "WARNING"}},
}
