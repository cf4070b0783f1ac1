"""Ids of a whole hall in one field of a form."""

import pytest

from concert_site.lib.id_ranges import MOST_IDS, format_ranges, parse_ranges


@pytest.mark.parametrize("ids", [[], [7], [1, 2, 3], [1, 3, 4, 9], list(range(5, 20_005))])
def test_ids_come_back_as_they_went(ids):
    assert parse_ranges(format_ranges(ids)) == ids


@pytest.mark.parametrize("text", ["a", "1-", "-3", "5-1", "1,,2", f"1-{MOST_IDS + 1}", "1-3;4", "9" * 19])
def test_what_is_no_list_of_ids_is_none(text):
    assert parse_ranges(text) is None


def test_ranges_of_more_ids_than_any_hall_has_are_none():
    assert parse_ranges(f"1-{MOST_IDS},{MOST_IDS + 5}-{MOST_IDS * 2}") is None
