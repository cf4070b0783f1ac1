"""What the addresses in concert_site/urls.py begin with, for whoever meets a request before its view does."""

ADMIN = "/admin/"
# Of people: logging in, their account, their second factor.
ACCOUNT_PAGES = "/accounts/"
API = "/api/"
API_V1 = f"{API}v1/"
ALLAUTH_API = "/_allauth/"
ALLAUTH_APP = f"{ALLAUTH_API}app/v1/"
