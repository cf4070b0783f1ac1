"""A seat's address is said once, whatever words its plan has in it."""

from types import SimpleNamespace

import pytest
from django.utils.translation import override

from reservations.halls.seat_names import row_name, seat_name, seat_number


def seat(section, row, label):
    return SimpleNamespace(section=section, row=row, seat_label=label)


@pytest.mark.parametrize("row", ["A", "Row A", "row A", "ROW: A", "A열", "A 열", "A줄"])
@pytest.mark.parametrize("label", ["12", "Seat 12", "12번", "No. 12"])
def test_no_word_is_said_twice_in_either_language(row, label):
    named = seat("Parterre", row, label)

    assert seat_name(named) == "Parterre, row A, seat 12"
    with override("ko"):
        assert seat_name(named) == "Parterre A열 12번"


@pytest.mark.parametrize("name", ["Rowan", "Seaton 3", "Row", "열", "번", "Box 4", "A-1-12", "Nord 2"])
def test_a_name_that_only_looks_like_the_word_stays_as_it_is(name):
    assert (row_name(name), seat_number(name)) == (name, name)
