"""Where a request comes from."""

import pytest

from concert_site.lib.web.networks import NOWHERE, client_address, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", NOWHERE),
        ("garbage", NOWHERE),
    ],
)
def test_the_network_of_an_address(rf, address, network):
    assert network_of(rf.get("/", REMOTE_ADDR=address)) == network


@pytest.mark.parametrize(
    ("forwarded", "network"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("10.0.0.1, 192.0.2.9", "192.0.2.9"),
        ("192.0.2.9:51234", "192.0.2.9"),
        ("[2001:db8:1:2::5]:51234", "2001:db8:1:2::/64"),
        ("", "127.0.0.1"),
        ("192.0.2.9,", "127.0.0.1"),
        ("unknown", NOWHERE),
    ],
)
def test_behind_a_proxy_its_own_entry_is_the_address(rf, settings, forwarded, network):
    settings.BEHIND_PROXY = True

    assert network_of(rf.get("/", headers={"x-forwarded-for": forwarded})) == network


def test_without_a_proxy_nobody_says_for_themselves_where_they_are(rf):
    request = rf.get("/", headers={"x-forwarded-for": "192.0.2.9"})

    assert client_address(request) == "127.0.0.1"
