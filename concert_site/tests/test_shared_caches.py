"""What a cache between the site and its readers may keep: nothing that is anybody's own, and nothing that differs."""

import re

import pytest
from django.db import transaction
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from concert_site.accounts.models import User
from concert_site.accounts.tests.factories import make_staff
from concert_site.embedded.data_dir import PROJECT
from concert_site.lib.web import middleware
from concert_site.tests.admin_addresses import OPEN, Addresses, names
from concert_site.tests.site import Site
from queueing.models import WaitingToken
from reservations.models import Reservation

pytestmark = pytest.mark.django_db

SHARED = re.compile(r"\bpublic\b|\bs-maxage=")
# In the words of nginx's cache, which keeps nothing that says one of these, nor what sets a cookie.
UNKEPT = re.compile(r"\b(private|no-store|no-cache)\b")
MICRO_CACHE = (PROJECT / "deploy" / "nginx" / "micro_cache_server.conf").read_text()


def addresses(values, patterns=None, prefix="/"):
    """Every address of the site, once for each value that stands in the place of an argument."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        part = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<any:\1>", str(each.pattern)).replace("^", "").replace("\\Z", "")
        if isinstance(each, URLResolver):
            yield from addresses(values, each.url_patterns, prefix + part)
        elif isinstance(each, URLPattern):
            path = (prefix + part).replace("$", "")
            for chosen in values if "<" in path else values[:1]:
                yield re.sub(r"<(?:(\w+):)?\w+>", lambda found, chosen=chosen: chosen.get(found[1], chosen["id"]), path)


def addresses_of_fans():
    house = Site()
    token = str(WaitingToken.objects.filter(status="WAITING")[0].token)
    reference = Reservation.objects.get(pk=house.ids["paid"]).booking_reference
    texts = {"token": token, "uuid": token, "reference": reference, "version": "1"}
    ids = {str(house.ids[name]) for name in ("concert", "schedule", "paid")}
    found = {path for path in addresses([texts | {"id": each} for each in sorted(ids)]) if "logout" not in path}
    return sorted(path for path in found if not path.startswith("/admin/"))


def read(client, path, **headers):
    # So that nothing is left of a request that a stranger's or the next one could meet.
    with transaction.atomic():
        answer = client.get(path, **headers)
        transaction.set_rollback(True)
    return b"".join(answer) if answer.streaming else answer.content, answer


def faults(client, path, stranger):
    """What a shared cache would do wrong with an answer to somebody who is logged in."""
    body, answer = read(client, path)
    said = answer.get("Cache-Control", "")
    if answer.status_code >= 500 and not SHARED.search(said):
        return []  # nobody keeps an error that doesn't ask for it
    if not SHARED.search(said):
        return [] if UNKEPT.search(said) else [f"{path}: says {said!r} with {answer.status_code}"]
    vary = answer.get("Vary", "").lower()
    found = [f"{path}: sets {name}" for name in answer.cookies]
    found += [f"{path}: varies by {word}" for word in ("cookie", "authorization", "*") if word in vary]
    # Of another language, so that words would differ, unless the answer says that they do.
    language = {} if "accept-language" in vary else {"HTTP_ACCEPT_LANGUAGE": "ko"}
    if read(stranger, path, **language)[0] != body:
        found.append(f"{path}: is another for somebody else")
    return found


def test_what_a_shared_cache_may_keep_is_the_same_for_everybody():
    paths = addresses_of_fans()
    assert len(paths) > 100
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(email="fan@example.com"))
    stranger = Client(raise_request_exception=False)

    wrong = [fault for path in paths for fault in faults(client, path, stranger)]

    assert wrong == []


def test_no_page_of_staff_may_be_kept(monkeypatch):
    # What is said of a page is said whatever is on it.
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")
    addresses = Addresses()
    client = Client(raise_request_exception=False)
    client.force_login(make_staff(is_superuser=True))

    answers = {name: read(client, addresses.of(name))[1] for name in (*names(), *OPEN - {"logout"})}

    said = {name: answer.get("Cache-Control", "") for name, answer in answers.items() if answer.status_code < 500}
    assert len(said) > 100
    assert {name: words for name, words in said.items() if SHARED.search(words) or not UNKEPT.search(words)} == {}


def test_a_page_that_is_ones_own_would_be_found_out(monkeypatch):
    """The control: with everything called public, the walk names what differs."""
    Site()
    client, stranger = Client(), Client()
    client.force_login(User.objects.get(email="fan@example.com"))
    assert faults(client, "/wallet/", stranger) == []

    def shared(request, response):
        response["Cache-Control"] = "public, max-age=1"

    monkeypatch.setattr(middleware, "keep_private", shared)
    assert "/wallet/: is another for somebody else" in faults(client, "/wallet/", stranger)


def test_the_micro_cache_lends_no_answer_a_life_of_its_own():
    words = re.sub(r"#.*", "", MICRO_CACHE)

    for forbidden in ("proxy_cache_valid", "proxy_ignore_headers", "proxy_hide_header Set-Cookie"):
        assert forbidden not in words
    assert "$request_uri" in words
    # Old answers while a new one is on its way, and none in the place of an error: a line that stands is said to stand.
    assert re.search(r"proxy_cache_use_stale updating;", words)
