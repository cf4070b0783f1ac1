"""Accounts: passwords, second factors, tokens, logins by other providers."""

from concert_site.settings.base import BEHIND_PROXY, IS_PRODUCTION, JWT_PRIVATE_KEY, THROTTLE, env

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
    "concert_site.accounts.hashers.LowPriorityPBKDF2",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
]

ALLAUTH_TRUSTED_PROXY_COUNT = int(BEHIND_PROXY)

ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
# Whether an account must have given a code that was mailed to its address before it joins a line, holds or tops up.
VERIFY_ADDRESSES = env.bool("VERIFY_ADDRESSES", default=IS_PRODUCTION)
# allauth has codes under this word alone; here nobody is kept from logging in (concert_site.accounts.adapter).
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
    "login": "concert_site.accounts.forms.LoginPageForm",
    "signup": "concert_site.accounts.forms.SignUpPageForm",
}
SOCIALACCOUNT_FORMS = {"signup": "concert_site.accounts.forms.SocialSignUpForm"}
ACCOUNT_ADAPTER = "concert_site.accounts.adapter.AccountAdapter"
# Guesses, mails that are asked for and sign-ups are counted by concert_site.accounts.brute_force instead: allauth's
# counts take turns, and one stranger uses up what an account has. A whole phone network may come from one address.
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
# By allauth for its API; pages note it less often (concert_site.accounts.session_activity.SessionActivityMiddleware).
USERSESSIONS_TRACK_ACTIVITY = True

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "concerts"

HEADLESS_CLIENTS = ("app",)
HEADLESS_ADAPTER = "concert_site.accounts.adapter.HeadlessAdapter"
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
