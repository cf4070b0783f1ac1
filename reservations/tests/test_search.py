"""What a search finds, however it is typed: PostgreSQL's keys and our words are brought into one form."""

import unicodedata

import pytest

from concert_site.lib.database.search_keys import INITIALS, initials, joined, search_words
from reservations.models import Concert, Genre, Venue
from reservations.queries.concerts import Filters, search_concerts
from reservations.tests.factories import make_concert

pytestmark = pytest.mark.django_db

IU = "아이유 콘서트: The Golden Hour"


def found(search="", **filters):
    return sorted(concert.name for concert in search_concerts(Filters(search=search, **filters)))


@pytest.mark.parametrize(
    "typed",
    [
        "아이유",
        "아이 유",
        "아이유콘서트",
        "콘서트  아이유",
        "ㅇㅇㅇ",
        "ㅇㅇㅇㅋㅅㅌ",
        "ㅇㅇ ㅋㅅㅌ",
        "아이ㅇ",
        "golden HOUR",
        "goldenhour",
        "ＧＯＬＤＥＮ　ｈｏｕｒ",
        "아이유!",
        unicodedata.normalize("NFD", "아이유"),
        unicodedata.normalize("NFD", "아이 유 콘서트"),
    ],
)
def test_a_name_is_found_however_it_is_typed(typed):
    make_concert(name=IU)
    make_concert(name="아이들의 저녁 · An Evening for Kids")

    assert found(typed) == [IU]


@pytest.mark.parametrize("name", [unicodedata.normalize("NFD", "아이유"), "아이 유", "아이-유", "아이\u3000유"])
def test_a_name_is_found_however_it_was_written(name):
    make_concert(name=name)

    assert found("아이유") == found("ㅇㅇㅇ") == [name]


def test_two_keys_that_an_input_method_took_for_one_letter_are_two():
    make_concert(name="강산에")

    assert found("ㄱㅅㅇ") == found("ㄳㅇ") == ["강산에"]


def test_words_may_be_in_different_places_and_none_is_found_across_two():
    seoul = Venue.objects.create(name="블루스퀘어", address="서울 용산구 이태원로 294")
    make_concert(name="Aria", host="한밤라디오", cast="윤서하\n김하늘", genre=Genre.JAZZ, venue=seoul)
    make_concert(name="Bolero", description="An evening of jazz")

    for typed in ("aria 라디오", "윤서하", "ㅇㅅㅎ", "블루 스퀘어", "ㅂㄹㅅㅋㅇ", "용산구", "재즈 aria"):
        assert found(typed) == ["Aria"], typed
    assert found("jazz") == ["Aria", "Bolero"]
    # The end of one text and the beginning of the next.
    assert found("aria한밤") == []


@pytest.mark.parametrize("typed", ["%", "_", "\\", "100%", "a%a", "'", "!!", "ㅇㅇㅇㅇ", "[아-잏]"])
def test_a_search_that_fits_no_concert_finds_none(typed):
    make_concert(name="아이유 Aria")

    assert found(typed) == []


def test_a_key_goes_with_its_row():
    venue = Venue.objects.create(name="Old Hall")
    concert = make_concert(name="Before", venue=venue)
    Concert.objects.filter(pk=concert.pk).update(name="After")
    Venue.objects.filter(pk=venue.pk).update(name="New Hall")

    assert found("before") == found("old hall") == []
    assert found("after new") == ["After"]


@pytest.mark.parametrize(
    "text",
    [
        IU,
        "ＬＵＭＩＮＡ　ﾊﾝｸﾞﾙ ｱ",
        "ÀÉÎ Straße №5 ½",
        "ㅋㅋ 각 힣",
        unicodedata.normalize("NFD", "한강 Éclair"),
        INITIALS,
    ],
)
def test_python_and_postgresql_make_the_same_key(text):
    concert = make_concert(name=text, host="", description="")

    key = Concert.objects.values_list("search_key", flat=True).get(pk=concert.pk).split("\n")

    assert key[0] == joined(text)
    assert key[4] == initials(text)
    assert "".join(search_words(text)) == joined(text)
