"""The house's facts and pages: written by staff, shown at the foot of every page."""

import json

import pytest
from django.db import DatabaseError
from django.test import Client

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.house import queries, writing
from concert_site.house.models import HouseFacts, HousePage
from concert_site.lib.errors import Conflict, Invalid
from concert_site.lib.markup import html_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def foot_is_read():
    queries.clear_house_cache()


def page(address, language="en"):
    response = Client(headers={"accept-language": language}).get(address)
    return response.status_code, " ".join(response.content.decode().split())


def write(kind="HELP", language="ko", title="고객센터", body="전화 주세요."):
    return writing.write(HousePage, kind=kind, language=language, title=title, body=body)


def test_a_house_that_has_written_nothing_shows_no_dead_link():
    _, home = page("/")

    assert [address for address in ("/help/", "/terms/", "/privacy/") if address in home] == []
    assert [page(address)[0] for address in ("/help/", "/terms/", "/privacy/")] == [404, 404, 404]
    assert 'href="/refund-policy/"' in home
    assert page("/refund-policy/")[0] == 200


def test_a_page_is_led_to_and_read_in_the_readers_language_or_the_one_there_is():
    write()
    assert 'lang="ko"' in page("/help/")[1].split("<article")[1].split(">")[0]

    write(language="en", title="Help", body="Call **us**.")

    assert 'href="/help/"' in page("/")[1]
    assert "<p>Call <strong>us</strong>.</p>" in page("/help/")[1]
    assert "<p>전화 주세요.</p>" in page("/help/", "ko")[1]


def test_the_facts_of_the_house_are_at_the_foot_of_every_page():
    facts = {"name": "주식회사 예", "representative": "박서윤", "registration_number": "000-00-00000"}
    writing.write(HouseFacts, language="ko", **facts)

    _, home = page("/", "ko")

    foot = home.split("<footer")[1]
    for said in ("주식회사 예", "박서윤", "000-00-00000", "사업자등록번호"):
        assert said in foot
    assert "통신판매업신고번호" not in foot


def test_the_refund_policy_shows_the_tiers_as_they_are_set(settings):
    settings.CANCELLATION_TIERS = [(1, 50), (14, 0), (3, 20)]

    _, policy = page("/refund-policy/")

    rows = ["14 days before or earlier", "none", "13 to 3 days before", "20 % of", "2 to 1 days before", "50 % of"]
    assert [row for row in rows if row not in policy] == []


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[x](data:text/html,1)", "[x](data:text/html,1)"),
        ("![x](https://elsewhere.example/pixel.gif)", '!<a href="https://elsewhere.example/pixel.gif">x</a>'),
        ("a <b onclick=x>b</b>", "a &lt;b onclick=x&gt;b&lt;/b&gt;"),
    ],
)
def test_what_staff_write_runs_nothing_and_loads_nothing(text, html):
    assert html_of(text) == f"<p>{html}</p>\n"


def test_a_heading_is_below_the_title_of_its_page():
    assert html_of("# One\n\n## Two") == "<h2>One</h2>\n<h3>Two</h3>\n"
    assert html_of("## One\n\n### Two") == "<h2>One</h2>\n<h3>Two</h3>\n"


def test_a_page_is_there_once_a_language():
    first = write()

    with pytest.raises(Conflict):
        write(title="Another")
    with pytest.raises(Invalid):
        write(language="xx")

    assert list(HousePage.objects.all()) == [first]


def test_the_foot_is_what_was_last_known_while_the_database_is_away(monkeypatch):
    writing.write(HouseFacts, language="en", name="A house")
    known = queries.house_in("en")

    def away(_language):
        raise DatabaseError

    monkeypatch.setattr(queries, "_read", away)
    queries.houses.expire("en")

    assert queries.house_in("en") == known
    assert queries.house_in("ko") == queries.House()


def test_staff_write_and_take_down_in_the_admin(client):
    client.force_login(make_staff())
    add = "/admin/house/housepage/add/"
    sent = {"kind": "TERMS", "language": "en", "title": "Terms", "body": "Be kind."}

    assert client.post(add, sent).status_code == 302
    assert client.post(add, sent).context["adminform"].form.errors
    assert client.post("/admin/house/housefacts/add/", {"language": "en", "name": "A house"}).status_code == 302
    assert page("/terms/")[0] == 200

    written = HousePage.objects.get()
    assert client.post(f"/admin/house/housepage/{written.pk}/delete/", {"post": "yes"}).status_code == 302
    assert page("/terms/")[0] == 404
    assert HouseFacts.objects.get().name == "A house"


def test_who_may_not_write_the_houses_pages(client):
    client.force_login(make_clerk("view_concert"))

    assert client.get("/admin/house/housepage/").status_code == 403
    assert client.post("/admin/house/housepage/add/", {}).status_code == 403


def test_the_manifest_and_its_icons_are_served_as_what_they_are(client):
    manifest = client.get("/static/manifest.webmanifest")
    assert manifest["Content-Type"] == "application/manifest+json"
    icons = json.loads(b"".join(manifest.streaming_content))["icons"]
    manifest.close()

    for icon in icons:
        served = client.get(f"/static/{icon['src']}")
        served.close()
        assert (served.status_code, served["Content-Type"]) == (200, icon["type"])
