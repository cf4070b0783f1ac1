"""What browsers are told, and what production refuses to start with."""

from urllib.parse import urlsplit

from concert_site.operations.production_checks import require_safe
from concert_site.settings import mail
from concert_site.settings.base import (
    ALLOWED_HOSTS,
    BEHIND_PROXY,
    CSRF_TRUSTED_ORIGINS,
    IS_PRODUCTION,
    JWT_PRIVATE_KEY,
    MEDIA_PUBLIC_URL,
    SECRET_KEY,
    env,
)

CSRF_FAILURE_VIEW = "concert_site.views.errors.csrf_failed"
# Where a login by another account leads; browsers hold the forms of a page to these.
LOGIN_HOSTS = {
    "google": "https://accounts.google.com",
    "kakao": "https://kauth.kakao.com",
    "naver": "https://nid.naver.com",
}
# Where posters are shown from, if not from here.
POSTER_HOSTS = ["{0.scheme}://{0.netloc}".format(urlsplit(MEDIA_PUBLIC_URL))] if MEDIA_PUBLIC_URL else []
# Without a proxy that says so, a request by https could not be told from one by http.
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=IS_PRODUCTION and BEHIND_PROXY)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = env.whole("SECURE_HSTS_SECONDS", default=31_536_000 if IS_PRODUCTION else 0, least=0)
# `check --deploy` would have HSTS for every host of the domain, and in browsers' own lists: the domain's owner decides.
# And it would have a middleware for X-Frame-Options, which SecurityHeadersMiddleware says of every answer.
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W005", "security.W021"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
if IS_PRODUCTION:
    # Browsers take such names by https alone, for this host alone: a neighbouring host can't set our cookies.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    require_safe(
        secrets={"SECRET_KEY": SECRET_KEY, "JWT_PRIVATE_KEY": JWT_PRIVATE_KEY},
        hosts=ALLOWED_HOSTS,
        origins=CSRF_TRUSTED_ORIGINS,
        email_backend=vars(mail)["EMAIL_BACKEND"],
        site_url=mail.SITE_URL,
    )
# No script of ours reads it: forms carry the token, and the API's requests by page say it in their form.
CSRF_COOKIE_HTTPONLY = True
