"""Posters: what an upload must be, what is kept of it, and that neither a crash nor a race loses one."""

import struct
import threading
import zlib
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.db import transaction
from django.utils.timezone import now
from PIL import Image, ImageCms, PngImagePlugin

from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib.errors import NotFound
from reservations.domain import posters
from reservations.domain.errors import PosterRefused
from reservations.models.posters import small_name
from reservations.queries.concerts import public_concert
from reservations.tests.factories import make_concert

RED, BLUE = (220, 30, 40), (20, 40, 200)
ABOUT_THE_SAME = 12
# Pillow warns of what is odd in EXIF, and goes on.
IN_PRODUCTION_A_LINE_IN_THE_LOG = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A folder of this test's own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def picture(mode="RGB", size=(600, 800), color=RED):
    return Image.new(mode, size, color)


def two_halves(size=(600, 800)):
    """Red above, blue below: shows which way up it is."""
    image = picture(size=size)
    image.paste(BLUE, (0, size[1] // 2, *size))
    return image


def encoded(image=None, kind="PNG", **options):
    file = BytesIO()
    (image or picture()).save(file, kind, **options)
    return file.getvalue()


def clean(content):
    return posters.clean_poster(BytesIO(content))


def refusal(content):
    with pytest.raises(PosterRefused) as refused:
        clean(content)
    assert refused.value.attr == "poster"
    return str(refused.value.detail)


def shown(content):
    """The picture that came out."""
    image = Image.open(BytesIO(content))
    assert image.format == "WEBP"
    image.load()
    return image


def assert_color(image, place, color):
    found = image.convert("RGB").getpixel(place)
    assert all(abs(a - b) <= ABOUT_THE_SAME for a, b in zip(found, color, strict=True)), found


def png_header(width, height):
    """A PNG that claims a size, and has one row of pixels for it."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def test_a_picture_becomes_webp_in_two_sizes():
    poster = clean(encoded(picture(size=(1500, 2000)), "JPEG"))

    assert shown(poster.content).size == (1200, 1600)
    assert shown(poster.small).size == (480, 640)
    assert_color(shown(poster.content), (5, 5), RED)
    assert_color(shown(poster.small), (5, 5), RED)


def test_a_small_picture_is_not_blown_up():
    poster = clean(encoded(picture(size=(300, 400))))

    assert shown(poster.content).size == shown(poster.small).size == (300, 400)


def test_the_same_picture_has_the_same_name_whatever_the_file_is_called():
    assert clean(encoded()).name == clean(encoded()).name
    assert clean(encoded()).name != clean(encoded(picture(color=BLUE))).name


NO_PICTURES = {
    "empty": b"",
    "text": b"My poster",
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "gif": encoded(kind="GIF"),
    "animated gif": encoded(kind="GIF", save_all=True, append_images=[picture(color=BLUE)]),
    "gif that is a script": b"GIF89a=1;alert(1)//" + b"\0" * 100,
    "tiff": encoded(kind="TIFF"),
    "bmp": encoded(kind="BMP"),
    "ico": encoded(kind="ICO"),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 600 800\n",
    "pdf": encoded(kind="PDF"),
}


@pytest.mark.parametrize("content", NO_PICTURES.values(), ids=NO_PICTURES)
def test_what_is_no_picture_of_ours_is_refused_whatever_it_is_called(content):
    assert refusal(content) == "We can’t use this picture. Please upload a JPEG, PNG or WebP file."


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_refused(kind):
    content = encoded(Image.effect_noise((600, 800), 80).convert("RGB"), kind)

    # Half a WebP isn't even recognized as one.
    assert ("can’t use this picture" if kind == "WEBP" else "damaged") in refusal(content[: len(content) // 2])


@pytest.mark.parametrize("size", [(60_000, 60_000), (12_000, 12_000), (10_000, 4_001)])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(size):
    said = refusal(png_header(*size))

    assert "Please make it smaller" in said


def test_a_picture_that_claims_more_than_it_has_is_damaged():
    assert "damaged" in refusal(png_header(4_000, 4_000))


def test_a_picture_too_small_to_be_seen_is_refused():
    assert refusal(encoded(picture(size=(1, 1)))) == (
        "This picture is too small: 1 × 1 pixels. Both sides need at least 200."
    )


def test_a_file_that_is_too_big_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(posters, "MOST_BYTES", 1024**2)
    file = BytesIO(encoded() + b"\0" * 3 * 1024**2)

    with pytest.raises(PosterRefused, match="A poster can have up to 1 MB"):
        posters.clean_poster(file)

    assert file.tell() == 1024**2 + 1


@pytest.mark.parametrize(("orientation", "above"), [(2, RED), (3, BLUE), (4, BLUE), (None, RED), (9, RED)])
def test_poster_exif_orientation_is_applied(orientation, above):
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation

    image = shown(clean(encoded(two_halves(), "JPEG", exif=exif)).content)

    assert image.size == (600, 800)
    assert_color(image, (300, 100), above)


@pytest.mark.parametrize(("orientation", "left"), [(5, RED), (6, BLUE), (7, BLUE), (8, RED)])
def test_a_photo_taken_sideways_is_turned(orientation, left):
    exif = Image.Exif()
    exif[0x0112] = orientation

    image = shown(clean(encoded(two_halves(), "JPEG", exif=exif)).content)

    assert image.size == (800, 600)
    assert_color(image, (100, 300), left)


def test_poster_metadata_is_removed():
    exif = Image.Exif()
    exif[0x010F] = "Camera of Kim"
    exif.get_ifd(0x8825)[2] = (37.0, 33.0, 58.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encoded(kind="JPEG", exif=exif, icc_profile=profile, comment=b"by Kim") + b"<script>alert(1)</script>"

    poster = clean(content)

    for file in (poster.content, poster.small):
        assert b"Kim" not in file
        assert b"script" not in file
        assert set(shown(file).info) <= {"background", "loop", "timestamp", "duration"}
        for chunk in (b"EXIF", b"XMP ", b"ICCP"):
            assert chunk not in file


def test_a_polyglot_loses_what_makes_it_one():
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "<script>alert(1)</script>")

    assert b"script" not in clean(encoded(pnginfo=text)).content


@IN_PRODUCTION_A_LINE_IN_THE_LOG
def test_exif_that_is_broken_or_huge_does_no_harm():
    broken = clean(encoded(kind="JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 60_000))
    huge = clean(encoded(kind="PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff" * 2_000_000))

    assert shown(broken.content).size == shown(huge.content).size == (600, 800)


def test_a_text_chunk_that_unpacks_to_a_gigabyte_is_refused():
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "\0" * 80 * 1024**2, zip=True)

    assert refusal(encoded(pnginfo=text))


@pytest.mark.parametrize(
    ("mode", "color", "kind", "seen"),
    [
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
        ("L", 128, "JPEG", (128, 128, 128)),
        ("1", 1, "PNG", (255, 255, 255)),
        ("LA", (90, 255), "PNG", (90, 90, 90)),
        ("P", 0, "PNG", (0, 0, 0)),
        ("I;16", 0x8000, "PNG", (128, 128, 128)),
        ("I;16", 0xFFFF, "PNG", (255, 255, 255)),
        ("RGBA", (*BLUE, 255), "WEBP", BLUE),
    ],
)
def test_every_way_to_say_a_color_looks_as_it_should(mode, color, kind, seen):
    image = picture(mode, color=color)

    assert_color(shown(clean(encoded(image, kind)).content), (300, 400), seen)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA"])
def test_poster_transparency_is_kept(mode):
    image = Image.new("RGBA", (600, 800), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 600, 400))

    came_out = shown(clean(encoded(image.convert(mode))).content)

    assert came_out.mode == "RGBA"
    assert came_out.getpixel((300, 700))[3] == 0
    assert came_out.getpixel((300, 100))[3] == 255


def test_a_color_profile_is_applied_not_dropped():
    # In this profile red and green have changed places.
    swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = swapped.index(b"rXYZ"), swapped.index(b"gXYZ")
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"

    image = shown(clean(encoded(picture(color=(255, 0, 0)), icc_profile=bytes(swapped))).content)

    assert_color(image, (300, 400), (0, 255, 0))


def test_a_broken_profile_is_ignored():
    assert_color(shown(clean(encoded(icc_profile=b"nonsense" * 100)).content), (300, 400), RED)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_a_moving_picture_the_first_frame_is_taken(kind):
    content = encoded(kind=kind, save_all=True, append_images=[picture(color=BLUE)] * 3, duration=100)

    image = shown(clean(content).content)

    assert getattr(image, "n_frames", 1) == 1
    assert_color(image, (300, 400), RED)


@IN_PRODUCTION_A_LINE_IN_THE_LOG
def test_no_damage_to_a_file_is_more_than_refused():
    noise = Image.effect_noise((220, 220), 60)
    for kind in ("JPEG", "PNG", "WEBP"):
        whole = encoded(noise.convert("RGB"), kind)
        for place in range(0, len(whole), max(1, len(whole) // 8)):
            hurt = bytearray(whole)
            hurt[place] ^= 0xFF
            hurt[place // 2] ^= 0x81
            with suppress(PosterRefused):
                shown(clean(bytes(hurt)).content)


@pytest.mark.django_db
def test_a_concert_gets_a_poster_and_another_and_none(media):
    concert = make_concert()

    first = posters.set_poster(concert_id=concert.pk, poster=clean(encoded()))
    second = posters.set_poster(concert_id=concert.pk, poster=clean(encoded(picture(color=BLUE))))

    concert.refresh_from_db()
    assert concert.poster.name == second != first
    for name in (first, small_name(first), second, small_name(second)):
        assert (media / name).is_file()
    assert posters.remove_poster(concert_id=concert.pk)
    assert not posters.remove_poster(concert_id=concert.pk)
    concert.refresh_from_db()
    assert not concert.poster


@pytest.mark.django_db
def test_a_concert_that_is_not_there_has_no_poster():
    with pytest.raises(NotFound):
        posters.set_poster(concert_id=0, poster=clean(encoded()))
    with pytest.raises(NotFound):
        posters.remove_poster(concert_id=0)


@pytest.mark.django_db
def test_setting_a_poster_takes_two_statements(django_assert_num_queries):
    concert, poster = make_concert(), clean(encoded())

    # The lock and the row, between the two that open and close a step of the test's own transaction.
    with django_assert_num_queries(4):
        posters.set_poster(concert_id=concert.pk, poster=poster)


@pytest.mark.django_db
def test_lists_show_the_small_picture():
    concert = make_concert()
    name = posters.set_poster(concert_id=concert.pk, poster=clean(encoded()))

    listing = public_concert(concert.pk)

    assert listing.poster == f"/media/{name}"
    assert listing.poster_small == f"/media/{small_name(name)}"


@pytest.mark.django_db
@pytest.mark.parametrize(("poster", "small"), [("", None), ("posters/old.jpg", "/media/posters/old.jpg")])
def test_without_a_small_picture_lists_show_what_there_is(poster, small):
    assert make_concert(poster=poster).poster_small_url == small


def names_in(folder):
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.django_db
def test_what_no_concert_names_is_cleared_away_in_the_second_night(media):
    concert, other = make_concert(), make_concert()
    old = posters.set_poster(concert_id=concert.pk, poster=clean(encoded()))
    posters.set_poster(concert_id=other.pk, poster=clean(encoded()))
    new = posters.set_poster(concert_id=concert.pk, poster=clean(encoded(picture(color=BLUE))))
    foreign = media / "posters" / "README.txt"
    foreign.write_text("not ours")
    (media / "posters" / ".killed.new").write_text("half a pos")
    night = now() + timedelta(hours=1)

    # The other concert still has the first one: only what a killed process left goes.
    assert [posters.clear_posters(now=night + timedelta(days=days)) for days in range(4)] == [0, 0, 1, 0]
    posters.remove_poster(concert_id=other.pk)
    assert [posters.clear_posters(now=night + timedelta(days=days)) for days in range(4, 7)] == [0, 2, 0]

    assert names_in(media) == {new, small_name(new), "posters/README.txt"}
    assert old not in names_in(media)


@pytest.mark.django_db
def test_there_is_nothing_to_clear_before_the_first_upload():
    assert posters.clear_posters() == 0


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_fails_leaves_the_concert_its_poster(media):
    concert = make_concert()
    kept = posters.set_poster(concert_id=concert.pk, poster=clean(encoded()))

    with transaction.atomic():
        posters.store_poster(clean(encoded(picture(color=BLUE))))
        transaction.set_rollback(True)

    assert posters.clear_posters(now=now() + timedelta(days=2)) == 2
    assert names_in(media) == {kept, small_name(kept)}


@pytest.mark.django_db(transaction=True)
def test_a_poster_that_is_just_being_set_again_is_not_cleared_away(media):
    concert, poster = make_concert(), clean(encoded())
    name = posters.set_poster(concert_id=concert.pk, poster=poster)
    posters.remove_poster(concert_id=concert.pk)
    stored, go_on = threading.Event(), threading.Event()

    def set_slowly():
        with transaction.atomic():
            row = posters.store_poster(poster)
            stored.set()
            assert go_on.wait(60)
            type(concert).objects.filter(pk=concert.pk).update(poster=row)

    def clear():
        assert stored.wait(60)
        threading.Timer(0.3, go_on.set).start()
        return posters.clear_posters(now=now() + timedelta(days=2))

    assert at_once([set_slowly, clear]) == [None, 0]
    assert (media / name).is_file()


def test_a_write_that_breaks_leaves_what_was_there(media):
    class Breaking(BytesIO):
        size = 10

        def chunks(self):
            yield b"half"
            raise OSError("disk full")

    storage = posters.default_storage
    storage.save("posters/a", posters.ContentFile(b"whole"))

    with pytest.raises(OSError, match="disk full"):
        storage.save("posters/a", Breaking())

    assert (media / "posters/a").read_bytes() == b"whole"
    assert names_in(media) == {"posters/a"}
