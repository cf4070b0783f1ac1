"""The project itself: its mode, secrets, apps, middlewares, templates, language, files and log."""

import os
from functools import partial
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from whitenoise.compress import Compressor

from concert_site.back_office.unfold import UNFOLD  # noqa: F401  a setting
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.modes import MODES, PRODUCTION
from concert_site.embedded.secret_files import resolve
from concert_site.env_vars import HOST, ORIGIN, Env, is_web_address

# Done already by manage.py; who loads the settings without it gets the same.
try:
    resolve(os.environ)
except CannotStart as error:
    raise ImproperlyConfigured(f"{error}.") from None
env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent.parent

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

ALLOWED_HOSTS = env.all_like(
    "ALLOWED_HOSTS",
    HOST.fullmatch,
    "tickets.example.com",
    default=["localhost", "127.0.0.1", "[::1]"] if IS_PRODUCTION else ["*"],
)
CSRF_TRUSTED_ORIGINS = env.all_like(
    "CSRF_TRUSTED_ORIGINS", partial(is_web_address, shape=ORIGIN), "https://tickets.example.com", default=[]
)
# One proxy of ours stands in front and says in X-Forwarded-For and X-Forwarded-Proto who asked, and how.
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
THROTTLE = env.bool("THROTTLE", default=True)

INSTALLED_APPS = [
    "concert_site",
    "concert_site.trace",
    "concert_site.accounts",
    "concert_site.house",
    "concert_site.approvals",
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
    "concert_site.lib.web.headers.SecurityHeadersMiddleware",
    "concert_site.operations.health.HealthCheckMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "concert_site.lib.web.static.StaticFiles",
    "concert_site.views.media.MediaMiddleware",
    "concert_site.lib.web.compression.CompressionMiddleware",
    "concert_site.lib.web.middleware.ConnectionHealthMiddleware",
    "concert_site.lib.database.replica.ReplicaMiddleware",
    "concert_site.lib.web.middleware.ErrorPageMiddleware",
    "concert_site.accounts.middleware.JsonBodyMiddleware",
    "concert_site.lib.web.middleware.CacheControlMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "concert_site.lib.web.middleware.AppendSlashMiddleware",
    "concert_site.lib.admin.form_parsing.StaffFormsMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "concert_site.trace.middleware.ActorMiddleware",
    "concert_site.lib.web.middleware.RequestLocaleMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "concert_site.accounts.allauth_allowlist.AllauthAllowlistMiddleware",
    "concert_site.accounts.middleware.DeviceTokenMiddleware",
    "concert_site.accounts.session_activity.SessionActivityMiddleware",
]

# The API's requests that carry no cookie pass these alone (concert_site.front).
API_MIDDLEWARE = [
    "concert_site.lib.web.headers.SecurityHeadersMiddleware",
    "concert_site.lib.web.middleware.ApiMiddleware",
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
                # Asked for by pages that show it, and by nobody else.
                "reservations.views.hold_bar.hold_bar",
                "concert_site.house.context.house",
            ],
            # Known to every template: money, dates, times and seats in the reader's language.
            "builtins": [
                "concert_site.lib.formats",
                "concert_site.lib.web.page_title",
                "reservations.halls.seat_names",
            ],
        },
    }
]

LANGUAGES = [("en", "English"), ("ko", "한국어")]
LANGUAGE_CODE = env.one_of("LANGUAGE_CODE", [code for code, _name in LANGUAGES], default="en")
LOCALE_PATHS = [BASE_DIR / "locale"]
# How the admin writes dates, where Django formats them and not concert_site/lib/formats.py.
FORMAT_MODULE_PATH = "concert_site.lib.date_formats"
# The venue's zone. Time is stored in UTC.
TIME_ZONE = env.zone("TIME_ZONE", default="Asia/Seoul")
CURRENCY = env.currency("CURRENCY", default="KRW")

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Without manage.py nobody has set DATA_DIR.
DATA_DIR = env.str("DATA_DIR", default=str(BASE_DIR / ".data"))
# What `up` or collectstatic makes of them: hashed names alone. Asked for by its plain name a file is served from where
# it lies.
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=f"{DATA_DIR}/static")).absolute()
WHITENOISE_USE_FINDERS = WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_MIMETYPES = {".webmanifest": "application/manifest+json"}
# Beside what is packed already: nobody loads them but with a debugger.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [*Compressor.SKIP_COMPRESS_EXTENSIONS, "map"]

# Posters, served by concert_site.views.media.
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=f"{DATA_DIR}/media")).absolute()
MEDIA_URL = "/media/"
# Or in a bucket that all web nodes share, and readers may be sent to.
MEDIA_BUCKET, MEDIA_PREFIX = env.bucket("MEDIA_STORE")
MEDIA_ENDPOINT_URL = env.optional_address("MEDIA_ENDPOINT_URL")
MEDIA_REGION = env.str("MEDIA_REGION", default="")
MEDIA_ACCESS_KEY_ID = env.str("MEDIA_ACCESS_KEY_ID", default="")
MEDIA_SECRET_ACCESS_KEY = env.str("MEDIA_SECRET_ACCESS_KEY", default="")
if bool(MEDIA_ACCESS_KEY_ID) != bool(MEDIA_SECRET_ACCESS_KEY):
    raise ImproperlyConfigured("MEDIA_ACCESS_KEY_ID and MEDIA_SECRET_ACCESS_KEY belong together: set both or none.")
MEDIA_PUBLIC_URL = env.optional_address("MEDIA_PUBLIC_URL")
if MEDIA_PUBLIC_URL and not MEDIA_BUCKET:
    raise ImproperlyConfigured("MEDIA_PUBLIC_URL is set and MEDIA_STORE is not: posters would be nowhere.")
IN_BUCKET = {
    "BACKEND": "concert_site.lib.bucket_storage.BucketStorage",
    "OPTIONS": {
        "bucket_name": MEDIA_BUCKET,
        "location": MEDIA_PREFIX,
        "endpoint_url": MEDIA_ENDPOINT_URL or None,
        "region_name": MEDIA_REGION or None,
        "access_key": MEDIA_ACCESS_KEY_ID or None,
        "secret_key": MEDIA_SECRET_ACCESS_KEY or None,
        "public_url": f"{MEDIA_PUBLIC_URL}/" if MEDIA_PUBLIC_URL else "",
    },
}
STORAGES = {
    "default": IN_BUCKET if MEDIA_BUCKET else {"BACKEND": "concert_site.lib.storage.AtomicFileStorage"},
    "staticfiles": {"BACKEND": "concert_site.lib.web.static.HashedFiles"},
}

# While there is such a file, a web process sends its clients elsewhere (concert_site.front.draining); for how long `up`
# lets it do so before it stops.
DRAIN_FILE = env.str("DRAIN_FILE", default="")
DRAIN_SECONDS = env.whole("DRAIN_SECONDS", default=0, least=0)
