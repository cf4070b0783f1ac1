"""Posters in an S3-compatible store: the same rules as in a folder, over HTTP."""

import os
import subprocess
import sys
from datetime import timedelta
from io import BytesIO

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from concert_site.embedded.data_dir import PROJECT
from concert_site.lib.errors import Unavailable
from concert_site.tests.s3_server import s3_server
from concert_site.tests.test_settings import Environment
from reservations.domain import plan_uploads, posters
from reservations.models import Concert
from reservations.tests.factories import make_concert

pytestmark = [pytest.mark.processes, pytest.mark.django_db]

BUCKET = "posters"


@pytest.fixture(scope="module")
def store():
    with s3_server(BUCKET) as found:
        yield found


@pytest.fixture
def bucket(store, settings):
    """The bucket as the site has it; the client that looks past the site."""
    address, client = store
    for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=each["Key"])
    use(settings, address)
    return client


def use(settings, address, public_url=""):
    options = {"bucket_name": BUCKET, "location": "site", "endpoint_url": address, "region_name": "us-east-1"}
    options |= {"access_key": "test", "secret_key": "test", "public_url": public_url}
    backend = {"BACKEND": "concert_site.lib.bucket_storage.BucketStorage", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"default": backend}


def picture(color="red"):
    file = BytesIO()
    Image.new("RGB", (600, 800), color).save(file, "PNG")
    return posters.clean_poster(BytesIO(file.getvalue()))


def names(client):
    return {each["Key"] for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


@pytest.mark.django_db(transaction=True)
def test_a_poster_is_stored_shown_replaced_and_cleared_away(bucket, client):
    concert = make_concert()
    first = posters.set_poster(concert_id=concert.pk, poster=picture())
    concert.refresh_from_db()
    kept = bucket.head_object(Bucket=BUCKET, Key=f"site/{first}")

    # Named by what is in it, for ever, and shown by our own address.
    assert concert.poster_url == f"/media/{first}"
    assert (kept["ContentType"], kept["CacheControl"]) == ("image/webp", "public, max-age=31536000, immutable")
    shown = client.get(concert.poster_url)
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/webp")
    assert shown.content == bucket.get_object(Bucket=BUCKET, Key=f"site/{first}")["Body"].read()

    second = posters.set_poster(concert_id=concert.pk, poster=picture("blue"))
    assert len(names(bucket)) == 4
    # What is needed counts as written now, and what isn't stays until caches have forgotten it.
    assert posters.clear_posters(now=timezone.now() + timedelta(hours=35)) == 0
    assert posters.clear_posters(now=timezone.now() + timedelta(hours=37)) == 2
    assert {f"site/{second}"} < names(bucket)
    assert f"site/{first}" not in names(bucket)
    again = bucket.head_object(Bucket=BUCKET, Key=f"site/{second}")
    assert (again["ContentType"], again["CacheControl"]) == ("image/webp", "public, max-age=31536000, immutable")
    assert client.get(f"/media/{first}").status_code == 404
    Concert.objects.all().delete()


def test_browsers_are_sent_to_the_bucket_where_it_has_an_address(bucket, settings):
    use(settings, "http://127.0.0.1:1", "https://cdn.example/")
    assert default_storage.url("posters/a.webp") == "https://cdn.example/posters/a.webp"


def test_pages_allow_pictures_from_there_alone():
    ours = {"MODE": "test", "MEDIA_STORE": "s3://posters", "MEDIA_PUBLIC_URL": "https://cdn.example/site"}
    show = (
        "import django; django.setup(); from concert_site.lib.web import headers;"
        "print(headers.PAGE['img-src'], headers.ADMIN['img-src'])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", show],
        env=os.environ | ours | {"DJANGO_SETTINGS_MODULE": "concert_site.settings"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (
        shown.strip()
        == "[\"'self'\", 'data:', 'https://cdn.example'] [\"'self'\", 'data:', 'blob:', 'https://cdn.example']"
    )


def test_a_plan_waits_in_the_bucket_for_its_second_page(bucket):
    key = plan_uploads.save_upload(b"a plan", user_id=1, schedule_id=2)
    assert plan_uploads.read_upload(key, user_id=1, schedule_id=2) == b"a plan"
    assert plan_uploads.read_upload(key, user_id=1, schedule_id=3) is None
    plan_uploads.delete_upload(key, user_id=1, schedule_id=2)
    assert plan_uploads.read_upload(key, user_id=1, schedule_id=2) is None
    assert plan_uploads.delete_old_uploads() == 0


def test_what_backups_ask_is_answered(bucket):
    default_storage.save("posters/a", ContentFile(b"whole"))
    assert default_storage.listdir("posters") == ([], ["a"])
    assert (default_storage.exists("posters/a"), default_storage.exists("posters/b")) == (True, False)
    with default_storage.open("posters/a") as file:
        assert (file.read(), file.size) == (b"whole", 5)
    with pytest.raises(FileNotFoundError):
        default_storage.open("posters/b")


def test_a_store_that_is_away_is_503_and_no_mistake_of_ours(bucket, settings, client):
    use(settings, "http://127.0.0.1:1")
    with pytest.raises(Unavailable):
        default_storage.save("posters/a", ContentFile(b"whole"))
    answer = client.get(f"/media/posters/{'0' * 64}.webp")
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "5", "no-store")


@pytest.mark.parametrize(
    "text", ["posters", "s3://", "s3:///a", "https://s3.example/posters", "s3://a b", "s3://Posters"]
)
def test_what_is_no_bucket_is_named(text):
    with pytest.raises(ImproperlyConfigured, match=r"MEDIA_STORE=.* is not a bucket such as"):
        Environment(MEDIA_STORE=text).bucket("MEDIA_STORE")


def test_a_bucket_may_have_a_prefix():
    assert Environment(MEDIA_STORE="s3://posters/a/b/").bucket("MEDIA_STORE") == ("posters", "a/b")
    assert Environment(MEDIA_STORE="s3://posters").bucket("MEDIA_STORE") == ("posters", "")
    assert Environment().bucket("MEDIA_STORE") == ("", "")
