"""What looks for changes finds them."""

import pytest

from concert_site.tests.mutants import run
from concert_site.tests.unchanged import nothing_changed, nothing_written
from wallet.tests.factories import make_fan

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("look", [nothing_changed, nothing_written])
def test_an_update_to_the_same_values_is_a_change(look):
    make_fan(balance=1_000)

    with pytest.raises(AssertionError), look():
        run("update balance set amount = amount")


def test_a_lock_is_no_write_but_leaves_a_mark():
    make_fan(balance=1_000)

    with nothing_written():
        run("select 1 from balance for no key update")
    make_fan(balance=1_000)
    with pytest.raises(AssertionError), nothing_changed():
        run("select 1 from balance for no key update")
